#ifndef PLIMSOLL_PASSES_SCHEDULE_BUDGET_H_
#define PLIMSOLL_PASSES_SCHEDULE_BUDGET_H_

#include <chrono>
#include <cstdint>
#include <limits>

namespace plimsoll::schedule {

// Counts work. The clock is looked at only where a limit in seconds was given.
class Budget {
 public:
  Budget(int64_t steps, double seconds) : left_(steps), seconds_(seconds), start_(Clock::now()) {}

  // False once the budget is spent.
  bool Spend(int64_t steps) {
    left_ -= steps;
    if (seconds_ > 0 && (since_look_ += steps) > 50'000) {
      since_look_ = 0;
      if (std::chrono::duration<double>(Clock::now() - start_).count() > seconds_) left_ = 0;
    }
    return left_ > 0;
  }
  int64_t left() const { return left_ > 0 ? left_ : 0; }

  // Runs `work` with at most `share` of what is left.
  template <typename Work>
  void Within(int64_t share, Work work) {
    const int64_t all = left(), part = share < all ? share : all;
    left_ = part;
    work();
    // A clock that ran out leaves nothing; steps that ran out leave the rest.
    const bool late = seconds_ > 0 && std::chrono::duration<double>(Clock::now() - start_).count() > seconds_;
    left_ = late ? 0 : all - part + left_;
  }

 private:
  using Clock = std::chrono::steady_clock;
  int64_t left_;
  double seconds_;
  int64_t since_look_ = 0;
  Clock::time_point start_;
};

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_BUDGET_H_
