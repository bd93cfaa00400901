// An operation whose result has no elements.
#pragma once

#include "runtime/library/library.h"

namespace plimsoll::runtime::nvidia {

class Nothing : public PreparedOp {
 public:
  Nothing(int operands, int64_t workspace_bytes) : operands_(operands), workspace_bytes_(workspace_bytes) {}
  absl::Status Run(absl::Span<void* const>, StreamHandle) override { return absl::OkStatus(); }
  int64_t workspace_bytes() const override { return workspace_bytes_; }
  int operand_count() const override { return operands_ + (workspace_bytes_ > 0 ? 1 : 0); }

 private:
  const int operands_;  // without the workspace
  const int64_t workspace_bytes_;
};

}  // namespace plimsoll::runtime::nvidia
