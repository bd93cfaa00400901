// Waiting for what other ranks may never let happen.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace plimsoll::runtime::collective {

// Asks `done` again and again until it says true or an error. kDeadlineExceeded after `timeout`, with `what` did not
// end.
absl::Status Await(absl::Duration timeout, const char* what, absl::FunctionRef<absl::StatusOr<bool>()> done);

}  // namespace plimsoll::runtime::collective
