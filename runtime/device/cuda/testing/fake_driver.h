// A CUDA driver on the host, for tests: the functions of driver.h with memory, streams, events, capture and graphs as
// the driver's documentation says, and the strictness that a GPU lacks. No GPU code runs: a callback computes each
// kernel.
//
// What is checked: the context is current where the driver needs it; ranges lie in live allocations; every operand of a
// kernel does; no byte beside an allocation is written; no waiting and no allocation by a thread that captures.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "runtime/device/cuda/driver.h"
#include "runtime/device/cuda/testing/fake_memory.h"
#include "runtime/device/cuda/testing/fake_queue.h"

namespace plimsoll::runtime::cuda::testing {

struct FakeLaunch {
  // The bytes that the module was loaded from: a whole ELF file, or all up to the first zero byte.
  std::shared_ptr<const std::string> image;
  std::string symbol;
  std::array<int64_t, 3> grid;
  std::array<int64_t, 3> block;
  int64_t shared_bytes = 0;
  std::vector<void*> arguments;  // the operands' addresses on the host
  uint64_t seed = 0;             // differs from launch to launch
};
using FakeKernels = std::function<absl::Status(const FakeLaunch&)>;

struct FakeOptions {
  uint64_t seed = 1;
  int capability = 80;
  int64_t memory_bytes = int64_t{1} << 30;
  int devices = 1;            // all alike, with one memory
  int64_t context_bytes = 0;  // taken by the primary context
  int64_t module_bytes = 0;   // taken by each module
  bool management = true;     // whether the management library tells what the process holds
  // Whether a module has the symbol; null: any.
  std::function<bool(const std::string& image, const std::string& symbol)> has_symbol;
  // How many addresses the kernel takes; null: the driver is too old to tell.
  std::function<int(const std::string& symbol)> parameters;
  std::string jit_log;  // what the driver's compiler says when loading a module fails
};

class FakeDriver {
 public:
  explicit FakeDriver(FakeOptions options = {}, FakeKernels kernels = nullptr);
  // Nothing of the driver may be in use any more.
  ~FakeDriver();
  FakeDriver(const FakeDriver&) = delete;
  FakeDriver& operator=(const FakeDriver&) = delete;

  // The table, usable as long as this object.
  std::shared_ptr<const Driver> table() const { return table_; }

  // The `nth` call of that name from now on (1: the next) returns `result` and does nothing. "kernel": the nth kernel
  // that is executed fails with it.
  void Fail(const std::string& call, int nth, CUresult result);
  // What a library would put into the stream; captured like everything else. `work`'s error ends the context.
  absl::Status Enqueue(CUstream stream, const std::string& name, std::function<absl::Status()> work);
  // The same for work that waits for other GPUs: `gates` are asked while this driver is locked, and do the work.
  absl::Status EnqueueGated(CUstream stream, const std::string& name, FakeGates gates);
  // Whether the context is current on the calling thread.
  bool IsCurrent() const;
  // Where the bytes of device memory are on the host; null where they are in no allocation.
  std::byte* HostAddress(CUdeviceptr address, size_t bytes) const;
  std::byte* HostAddress(const void* address, size_t bytes) const {
    return HostAddress(reinterpret_cast<CUdeviceptr>(address), bytes);
  }
  // Taken by something that is not the program: a library.
  void Reserve(int64_t bytes);

  // The record: every call by name, with sizes where that says more ("cuMemcpyHtoDAsync 64").
  std::vector<std::string> calls() const;
  int count(const std::string& name) const;
  void ClearRecord();
  // What was done on the device, in the order drawn.
  std::vector<std::string> executed() const;
  // What the checks found, in words; empty: nothing.
  std::string violation() const;

  int64_t used_bytes() const;
  int64_t peak_bytes() const;
  // Allocations (pinned ones too), streams, events, graphs, modules and contexts that were not given back.
  int live_objects() const;

 private:
  struct Module {
    std::shared_ptr<const std::string> image;
  };
  struct Function {
    Module* module;
    std::string symbol;
  };
  // kAlways: also on a lost context.
  enum Need { kNothing = 0, kContext = 1, kNoCapture = 2, kAlways = 4 };

  // One function of the table: recorded, checked, failed where Fail says so.
  template <typename F>
  auto Wrap(const char* name, int needs, F function) {
    return [this, name, needs, function](auto... arguments) -> CUresult {
      const std::lock_guard lock(mutex_);
      const CUresult result = Begin(name, needs);
      return result == kSuccess ? function(arguments...) : result;
    };
  }
  template <typename Handle>
  Handle NewHandle() {
    return reinterpret_cast<Handle>(next_handle_ += 0x10);
  }
  CUresult Begin(const char* name, int needs);
  CUresult Injected(const std::string& call);
  void Detail(int64_t number);
  CUresult Settle(CUresult result);
  CUresult Violate(const std::string& what, CUresult result);
  FakeStream* Find(CUstream stream);
  FakeEvent* Find(CUevent event);
  CUresult Add(CUstream stream, const std::string& name, FakeWork work, FakeGates gates = nullptr);
  // Sets `width` elements of every row to `value`; rows begin every `pitch` bytes.
  CUresult Set(CUstream stream, CUdeviceptr to, size_t pitch, const void* value, size_t size, size_t width,
               size_t height);
  CUresult Launch(CUfunction function, FakeLaunch launch, CUstream stream, void** parameters, void** extra);
  CUresult RunKernel(const FakeLaunch& launch, const std::vector<CUdeviceptr>& operands);

  void DefineDevice(Driver& table);
  void DefineMemory(Driver& table);
  void DefineCode(Driver& table);
  void DefineStreams(Driver& table);
  void DefineGraphs(Driver& table);
  void DefineCopies(Driver& table);

  const FakeOptions options_;
  const FakeKernels kernels_;
  mutable std::recursive_mutex mutex_;
  FakeMemory memory_;
  FakeQueue queue_;
  std::map<std::thread::id, int> current_;  // how deep the context is pushed
  int retained_ = 0;
  CUresult lost_ = kSuccess;
  std::string violation_;
  std::map<CUstream, std::unique_ptr<FakeStream>> streams_;
  std::map<CUevent, std::unique_ptr<FakeEvent>> events_;
  std::map<CUmodule, std::unique_ptr<Module>> modules_;
  std::map<CUfunction, Function> functions_;
  std::map<CUgraph, FakeGraph> graphs_;
  std::map<CUgraphExec, std::unique_ptr<FakeExecutable>> executables_;
  uintptr_t next_handle_ = 0x1000;
  uint64_t launches_ = 0;
  std::vector<std::string> calls_;
  std::map<std::string, std::vector<std::pair<int, CUresult>>> failures_;
  std::shared_ptr<Driver> table_;
};

}  // namespace plimsoll::runtime::cuda::testing
