// Times the algorithms of a library on a device.
#pragma once

#include <vector>

#include "absl/types/span.h"
#include "runtime/device/device.h"
#include "runtime/library/library.h"

namespace plimsoll::runtime {

// For one command: where its operands lie, before anything that they hold matters. The host's clock, around several runs at a
// time between synchronizations.
class DeviceTuner : public Tuner {
 public:
  // All outlive the tuner. The device is entered around every call.
  DeviceTuner(Device& device, StreamHandle stream, absl::Span<void* const> operands)
      : device_(device), stream_(stream), operands_(operands) {}

  absl::StatusOr<double> Seconds(
      absl::FunctionRef<absl::Status(absl::Span<void* const> operands, StreamHandle stream)> work) override;

 private:
  Device& device_;
  StreamHandle stream_;
  absl::Span<void* const> operands_;
};

}  // namespace plimsoll::runtime
