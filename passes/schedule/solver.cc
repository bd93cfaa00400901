#include "passes/schedule/solver.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/status/status.h"
#include "passes/schedule/bound.h"
#include "passes/schedule/graph.h"
#include "passes/schedule/greedy.h"

namespace plimsoll::schedule {
namespace {

bool IsTopological(const Graph& graph, const std::vector<int>& order) {
  std::vector<char> done(graph.size(), 0);
  for (int v : order) {
    for (int p : graph.preds[v]) {
      if (!done[p]) return false;
    }
    done[v] = 1;
  }
  return true;
}

std::vector<int> RankOf(const std::vector<int>& order) {
  std::vector<int> rank(order.size());
  for (size_t i = 0; i < order.size(); ++i) rank[order[i]] = static_cast<int>(i);
  return rank;
}

struct Best {
  std::vector<int> order;
  int64_t peak = -1;

  bool Offer(const Graph& graph, std::vector<int> candidate) {
    const int64_t found = PeakOf(graph, candidate);
    if (peak >= 0 && found >= peak) return false;
    peak = found;
    order = std::move(candidate);
    return true;
  }
};

// List schedules in both directions; then the best order is pressed forwards and backwards while that helps.
void OfferGreedy(const Graph& graph, const Graph& reversed, Best& best) {
  std::vector<int> index(graph.size());
  std::iota(index.begin(), index.end(), 0);
  std::vector<int> backward(index.rbegin(), index.rend());
  auto flipped = [](std::vector<int> order) {
    std::reverse(order.begin(), order.end());
    return order;
  };
  for (Rule rule : {Rule::kRank, Rule::kNet, Rule::kRise, Rule::kLiu, Rule::kDepth}) {
    best.Offer(graph, Greedy(graph, rule, index));
    best.Offer(graph, flipped(Greedy(reversed, rule, backward)));
  }
  for (bool better = true; better;) {
    better = best.Offer(graph, flipped(Greedy(reversed, Rule::kRank, RankOf(flipped(best.order)))));
    better |= best.Offer(graph, Greedy(graph, Rule::kRank, RankOf(best.order)));
  }
}

}  // namespace

absl::StatusOr<Solution> Solve(const Problem& problem, const Options& options) {
  if (absl::Status s = Check(problem); !s.ok()) return s;
  const Graph graph = BuildGraph(problem);
  const Graph reversed = Reverse(graph);
  Best best;
  std::vector<int> index(graph.size());
  std::iota(index.begin(), index.end(), 0);
  if (IsTopological(graph, index)) best.Offer(graph, index);
  OfferGreedy(graph, reversed, best);
  Solution solution;
  solution.lower_bound = NodeBound(graph);
  solution.order = Expand(graph, best.order);
  solution.peak = best.peak;
  solution.proven_optimal = solution.peak == solution.lower_bound;
  return solution;
}

}  // namespace plimsoll::schedule
