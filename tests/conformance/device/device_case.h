// What the conformance suite runs on: the CPU, the CUDA device over the fake driver, and the first GPU where there is
// one.
#pragma once

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/device/cpu/cpu_device.h"
#include "runtime/testing/cuda_chain.h"

namespace plimsoll::runtime::conformance {

using namespace plimsoll::runtime::testing;  // NOLINT: the plans' names
using ::testing::HasSubstr;

class DeviceTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "Cpu") {
      // The suite alone may have been carried to another machine, one with a GPU.
      if (!std::filesystem::exists(TEST_KERNELS)) GTEST_SKIP() << TEST_KERNELS << " is not there";
      device_ = cpu::CpuDevice();
    } else if (GetParam() == "Fake") {
      cuda::testing::FakeOptions options;
      options.parameters = CudaParameters;
      fake_ = std::make_unique<FakeGpu>(options);
      device_ = fake_->device;
    } else {
      plan::Target target;
      target.set_kind(plan::Target::CUDA);
      auto opened = OpenDevice(target);
      if (!opened.ok()) GTEST_SKIP() << opened.status().ToString();
      device_ = *std::move(opened);
    }
  }

  void TearDown() override { device_.reset(); }

  bool is_cpu() const { return GetParam() == "Cpu"; }
  Device& device() { return *device_; }

  // An empty plan with the kernels twice, increment, below_four and sum.
  PlanBuilder Plan() const {
    PlanBuilder b;
    if (is_cpu()) {
      b.UseKernels(TEST_KERNELS, CudaSymbols());
    } else {
      b.UseCuda("sm_80", CudaText(), CudaSymbols());
    }
    return b;
  }
  plan::Target Target() const {
    PlanBuilder b = Plan();
    return b.plan().target();
  }

  absl::StatusOr<std::shared_ptr<const Program>> Load(PlanBuilder& builder, LoadOptions options = {}) {
    auto artefact = builder.Finish();
    if (!artefact.ok()) return artefact.status();
    options.device = device_;
    return Program::Load(*std::move(artefact), options);
  }
  absl::StatusOr<std::unique_ptr<Session>> Start(PlanBuilder& builder, const LoadOptions& options = {}) {
    auto program = Load(builder, options);
    if (!program.ok()) return program.status();
    return Session::Create(*std::move(program));
  }

  // Moves bytes between the host and the device, and waits.
  absl::Status Move(void* to, const void* from, int64_t bytes, Device::Direction direction) {
    DeviceScope scope(device(), Target());
    auto stream = device().CreateStream();
    if (!stream.ok()) return stream.status();
    absl::Status status = device().Copy(to, from, bytes, direction, stream->get());
    return status.ok() ? device().Synchronize(stream->get()) : status;
  }
  absl::Status Upload(void* to, const void* from, int64_t bytes) {
    return Move(to, from, bytes, Device::Direction::kIn);
  }
  absl::Status Download(void* to, const void* from, int64_t bytes) {
    return Move(to, from, bytes, Device::Direction::kOut);
  }
  // Memory of the device.
  Block Allocate(int64_t bytes) {
    DeviceScope scope(device(), Target());
    auto block = device().Allocate(bytes, 256);
    EXPECT_TRUE(block.ok()) << block.status().ToString();
    return block.ok() ? *std::move(block) : Block();
  }

  // x -> twice -> h -> increment -> y.
  PlanBuilder SmallPlan() const {
    PlanBuilder b = Plan();
    b.AddChain();
    return b;
  }

  // Runs on `session`, whose plan is SmallPlan, and compares. It stays bound to the fixture's memory.
  void ExpectChain(Session& session, float first) {
    Floats &x = bound_[0], &y = bound_[1];
    for (int i = 0; i < 16; ++i) x.values[i] = first + static_cast<float>(i);
    ASSERT_OK(session.BindInput(0, &x, 64));
    ASSERT_OK(session.BindOutput(0, &y, 64));
    ASSERT_OK(session.Run());
    for (int i = 0; i < 16; ++i) ASSERT_EQ(y.values[i], 2 * (first + static_cast<float>(i)) + 1);
  }

  Floats bound_[2];
  std::unique_ptr<FakeGpu> fake_;
  std::shared_ptr<Device> device_;
};

}  // namespace plimsoll::runtime::conformance
