#include "runtime/collective/await.h"

#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace plimsoll::runtime::collective {
namespace {

// The host looks again at once for so many times, then after a pause: short waits end before.
constexpr int kQuickLooks = 2000;
constexpr std::chrono::microseconds kPause(50);

}  // namespace

absl::Status Await(absl::Duration timeout, const char* what, absl::FunctionRef<absl::StatusOr<bool>()> done) {
  const absl::Time until = absl::Now() + timeout;
  for (int looks = 0;; ++looks) {
    const absl::StatusOr<bool> is_done = done();
    if (!is_done.ok()) return is_done.status();
    if (*is_done) return absl::OkStatus();
    if (absl::Now() > until) {
      return absl::DeadlineExceededError(absl::StrCat(what, " did not end within ", absl::FormatDuration(timeout),
                                                      ": other ranks have failed, or are not there"));
    }
    if (looks < kQuickLooks) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kPause);
    }
  }
}

}  // namespace plimsoll::runtime::collective
