// The problems of `plimsoll solve`, a file each.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "tools/plimsoll/command.h"

namespace plimsoll::cli {

struct SolveFlags {
  std::string problem, output, capacity, budget, html;
  double seconds = 0;  // 0: no limit on the wall clock
  int64_t steps = 0;   // 0: the solver's own limit
  bool free_order = false;
};

Outcome SolveAllocation(const SolveFlags& flags, bool json);
Outcome SolveOrdering(const SolveFlags& flags, bool json);
Outcome SolveRematerialization(const SolveFlags& flags, bool json);

// A whole file. kNotFound where it cannot be opened.
absl::StatusOr<std::string> ReadFile(const std::string& path);

class Timer {
 public:
  double Seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// How far `value` is above `bound`, as a share of the bound.
inline double Gap(double value, double bound) { return bound > 0 ? (value - bound) / bound : 0; }

}  // namespace plimsoll::cli
