// The fake driver's modules, kernels, streams and graphs.
#include <elf.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/device/cuda/testing/fake_driver.h"

namespace plimsoll::runtime::cuda::testing {
namespace {

constexpr int kMostThreads = 1024;
constexpr int kMostSharedBytes = 163 * 1024;

// A module's image comes without its size: ELF files tell theirs, texts end with a zero.
std::string ImageOf(const void* image) {
  const auto* bytes = static_cast<const char*>(image);
  if (std::memcmp(bytes, ELFMAG, SELFMAG) != 0) return bytes;
  Elf64_Ehdr header;
  std::memcpy(&header, bytes, sizeof(header));
  return std::string(bytes, header.e_shoff + size_t{header.e_shnum} * header.e_shentsize);
}

}  // namespace

void FakeDriver::DefineCode(Driver& table) {
  table.cuModuleLoadDataEx = [this, load = Wrap("cuModuleLoadDataEx", kContext | kNoCapture,
                                                [this](CUmodule* module, const void* image, unsigned, int*, void**) {
                                                  auto made = std::make_unique<Module>();
                                                  made->image = std::make_shared<const std::string>(ImageOf(image));
                                                  Detail(static_cast<int64_t>(made->image->size()));
                                                  *module = NewHandle<CUmodule>();
                                                  modules_[*module] = std::move(made);
                                                  memory_.Reserve(options_.module_bytes);
                                                  return kSuccess;
                                                })](CUmodule* module, const void* image, unsigned count, int* options,
                                                    void** values) {
    const CUresult result = load(module, image, count, options, values);
    if (result == kSuccess) return result;
    char* log = nullptr;
    size_t room = 0;
    for (unsigned i = 0; i < count; ++i) {
      if (options[i] == kJitErrorLogBuffer) log = static_cast<char*>(values[i]);
      if (options[i] == kJitErrorLogBufferSizeBytes) room = reinterpret_cast<uintptr_t>(values[i]);
    }
    if (log != nullptr && room > options_.jit_log.size()) std::strcpy(log, options_.jit_log.c_str());
    return result;
  };
  table.cuModuleUnload = Wrap("cuModuleUnload", kContext | kNoCapture | kAlways, [this](CUmodule module) {
    const auto found = modules_.find(module);
    if (found == modules_.end()) return Violate("a module is unloaded that is none", kErrorInvalidHandle);
    std::erase_if(functions_, [&](const auto& f) { return f.second.module == found->second.get(); });
    modules_.erase(found);
    memory_.Reserve(-options_.module_bytes);
    return kSuccess;
  });
  table.cuModuleGetFunction =
      Wrap("cuModuleGetFunction", kContext, [this](CUfunction* function, CUmodule module, const char* name) {
        const auto found = modules_.find(module);
        if (found == modules_.end()) return kErrorInvalidHandle;
        if (options_.has_symbol && !options_.has_symbol(*found->second->image, name)) return kErrorNotFound;
        *function = NewHandle<CUfunction>();
        functions_[*function] = {found->second.get(), name};
        return kSuccess;
      });
  table.cuFuncGetAttribute = Wrap("cuFuncGetAttribute", kContext, [](int* value, int attribute, CUfunction) {
    *value = kMostThreads;
    return attribute == kFunctionMaxThreadsPerBlock ? kSuccess : kErrorInvalidValue;
  });
  table.cuFuncSetAttribute = Wrap("cuFuncSetAttribute", kContext, [](CUfunction, int attribute, int value) {
    const bool fits = attribute == kFunctionMaxDynamicSharedSizeBytes && value <= kMostSharedBytes;
    return fits ? kSuccess : kErrorInvalidValue;
  });
  if (options_.parameters) {
    table.cuFuncLoad = Wrap("cuFuncLoad", kContext, [](CUfunction) { return kSuccess; });
    table.cuFuncGetParamInfo =
        Wrap("cuFuncGetParamInfo", kContext, [this](CUfunction function, size_t index, size_t* offset, size_t* size) {
          const auto found = functions_.find(function);
          if (found == functions_.end()) return kErrorInvalidHandle;
          if (static_cast<int>(index) >= options_.parameters(found->second.symbol)) return kErrorInvalidValue;
          *offset = 8 * index;
          *size = 8;
          return kSuccess;
        });
  }
  table.cuLaunchKernel =
      Wrap("cuLaunchKernel", kContext,
           [this](CUfunction function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                  unsigned shared, CUstream stream, void** parameters, void** extra) {
             FakeLaunch launch;
             launch.grid = {gx, gy, gz};
             launch.block = {bx, by, bz};
             launch.shared_bytes = shared;
             return Launch(function, std::move(launch), stream, parameters, extra);
           });
}

CUresult FakeDriver::Launch(CUfunction function, FakeLaunch launch, CUstream stream, void** parameters, void** extra) {
  const auto found = functions_.find(function);
  if (found == functions_.end()) return Violate("a kernel is launched that is none", kErrorInvalidHandle);
  launch.symbol = found->second.symbol;
  launch.image = found->second.module->image;
  if (parameters != nullptr || extra == nullptr) return Violate("operands are expected in `extra`", kErrorInvalidValue);
  if (launch.block[0] * launch.block[1] * launch.block[2] > kMostThreads || launch.grid[0] < 1 || launch.grid[1] < 1 ||
      launch.grid[2] < 1 || launch.block[0] < 1 || launch.block[1] < 1 || launch.block[2] < 1) {
    return Violate(absl::StrCat(launch.symbol, " is launched with impossible sizes"), kErrorInvalidValue);
  }
  const void* buffer = nullptr;
  size_t bytes = 0;
  for (void** entry = extra; *entry != reinterpret_cast<void*>(kLaunchParamEnd); entry += 2) {
    if (*entry == reinterpret_cast<void*>(kLaunchParamBufferPointer)) buffer = entry[1];
    if (*entry == reinterpret_cast<void*>(kLaunchParamBufferSize)) bytes = *static_cast<size_t*>(entry[1]);
  }
  std::vector<CUdeviceptr> operands(bytes / sizeof(CUdeviceptr));
  std::memcpy(operands.data(), buffer, operands.size() * sizeof(CUdeviceptr));
  if (options_.parameters && options_.parameters(launch.symbol) != static_cast<int>(operands.size())) {
    return Violate(absl::StrCat(launch.symbol, " is launched with ", operands.size(), " operands"), kErrorInvalidValue);
  }
  calls_.back() += " " + launch.symbol;
  return Add(stream, launch.symbol, [this, launch = std::move(launch), operands = std::move(operands)] {
    return RunKernel(launch, operands);
  });
}

CUresult FakeDriver::RunKernel(const FakeLaunch& launch, const std::vector<CUdeviceptr>& operands) {
  if (const CUresult injected = Injected("kernel"); injected != kSuccess) return injected;
  FakeLaunch run = launch;
  run.seed = options_.seed * 0x9E3779B97F4A7C15u + launches_++;
  for (const CUdeviceptr operand : operands) {
    // Operands of no bytes may have no place.
    std::byte* place = operand == 0 ? nullptr : memory_.HostAddress(operand, 0);
    if (operand != 0 && place == nullptr) {
      return Violate(absl::StrCat(launch.symbol, ": operand ", run.arguments.size(), " lies in no allocation"),
                     kErrorIllegalAddress);
    }
    run.arguments.push_back(place);
  }
  if (!kernels_) return kSuccess;
  const absl::Status status = kernels_(run);
  if (!status.ok()) return Violate(absl::StrCat(launch.symbol, ": ", status.ToString()), kErrorLaunchFailed);
  if (const std::string wrong = memory_.CheckGuards(); !wrong.empty()) {
    return Violate(absl::StrCat(launch.symbol, ": ", wrong), kErrorIllegalAddress);
  }
  return kSuccess;
}

void FakeDriver::DefineStreams(Driver& table) {
  table.cuStreamCreate = Wrap("cuStreamCreate", kContext, [this](CUstream* stream, unsigned) {
    *stream = NewHandle<CUstream>();
    streams_[*stream] = std::make_unique<FakeStream>();
    return kSuccess;
  });
  // What it holds is still done.
  table.cuStreamDestroy = Wrap("cuStreamDestroy", kContext | kAlways, [this](CUstream stream) {
    return streams_.erase(stream) == 1 ? kSuccess : Violate("a stream is destroyed that is none", kErrorInvalidHandle);
  });
  table.cuStreamSynchronize = Wrap("cuStreamSynchronize", kContext, [this](CUstream stream) {
    FakeStream* found = Find(stream);
    if (found == nullptr) return Violate("a wait for no stream", kErrorInvalidHandle);
    if (found->capture != nullptr) {
      found->capture->invalid = true;
      return Violate("a wait for a stream that is captured", kErrorStreamCaptureUnsupported);
    }
    return Settle(queue_.RunUntil(found->last));
  });
  table.cuStreamQuery = Wrap("cuStreamQuery", kContext | kNoCapture, [this](CUstream stream) {
    FakeStream* found = Find(stream);
    if (found == nullptr) return Violate("no stream is asked about", kErrorInvalidHandle);
    return Settle(queue_.RunTowards(found->last));
  });
  table.cuStreamWaitEvent = Wrap("cuStreamWaitEvent", kContext, [this](CUstream stream, CUevent event, unsigned) {
    FakeStream* found = Find(stream);
    FakeEvent* recorded = Find(event);
    if (found == nullptr || recorded == nullptr) return Violate("a wait for no event", kErrorInvalidHandle);
    return queue_.Wait(*found, *recorded);
  });
  table.cuEventCreate = Wrap("cuEventCreate", kContext, [this](CUevent* event, unsigned) {
    *event = NewHandle<CUevent>();
    events_[*event] = std::make_unique<FakeEvent>();
    return kSuccess;
  });
  table.cuEventDestroy = Wrap("cuEventDestroy", kContext | kAlways, [this](CUevent event) {
    return events_.erase(event) == 1 ? kSuccess : Violate("an event is destroyed that is none", kErrorInvalidHandle);
  });
  table.cuEventRecord = Wrap("cuEventRecord", kContext, [this](CUevent event, CUstream stream) {
    FakeStream* found = Find(stream);
    FakeEvent* recorded = Find(event);
    if (found == nullptr || recorded == nullptr) return Violate("a record of no event", kErrorInvalidHandle);
    return queue_.Record(*found, *recorded);
  });
  table.cuEventSynchronize = Wrap("cuEventSynchronize", kContext, [this](CUevent event) {
    FakeEvent* recorded = Find(event);
    if (recorded == nullptr) return Violate("a wait for no event", kErrorInvalidHandle);
    if (recorded->capture != nullptr) return Violate("the host waits for a captured event", kErrorCapturedEvent);
    return Settle(queue_.RunUntil(recorded->recorded));
  });
  table.cuEventQuery = Wrap("cuEventQuery", kContext | kNoCapture, [this](CUevent event) {
    FakeEvent* recorded = Find(event);
    if (recorded == nullptr) return Violate("no event is asked about", kErrorInvalidHandle);
    if (recorded->capture != nullptr) return Violate("a captured event is asked about", kErrorCapturedEvent);
    return Settle(queue_.RunTowards(recorded->recorded));
  });
}

void FakeDriver::DefineGraphs(Driver& table) {
  table.cuStreamBeginCapture = Wrap("cuStreamBeginCapture", kContext, [this](CUstream stream, int) {
    FakeStream* found = Find(stream);
    return found == nullptr ? kErrorInvalidHandle : queue_.BeginCapture(*found);
  });
  auto end = Wrap("cuStreamEndCapture", kContext, [this](CUstream stream, CUgraph* graph) {
    FakeStream* found = Find(stream);
    if (found == nullptr) return kErrorInvalidHandle;
    FakeGraph made;
    if (const CUresult result = queue_.EndCapture(*found, &made); result != kSuccess) return result;
    *graph = NewHandle<CUgraph>();
    graphs_[*graph] = std::move(made);
    return kSuccess;
  });
  // Whatever it returns, the capture has ended.
  table.cuStreamEndCapture = [this, end](CUstream stream, CUgraph* graph) {
    const std::lock_guard lock(mutex_);
    *graph = nullptr;
    const CUresult result = end(stream, graph);
    FakeStream* found = Find(stream);
    FakeGraph dropped;
    if (found != nullptr && found->capture != nullptr) queue_.EndCapture(*found, &dropped);
    return result;
  };
  table.cuGraphInstantiate =
      Wrap("cuGraphInstantiate", kContext, [this](CUgraphExec* executable, CUgraph graph, unsigned long long) {
        const auto found = graphs_.find(graph);
        if (found == graphs_.end()) return kErrorInvalidHandle;
        Detail(static_cast<int64_t>(found->second.nodes.size()));
        auto made = std::make_unique<FakeExecutable>();
        made->graph = found->second;
        *executable = NewHandle<CUgraphExec>();
        executables_[*executable] = std::move(made);
        return kSuccess;
      });
  table.cuGraphUpload = Wrap("cuGraphUpload", kContext, [this](CUgraphExec executable, CUstream stream) {
    return executables_.count(executable) == 1 && Find(stream) != nullptr ? kSuccess : kErrorInvalidHandle;
  });
  table.cuGraphLaunch = Wrap("cuGraphLaunch", kContext, [this](CUgraphExec executable, CUstream stream) {
    const auto found = executables_.find(executable);
    FakeStream* place = Find(stream);
    if (found == executables_.end() || place == nullptr) return Violate("no graph is launched", kErrorInvalidHandle);
    return queue_.Launch(*found->second, *place);
  });
  table.cuGraphExecDestroy = Wrap("cuGraphExecDestroy", kContext | kAlways, [this](CUgraphExec executable) {
    return executables_.erase(executable) == 1 ? kSuccess
                                               : Violate("a graph is destroyed that is none", kErrorInvalidHandle);
  });
  table.cuGraphDestroy = Wrap("cuGraphDestroy", kContext | kAlways, [this](CUgraph graph) {
    return graphs_.erase(graph) == 1 ? kSuccess : Violate("a graph is destroyed that is none", kErrorInvalidHandle);
  });
}

}  // namespace plimsoll::runtime::cuda::testing
