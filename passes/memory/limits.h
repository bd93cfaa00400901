// The limit of a search, counted in steps; by the clock only where that was asked for.
#ifndef PLIMSOLL_PASSES_MEMORY_LIMITS_H_
#define PLIMSOLL_PASSES_MEMORY_LIMITS_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "passes/memory/problem.h"

namespace plimsoll::memory {

class Limits {
 public:
  Limits(const Options& options, int64_t default_steps)
      : limit_(std::max<int64_t>(options.max_steps.value_or(options.seconds ? INT64_MAX : default_steps), 0)),
        deadline_(options.seconds ? absl::Now() + absl::Seconds(*options.seconds) : absl::InfiniteFuture()) {}

  // Counts steps; false once the limit is reached, from then on for ever.
  bool Spend(int64_t steps = 1) {
    used_ = steps > INT64_MAX - used_ ? INT64_MAX : used_ + steps;
    if (used_ >= limit_) reached_ = true;
    if (used_ >= next_look_ && deadline_ != absl::InfiniteFuture()) {
      next_look_ = used_ + 256;
      if (absl::Now() >= deadline_) reached_ = true;
    }
    return !reached_;
  }

  bool reached() const { return reached_; }
  int64_t used() const { return used_; }
  int64_t remaining() const { return std::max<int64_t>(limit_ - used_, 0); }

 private:
  int64_t limit_;
  absl::Time deadline_;
  int64_t used_ = 0;
  int64_t next_look_ = 0;
  bool reached_ = false;
};

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_LIMITS_H_
