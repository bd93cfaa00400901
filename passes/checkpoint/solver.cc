#include "passes/checkpoint/solver.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "absl/strings/str_cat.h"
#include "passes/checkpoint/anneal.h"
#include "passes/checkpoint/bound.h"
#include "passes/checkpoint/chain.h"
#include "passes/checkpoint/construct.h"
#include "passes/checkpoint/exact.h"
#include "passes/checkpoint/free_bound.h"
#include "passes/checkpoint/graph.h"
#include "passes/checkpoint/tree.h"
#include "passes/schedule/budget.h"
#include "passes/schedule/solver.h"

namespace plimsoll::checkpoint {
namespace {

// Of the memory of the dynamic program over chains.
constexpr int kChainSlots = 500;

int64_t DefaultSteps(int nodes) {
  const double scale = nodes / 350.0;
  if (scale < 1) return static_cast<int64_t>(5e7 + 3e7 * scale);
  return static_cast<int64_t>(8e7 * std::min(20.0, std::pow(scale, 2.7)));
}

// The order of least peak without rematerialization that the ordering solver finds.
std::vector<int> LowPeakOrder(const Problem& problem, int64_t budget, int64_t* bound) {
  schedule::Problem ordering;
  for (size_t v = 0; v < problem.nodes.size(); ++v) {
    ordering.tensors.push_back({problem.nodes[v].size});
    ordering.nodes.push_back({problem.nodes[v].inputs, {static_cast<int>(v)}, problem.nodes[v].workspace});
  }
  ordering.outputs = problem.outputs;
  schedule::Options options;
  options.max_steps = 3'000'000 + 3'000 * static_cast<int64_t>(problem.nodes.size());
  options.target = budget;
  const absl::StatusOr<schedule::Solution> solution = schedule::Solve(ordering, options);
  *bound = solution.ok() ? solution->lower_bound : 0;
  return solution.ok() ? solution->order : OrderOf(problem);
}

class OneBudget {
 public:
  OneBudget(const Problem& problem, int64_t budget, const Options& options)
      : problem_(problem),
        budget_(budget),
        by_clock_(options.seconds > 0),
        effort_(options.max_steps > 0 ? options.max_steps : DefaultSteps(static_cast<int>(problem.nodes.size())),
                options.seconds) {
    answer_.budget = budget;
    answer_.memory_bound = Floor(problem);
  }

  // `known`: a sequence of the problem within the budget, or empty. `memory_bound`: bytes that every sequence needs, as
  // far as the search for a smaller budget has found out; 0 for the first.
  Answer Run(const std::vector<int>& known, int64_t memory_bound) {
    memory_searched_ = memory_bound > 0;
    answer_.memory_bound = std::max(answer_.memory_bound, memory_bound);
    if (Floor(problem_) > budget_) {
      answer_.status = absl::ResourceExhaustedError(
          absl::StrCat("infeasible: the largest inputs, output and workspace of one node, or the outputs, take ",
                       Floor(problem_), " bytes, the budget is ", budget_));
      return answer_;
    }
    if (answer_.memory_bound > budget_) {
      answer_.status = Infeasible();
      return answer_;
    }
    std::vector<int> order = OrderOf(problem_);
    graph_ = BuildGraph(problem_, order);
    if (graph_.nodes() == 0) return answer_;
    std::vector<int> best(graph_.nodes());
    std::iota(best.begin(), best.end(), 0);
    if (PeakOf(graph_, best) <= budget_) return Finish(best, 0);
    if (!graph_.fixed && IsForest(graph_)) {
      best = ForestOrder(graph_);
      answer_.memory_bound = PeakOf(graph_, best);
      if (answer_.memory_bound <= budget_) return Finish(best, 0);
      answer_.status = Infeasible();
      return answer_;
    }
    if (!graph_.fixed) {
      int64_t bound = 0;
      order = LowPeakOrder(problem_, budget_, &bound);
      graph_ = BuildGraph(problem_, order);
      if (PeakOf(graph_, best) <= budget_) return Finish(best, 0);
      // No order without recomputation fits: something is computed twice.
      if (bound > budget_) {
        double least = std::numeric_limits<double>::infinity();
        for (int v = 0; v < graph_.nodes(); ++v) {
          if (!graph_.once[v]) least = std::min(least, graph_.cost[v]);
        }
        if (least < std::numeric_limits<double>::infinity()) extra_ = least;
        effort_.Within(effort_.left() / 10,
                       [&] { extra_ = std::max(extra_, FreeOrderBound(graph_, budget_, effort_)); });
      }
    }
    const std::vector<int> start = best;

    // Small graphs exactly; larger ones for what the search can prove.
    const int64_t states = graph_.nodes() <= 64 ? std::min<int64_t>(200'000, effort_.left() / 2'000) : 500;
    const ExactResult exact = SearchCost(graph_, budget_, states);
    effort_.Spend(states * 300);
    if (exact.infeasible) {
      answer_.status = absl::ResourceExhaustedError(
          absl::StrCat("infeasible: every sequence was tried; none needs at most ", budget_, " bytes"));
      RaiseMemoryBound();
      return answer_;
    }
    if (!exact.sequence.empty()) return Finish(exact.sequence, exact.extra);
    extra_ = std::max(extra_, exact.extra);

    best = ToGraph(known);
    if (std::vector<int> built = Construct(graph_, budget_); !built.empty()) {
      if (best.empty() || CostOf(graph_, built) < CostOf(graph_, best)) best = std::move(built);
    }
    if (const std::optional<TrainingChain> chain = FindTrainingChain(graph_)) {
      const std::vector<int> persistent = ChainSequence(graph_, *chain, budget_, kChainSlots, effort_);
      if (!persistent.empty() && (best.empty() || CostOf(graph_, persistent) < CostOf(graph_, best))) best = persistent;
    }
    if (graph_.fixed) {
      effort_.Within(effort_.left() / 10, [&] {
        const double upper = best.empty() ? graph_.total_cost : CostOf(graph_, best) - graph_.total_cost;
        extra_ = std::max(extra_, FixedOrderBound(graph_, budget_, upper, effort_));
      });
    }
    // By steps, one search that cools down over all of them. By the clock, searches of growing length until it stops
    // them.
    const double enough = (graph_.total_cost + extra_) * (1 + 1e-9);
    const int64_t first = by_clock_ ? DefaultSteps(graph_.nodes()) : effort_.left();
    for (int round = 0; effort_.left() > 0 && (best.empty() || CostOf(graph_, best) > enough); ++round) {
      effort_.Within(first << std::min(round, 4),
                     [&] { Anneal(graph_, budget_, best.empty() ? start : best, enough, round + 1, best, effort_); });
    }
    if (best.empty()) {
      RaiseMemoryBound();
      if (answer_.memory_bound > budget_) {
        answer_.status = Infeasible();
      } else {
        answer_.status = absl::DeadlineExceededError(absl::StrCat("no sequence within ", budget_,
                                                                  " bytes was found in the limit; proven is that ",
                                                                  answer_.memory_bound, " bytes are needed"));
      }
      return answer_;
    }
    return Finish(best, extra_);
  }

 private:
  std::vector<int> ToGraph(const std::vector<int>& sequence) const {
    std::vector<int> rank(problem_.nodes.size(), -1), result;
    for (int v = 0; v < graph_.nodes(); ++v) rank[graph_.original[v]] = v;
    for (int v : sequence) result.push_back(rank[v]);
    return result;
  }

  absl::Status Infeasible() const {
    return absl::ResourceExhaustedError(absl::StrCat("infeasible: every sequence needs at least ", answer_.memory_bound,
                                                     " bytes, the budget is ", budget_));
  }

  void RaiseMemoryBound() {
    if (memory_searched_) return;
    const int64_t states = graph_.nodes() <= 64 ? 100'000 : 3'000;
    answer_.memory_bound = std::max(answer_.memory_bound, SearchMemory(graph_, states, nullptr));
  }

  Answer Finish(const std::vector<int>& sequence, double extra) {
    answer_.solution = ToSolution(problem_, graph_, sequence);
    const double cost = answer_.solution.cost, bound = graph_.total_cost + extra;
    answer_.solution.proven_optimal = cost <= bound * (1 + 1e-9);
    answer_.solution.lower_bound = answer_.solution.proven_optimal ? cost : bound;
    return answer_;
  }

  const Problem& problem_;
  const int64_t budget_;
  const bool by_clock_;
  schedule::Budget effort_;
  Graph graph_;
  double extra_ = 0;  // lower bound on the cost above computing each node once
  bool memory_searched_ = false;
  Answer answer_;
};

}  // namespace

absl::StatusOr<std::vector<Answer>> Solve(const Problem& problem, absl::Span<const int64_t> budgets,
                                          const Options& options) {
  if (absl::Status s = Check(problem); !s.ok()) return s;
  for (int64_t budget : budgets) {
    if (budget < 0) return absl::InvalidArgumentError(absl::StrCat("a budget of ", budget, " bytes"));
  }
  // From the smallest budget up: what fits a smaller one fits the next.
  std::vector<int> ascending(budgets.size());
  std::iota(ascending.begin(), ascending.end(), 0);
  std::stable_sort(ascending.begin(), ascending.end(), [&](int a, int b) { return budgets[a] < budgets[b]; });
  std::vector<Answer> answers(budgets.size());
  std::vector<int> known;
  int64_t memory_bound = 0;
  for (int i : ascending) {
    const auto start = std::chrono::steady_clock::now();
    answers[i] = OneBudget(problem, budgets[i], options).Run(known, memory_bound);
    answers[i].seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    // Searched once, for the smallest budget above the floor.
    if (answers[i].memory_bound > Floor(problem) || (!answers[i].status.ok() && budgets[i] >= Floor(problem))) {
      memory_bound = answers[i].memory_bound;
    }
    if (answers[i].status.ok()) known = answers[i].solution.sequence;
  }
  // What bounds the cost within a larger budget bounds it within a smaller one.
  double bound = 0;
  for (auto i = ascending.rbegin(); i != ascending.rend(); ++i) {
    Answer& answer = answers[*i];
    if (!answer.status.ok()) continue;
    Solution& solution = answer.solution;
    bound = std::max(bound, solution.lower_bound);
    solution.lower_bound = std::min(bound, solution.cost);
    solution.proven_optimal = solution.cost <= solution.lower_bound * (1 + 1e-9);
  }
  return answers;
}

}  // namespace plimsoll::checkpoint
