#include "tests/emulation/emulated_gpu.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/device/cuda/cuda_device.h"
#include "runtime/library/nvidia/testing/on_fake_driver.h"

namespace plimsoll::emulation {

using runtime::cuda::testing::FakeDriver;
using runtime::cuda::testing::FakeLaunch;
using runtime::cuda::testing::FakeOptions;

EmulatedGpu::EmulatedGpu(const EmulatedGpuOptions& options) {
  FakeOptions fake;
  fake.seed = options.seed;
  fake.capability = options.capability;
  fake.memory_bytes = options.memory_bytes;
  driver_ = std::make_unique<FakeDriver>(fake, [this](const FakeLaunch& launch) { return Launch(launch); });
  auto device = runtime::cuda::OpenCudaDevice(driver_->table());
  if (device.ok()) device_ = *std::move(device);
  EXPECT_TRUE(device.ok()) << device.status();
  UseLibraries(options.libraries);
}

EmulatedGpu::~EmulatedGpu() {
  runtime::cublaslt::Replace(nullptr);
  runtime::cudnn::Replace(nullptr);
}

void EmulatedGpu::UseLibraries(bool present) {
  cublaslt_.host = cudnn_.host = runtime::nvidia::OnFakeDriver(*driver_);
  cublaslt_functions_ = *runtime::cublaslt::Emulate(&cublaslt_);
  cudnn_functions_ = *runtime::cudnn::Emulate(&cudnn_);
  if (!present) {
    cublaslt_functions_.Create = [](runtime::cublaslt::Handle*) -> int { return runtime::cublaslt::kNotInitialized; };
    cudnn_functions_.Create = [](runtime::cudnn::Handle*) -> int { return runtime::cudnn::kNotInitialized; };
  }
  runtime::cublaslt::Replace(&cublaslt_functions_);
  runtime::cudnn::Replace(&cudnn_functions_);
}

absl::Status EmulatedGpu::Install(compiler::Compiled& compiled) {
  if (compiled.artefact.code.empty()) return absl::OkStatus();
  auto loaded = codegen::EmulatedCuda::Load(compiled.cuda.bitcode);
  if (!loaded.ok()) return loaded.status();
  const std::lock_guard lock(mutex_);
  const std::string name = absl::StrCat("// emulated module ", modules_.size(), "\n");
  modules_[name] = *std::move(loaded);
  compiled.artefact.code.resize(1);
  compiled.artefact.code[0].data = name;
  compiled.artefact.plan.mutable_code(0)->clear_binary();
  return absl::OkStatus();
}

absl::Status EmulatedGpu::Launch(const FakeLaunch& launch) {
  const std::lock_guard lock(mutex_);
  const auto module = modules_.find(*launch.image);
  if (module == modules_.end()) return absl::NotFoundError("a module that was not installed");
  ++launches_;
  return module->second->Launch(launch.symbol, launch.grid[0], static_cast<int>(launch.block[0]), launch.arguments,
                                launch.seed);
}

}  // namespace plimsoll::emulation
