// The one place where a status becomes an exit code.
#pragma once

#include "absl/status/status.h"

namespace plimsoll::cli {

enum ExitCode {
  kDone = 0,            // done, fits
  kInternal = 1,        // a bug, or misuse that only a program can make
  kUsage = 2,           // usage, inputs that contradict the signature, or a plan for another machine
  kDoesNotFit = 3,      // infeasible, or nothing found in the limit given
  kUnsupported = 4,     // unsupported operators, all listed
  kFile = 5,            // a file that cannot be read or written
  kDiffers = 6,         // the result differs from the expected one
};

inline int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk: return kDone;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition: return kUsage;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDeadlineExceeded: return kDoesNotFit;
    case absl::StatusCode::kUnimplemented: return kUnsupported;
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnavailable: return kFile;
    default: return kInternal;
  }
}

}  // namespace plimsoll::cli
