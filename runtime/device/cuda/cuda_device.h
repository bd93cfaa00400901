// An NVIDIA GPU, through the functions of its driver.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "runtime/device/cuda/driver.h"
#include "runtime/device/device.h"

namespace plimsoll::runtime::cuda {

// The device of that number among those that the driver shows (CUDA_VISIBLE_DEVICES decides which, in which order).
// `driver` is initialized. kUnavailable where there is none.
absl::StatusOr<std::shared_ptr<Device>> OpenCudaDevice(std::shared_ptr<const Driver> driver, int ordinal = 0);

}  // namespace plimsoll::runtime::cuda
