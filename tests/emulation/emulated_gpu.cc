#include "tests/emulation/emulated_gpu.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/device/cuda/cuda_device.h"

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
  for (runtime::nvidia::EmulationHost* host : {&cublaslt_.host, &cudnn_.host}) {
    host->address = [this](const void* address, int64_t bytes) -> void* {
      return driver_->HostAddress(address, static_cast<size_t>(bytes));
    };
    host->enqueue = [this](void* stream, std::function<void()> work) {
      const absl::Status status =
          driver_->Enqueue(static_cast<runtime::cuda::CUstream>(stream), "library", [work = std::move(work)] {
            work();
            return absl::OkStatus();
          });
      EXPECT_TRUE(status.ok()) << status;
    };
  }
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
