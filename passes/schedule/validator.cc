#include "passes/schedule/validator.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace plimsoll::schedule {

absl::Status Validate(const Problem& problem, const Solution& solution) {
  const size_t n = problem.nodes.size();
  if (solution.order.size() != n) {
    return absl::FailedPreconditionError(
        absl::StrCat("[S1] the order has ", solution.order.size(), " nodes, expected ", n));
  }
  constexpr size_t kNever = ~size_t{0};
  std::vector<size_t> position(n, kNever);
  for (size_t i = 0; i < n; ++i) {
    const int v = solution.order[i];
    if (v < 0 || static_cast<size_t>(v) >= n) {
      return absl::FailedPreconditionError(absl::StrCat("[S1] the order names node ", v, ", there are ", n));
    }
    if (position[v] != kNever) return absl::FailedPreconditionError(absl::StrCat("[S1] node ", v, " runs twice"));
    position[v] = i;
  }
  // A tensor is in memory during the steps [first, last]. Memory at a step is a sum of differences.
  struct Life {
    size_t first = 0, last = 0;
    bool used = false, produced = false, kept = false;
  };
  std::vector<Life> lives(problem.tensors.size());
  for (size_t v = 0; v < n; ++v) {
    for (int t : problem.nodes[v].outputs) {
      lives[t].produced = true;
      lives[t].first = lives[t].last = position[v];
    }
  }
  for (size_t v = 0; v < n; ++v) {
    for (int t : problem.nodes[v].inputs) {
      Life& life = lives[t];
      if (life.produced && position[v] <= life.first) {
        return absl::FailedPreconditionError(absl::StrCat("[S2] node ", v, " runs at step ", position[v],
                                                          ", before its input, tensor ", t, ", is produced at step ",
                                                          life.first));
      }
      life.used = true;
      life.last = std::max(life.last, position[v]);
    }
  }
  for (int t : problem.outputs) lives[t].kept = true;
  std::vector<__int128> change(n + 1, 0);
  __int128 start = 0;
  for (size_t t = 0; t < lives.size(); ++t) {
    const Life& life = lives[t];
    const size_t end = life.kept || (!life.produced && !life.used) ? n : life.last + 1;
    if (!life.produced) start += problem.tensors[t].size;
    if (n == 0) continue;
    change[life.produced ? life.first : 0] += problem.tensors[t].size;
    change[end] -= problem.tensors[t].size;
  }
  __int128 peak = start, bytes = 0;
  for (size_t i = 0; i < n; ++i) {
    bytes += change[i];
    peak = std::max(peak, bytes + problem.nodes[solution.order[i]].workspace);
  }
  if (peak != solution.peak) {
    return absl::FailedPreconditionError(absl::StrCat("[S3] the order needs ", static_cast<int64_t>(peak),
                                                      " bytes, the solution states ", solution.peak));
  }
  if (solution.lower_bound > solution.peak) {
    return absl::FailedPreconditionError(
        absl::StrCat("[S4] the lower bound ", solution.lower_bound, " is above the peak ", solution.peak));
  }
  if (solution.proven_optimal && solution.lower_bound != solution.peak) {
    return absl::FailedPreconditionError(absl::StrCat("[S5] called optimal, but the lower bound is ",
                                                      solution.lower_bound, " and the peak ", solution.peak));
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::schedule
