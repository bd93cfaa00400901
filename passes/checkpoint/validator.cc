#include "passes/checkpoint/validator.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"

namespace plimsoll::checkpoint {
namespace {

template <typename... Parts>
absl::Status Broken(const Parts&... parts) {
  return absl::FailedPreconditionError(absl::StrCat(parts...));
}

}  // namespace

// Backwards over the sequence: what is still needed after a step is what is in memory between it and the next.
absl::Status Validate(const Problem& problem, int64_t budget, const Solution& solution) {
  const std::vector<int>& sequence = solution.sequence;
  std::set<int> to_compute(problem.order.begin(), problem.order.end());
  if (problem.order.empty()) {
    for (size_t v = 0; v < problem.nodes.size(); ++v) to_compute.insert(static_cast<int>(v));
  }
  std::set<int> computed;
  double cost = 0;
  for (size_t i = 0; i < sequence.size(); ++i) {
    const int v = sequence[i];
    if (to_compute.count(v) == 0) return Broken("[R1] step ", i, " computes node ", v, ", which is not to be computed");
    for (int u : problem.nodes[v].inputs) {
      if (computed.count(u) == 0) return Broken("[R2] step ", i, " computes node ", v, " before its input ", u);
    }
    if (computed.count(v) == 0 && !problem.order.empty() && problem.order[computed.size()] != v) {
      return Broken("[R3] step ", i, " computes node ", v, " for the first time; the order has node ",
                    problem.order[computed.size()], " next");
    }
    if (!computed.insert(v).second && problem.nodes[v].once) {
      return Broken("[R9] step ", i, " computes node ", v, " again, which must not be");
    }
    cost += problem.nodes[v].cost;
  }
  if (computed != to_compute)
    return Broken("[R1] ", computed.size(), " nodes are computed, expected ", to_compute.size());

  std::set<int> needed(problem.outputs.begin(), problem.outputs.end());
  int64_t held = 0, peak = 0;  // held: bytes of `needed`
  for (int v : needed) held += problem.nodes[v].size;
  for (size_t i = sequence.size(); i-- > 0;) {
    const int v = sequence[i];
    // While v is computed: what is needed later, and the inputs of v.
    int64_t during = held + problem.nodes[v].workspace + (needed.count(v) == 0 ? problem.nodes[v].size : 0);
    if (needed.erase(v) > 0) held -= problem.nodes[v].size;
    for (int u : problem.nodes[v].inputs) {
      if (!needed.insert(u).second) continue;
      held += problem.nodes[u].size;
      during += problem.nodes[u].size;
    }
    peak = std::max(peak, during);
  }
  if (!needed.empty()) return Broken("[R1] output ", *needed.begin(), " is never computed");
  if (peak != solution.peak) return Broken("[R4] the sequence needs ", peak, " bytes, stated are ", solution.peak);
  if (peak > budget) return Broken("[R5] the sequence needs ", peak, " bytes, the budget is ", budget);
  const double rounding = 1e-9 * (1 + cost);
  if (!(std::abs(cost - solution.cost) <= rounding))
    return Broken("[R6] the sequence costs ", cost, ", stated is ", solution.cost);
  if (!(solution.lower_bound <= cost + rounding))
    return Broken("[R7] lower bound ", solution.lower_bound, " above the cost ", cost);
  if (solution.proven_optimal && solution.lower_bound < cost - rounding) {
    return Broken("[R8] proven optimal with bound ", solution.lower_bound, " below the cost ", cost);
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::checkpoint
