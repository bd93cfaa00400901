// For the tests of plans for CUDA: a fake GPU, small plans, programs and sessions on it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "runtime/device/cuda/cuda_device.h"
#include "runtime/device/cuda/testing/fake_driver.h"
#include "runtime/program.h"
#include "runtime/session.h"
#include "runtime/testing/chain.h"
#include "runtime/testing/cuda_kernels.h"
#include "runtime/testing/plan_builder.h"

namespace plimsoll::runtime::testing {

// A fake driver and the device on it. At the end nothing may be left on it, and nothing may have been done wrong.
struct FakeGpu {
  explicit FakeGpu(cuda::testing::FakeOptions options = {}, cuda::testing::FakeKernels kernels = RunCudaKernel)
      : driver(std::move(options), std::move(kernels)) {
    auto opened = cuda::OpenCudaDevice(driver.table());
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    if (opened.ok()) device = *std::move(opened);
  }
  ~FakeGpu() {
    device.reset();
    if (expect_clean) EXPECT_EQ(driver.violation(), "");
    EXPECT_EQ(driver.live_objects(), 0);
  }

  LoadOptions Options() const {
    LoadOptions options;
    options.device = device;
    return options;
  }
  absl::StatusOr<std::shared_ptr<const Program>> Load(PlanBuilder& builder) { return Load(builder, Options()); }
  absl::StatusOr<std::shared_ptr<const Program>> Load(PlanBuilder& builder, const LoadOptions& options) {
    auto artefact = builder.Finish();
    if (!artefact.ok()) return artefact.status();
    return Program::Load(*std::move(artefact), options);
  }
  absl::StatusOr<std::unique_ptr<Session>> Start(PlanBuilder& builder) { return Start(builder, Options()); }
  absl::StatusOr<std::unique_ptr<Session>> Start(PlanBuilder& builder, const LoadOptions& options) {
    auto program = Load(builder, options);
    if (!program.ok()) return program.status();
    return Session::Create(*std::move(program));
  }

  cuda::testing::FakeDriver driver;
  std::shared_ptr<Device> device;
  bool expect_clean = true;  // false where a test does wrong on purpose
};

inline PlanBuilder CudaPlan(const std::string& binary = "") {
  PlanBuilder b;
  b.UseCuda("sm_80", CudaText(), CudaSymbols(), binary);
  return b;
}

// x -> twice -> h -> increment -> y, 16 floats each.
inline PlanBuilder CudaChain(const std::string& binary = "") {
  PlanBuilder b = CudaPlan(binary);
  b.AddChain();
  return b;
}

#define ASSERT_HAS(statusor) ASSERT_TRUE((statusor).ok()) << (statusor).status().ToString()

}  // namespace plimsoll::runtime::testing
