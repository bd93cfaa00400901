#include "passes/schedule/solver.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "passes/schedule/bound.h"
#include "passes/schedule/budget.h"
#include "passes/schedule/graph.h"
#include "passes/schedule/greedy.h"
#include "passes/schedule/improve.h"
#include "passes/schedule/reach.h"
#include "passes/schedule/reduce.h"
#include "passes/schedule/segments.h"

namespace plimsoll::schedule {
namespace {

// What lies between two nodes that all others are comparable with; solved on its own.
struct Part {
  std::vector<int> nodes;  // of the whole graph
  Graph graph;             // reduced; members index `nodes`
  std::vector<int> order;  // of graph
  int64_t peak = 0;
  int64_t bound = 0;
};

Part MakePart(const Graph& graph, const Profile& profile, int begin, int end) {
  Part part;
  part.nodes.assign(profile.order.begin() + begin, profile.order.begin() + end);
  part.graph = Reduce(Window(graph, profile, begin, end));
  const int n = part.graph.size();
  // The given order, as far as the fused nodes allow.
  std::vector<int> rank(n);
  for (int v = 0; v < n; ++v) rank[v] = part.graph.members[v].front();
  part.order = ListSchedule(part.graph, rank, part.peak);
  std::optional<Reach> reach;
  if (n <= Reach::kMaxNodes) reach.emplace(part.graph);
  part.bound = EndsAndNodes(part.graph, NodeBounds(part.graph, reach ? &*reach : nullptr));
  return part;
}

}  // namespace

absl::StatusOr<Solution> Solve(const Problem& problem, const Options& options) {
  if (absl::Status s = Check(problem); !s.ok()) return s;
  Budget budget(options.max_steps, options.seconds);
  const Graph graph = BuildGraph(problem);
  const int n = graph.size();
  std::vector<int> index(n);
  std::iota(index.begin(), index.end(), 0);
  Solution solution;
  std::vector<int> best;
  const bool imported_is_topological = IsTopological(graph, index);
  best = ListSchedule(graph, index, solution.peak);
  if (imported_is_topological) {
    if (const int64_t peak = PeakOf(graph, index); peak < solution.peak) {
      solution.peak = peak;
      best = index;
    }
  }

  // Forced moments divide the problem; the largest peak of the parts decides.
  std::vector<Part> parts;
  const std::vector<int> bounds = Divide(graph, best);
  const Profile profile = MakeProfile(graph, best);
  for (size_t i = 0; i + 1 < bounds.size(); ++i) {
    parts.push_back(MakePart(graph, profile, bounds[i], bounds[i + 1]));
  }
  int64_t floor = 0;
  for (const Part& part : parts) floor = std::max(floor, part.bound);
  for (const Value& value : graph.values) {
    if (n == 0) floor += value.size;
  }
  if (n == 0) floor += graph.base;
  std::vector<Part*> hardest;
  for (Part& part : parts) hardest.push_back(&part);
  std::sort(hardest.begin(), hardest.end(),
            [](const Part* a, const Part* b) { return a->peak != b->peak ? a->peak > b->peak : a->nodes < b->nodes; });
  for (size_t i = 0; i < hardest.size(); ++i) {
    Part& part = *hardest[i];
    if (part.peak <= std::max(floor, options.target)) continue;
    size_t rest = 0;
    for (size_t j = i; j < hardest.size(); ++j) rest += hardest[j]->peak > floor;
    budget.Within(i == 0 ? budget.left() * 3 / 4 : budget.left() / rest + 1, [&] {
      Improve(part.graph, std::max(floor, options.target), part.order, part.peak, part.bound, budget);
    });
    floor = std::max(floor, part.bound);
  }
  std::vector<int> order;
  for (const Part& part : parts) {
    for (int i : Expand(part.graph, part.order)) order.push_back(part.nodes[i]);
  }
  if (const int64_t peak = PeakOf(graph, order); peak < solution.peak || best.empty()) {
    solution.peak = peak;
    best = std::move(order);
  }
  solution.lower_bound = std::min(floor, solution.peak);
  solution.order = std::move(best);
  solution.proven_optimal = solution.peak == solution.lower_bound;
  return solution;
}

}  // namespace plimsoll::schedule
