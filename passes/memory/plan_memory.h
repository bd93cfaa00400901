// Addresses for the buffers of one arena of a program, by the allocation solver.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace plimsoll::passes {

struct MemoryRequest {
  struct Buffer {
    int first = 0;  // alive at the commands [first, last)
    int last = 0;
    int64_t size_bytes = 0;
  };
  std::vector<Buffer> buffers;
  std::vector<std::pair<int, int>> may_share;  // that may be at one address although both are alive
  int64_t alignment = 64;
  // Sizes count as multiples of the alignment: costs less than that at the top, and lets the bound be met.
  bool whole_units = false;
  int64_t max_steps = 0;  // of the search; 0: the solver's own limit
};

struct MemoryPlan {
  std::vector<int64_t> offsets;
  int64_t size_bytes = 0;
  bool proven_optimal = false;
};

absl::StatusOr<MemoryPlan> PlanMemory(const MemoryRequest& request);

// The problem that PlanMemory solves, as `plimsoll solve allocation` reads it; `ids` and `names` by buffer.
std::string MemoryProblemCsv(const MemoryRequest& request, const std::vector<std::string>& ids,
                             const std::vector<std::string>& names);

}  // namespace plimsoll::passes
