// The kernels of kernels.c for CUDA: as text for a GPU, and as the fake driver's callback. A block of 4 threads is a
// tile.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "runtime/device/cuda/testing/fake_driver.h"

namespace plimsoll::runtime::testing {

// PTX of twice, increment, below_four and sum (z = x + y).
std::string CudaText();
std::vector<std::string> CudaSymbols();

// What a GPU would do, on the host. kNotFound for another symbol.
absl::Status RunCudaKernel(const cuda::testing::FakeLaunch& launch);
// The number of operands of each.
int CudaParameters(const std::string& symbol);

}  // namespace plimsoll::runtime::testing
