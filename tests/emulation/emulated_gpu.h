// A GPU on the host, for tests: the driver's functions by runtime/device/cuda/testing, generated kernels by the emulator of
// compiler/codegen/cuda, NVIDIA's libraries by theirs or absent. It runs CUDA plans as they are but for the code, which is
// the LLVM modules that the plan's PTX was printed from.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "compiler/codegen/cuda/emulator/emulator.h"
#include "compiler/compile.h"
#include "runtime/device/cuda/testing/fake_driver.h"
#include "runtime/device/device.h"
#include "runtime/library/cublaslt/testing/emulated_cublaslt.h"
#include "runtime/library/cudnn/testing/emulated_cudnn.h"

namespace plimsoll::emulation {

struct EmulatedGpuOptions {
  int capability = 80;
  int64_t memory_bytes = int64_t{8} << 30;
  uint64_t seed = 1;        // of the order of blocks, threads and streams
  // Whether cuBLASLt and cuDNN are there (for one GPU of a process at a time); else every library call falls back to its
  // generated kernel.
  bool libraries = false;
};

class EmulatedGpu {
 public:
  explicit EmulatedGpu(const EmulatedGpuOptions& options = {});
  ~EmulatedGpu();

  // Compile with these, then Install before the artefact is written or loaded.
  static void SetOptions(compiler::Options& options) { options.cuda_bitcode = true; }
  // Puts names of modules that this GPU knows in the place of PTX and cubin.
  absl::Status Install(compiler::Compiled& compiled);

  std::shared_ptr<runtime::Device> device() const { return device_; }
  runtime::cuda::testing::FakeDriver& driver() { return *driver_; }
  // What went wrong that no status told: writes beside buffers, misuse of the driver. Empty: nothing.
  std::string violation() const { return driver_->violation(); }
  int64_t launches() const { return launches_; }
  int64_t library_calls() const { return cublaslt_.matmuls + cudnn_.executions; }

 private:
  absl::Status Launch(const runtime::cuda::testing::FakeLaunch& launch);

  void UseLibraries(bool present);

  std::mutex mutex_;   // the emulator runs one kernel at a time
  std::map<std::string, std::unique_ptr<codegen::EmulatedCuda>> modules_;   // by the text that stands for them
  int64_t launches_ = 0;
  std::unique_ptr<runtime::cuda::testing::FakeDriver> driver_;
  runtime::cublaslt::EmulatedCublasLt cublaslt_;
  runtime::cudnn::EmulatedCudnn cudnn_;
  runtime::cublaslt::Api cublaslt_functions_;
  runtime::cudnn::Api cudnn_functions_;
  std::shared_ptr<runtime::Device> device_;
};

}  // namespace plimsoll::emulation
