#include "runtime/device/cuda/cuda_device.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/device/cuda/context.h"
#include "runtime/device/cuda/module.h"

namespace plimsoll::runtime::cuda {
namespace {

constexpr size_t kMostPatternBytes = 64;

CUdeviceptr Address(const void* address) { return reinterpret_cast<CUdeviceptr>(address); }
CUstream Stream(StreamHandle stream) { return static_cast<CUstream>(stream); }

class CudaDevice : public Device {
 public:
  explicit CudaDevice(ContextPointer context) : context_(std::move(context)), cuda_(context_->driver()) {}

  std::string name() const override { return absl::StrCat(context_->name(), " (sm_", context_->capability(), ")"); }
  int ordinal() const override { return context_->ordinal(); }
  bool is_host() const override { return false; }

  absl::Status CheckTarget(const plan::Target& target) const override {
    if (target.kind() != plan::Target::CUDA) {
      return absl::FailedPreconditionError(
          absl::StrCat("the plan is for ", plan::Target::Kind_Name(target.kind()), ", the device is ", name()));
    }
    const int architecture = CapabilityOf(target.architecture());
    if (architecture > 0 && TextFits(architecture, context_->capability())) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat("the plan is for ", target.architecture(),
                                                      " and later, the device is ", name(),
                                                      ": compile it with --target=cuda:sm_", context_->capability()));
  }

  int Enter(const plan::Target&) override {
    context_->Push();
    return 0;
  }
  void Leave(int) override { context_->Pop(); }

  Usage MemoryUsage() const override {
    Usage usage;
    size_t free = 0, total = 0;
    if (cuda_.cuMemGetInfo(&free, &total) == kSuccess) usage.free_bytes = static_cast<int64_t>(free);
    usage.allocated_bytes = allocated_->load();
    if (cuda_.process_bytes) usage.process_bytes = cuda_.process_bytes(context_->pci_bus_id().c_str());
    return usage;
  }

  absl::StatusOr<Block> Allocate(int64_t bytes, int64_t alignment) override {
    Block block;
    if (bytes == 0) return block;
    // Addresses of the driver are multiples of 256 at least.
    const int64_t spare = std::max<int64_t>(0, alignment - 256);
    CUdeviceptr address = 0;
    const CUresult result = cuda_.cuMemAlloc(&address, static_cast<size_t>(bytes + spare));
    if (result == kErrorOutOfMemory) {
      const Usage usage = MemoryUsage();
      return absl::ResourceExhaustedError(absl::StrCat("cannot allocate ", bytes, " bytes on ", name(), ", which has ",
                                                       usage.free_bytes, " bytes free"));
    }
    if (auto status = cuda_.Check(result, "cuMemAlloc"); !status.ok()) return status;
    *allocated_ += bytes + spare;
    block.owner = MakeResource(context_, address,
                               [allocated = allocated_, size = bytes + spare](const Driver& cuda, CUdeviceptr made) {
                                 cuda.cuMemFree(made);
                                 *allocated -= size;
                               });
    const CUdeviceptr mask = static_cast<CUdeviceptr>(std::max<int64_t>(alignment, 1)) - 1;
    block.data = reinterpret_cast<std::byte*>((address + mask) & ~mask);
    block.size_bytes = bytes;
    return block;
  }

  absl::StatusOr<Block> AllocateHost(int64_t bytes) override {
    Block block;
    if (bytes == 0) return block;
    void* address = nullptr;
    const CUresult result = cuda_.cuMemHostAlloc(&address, static_cast<size_t>(bytes), kHostAllocPortable);
    if (result == kErrorOutOfMemory) {
      return absl::ResourceExhaustedError(absl::StrCat("cannot pin ", bytes, " bytes of host memory"));
    }
    if (auto status = cuda_.Check(result, "cuMemHostAlloc"); !status.ok()) return status;
    block.owner = MakeResource(context_, address, [](const Driver& cuda, void* made) { cuda.cuMemFreeHost(made); });
    block.data = static_cast<std::byte*>(address);
    block.size_bytes = bytes;
    return block;
  }

  Place PlaceOf(const void* address) const override {
    unsigned type = 0;
    // An error: memory that the driver has never heard of, the host's own.
    if (cuda_.cuPointerGetAttribute(&type, kPointerMemoryType, Address(address)) != kSuccess) return Place::kHost;
    if (type == kMemoryTypeDevice) return Place::kDevice;
    return type == kMemoryTypeHost ? Place::kPinned : Place::kHost;
  }

  absl::StatusOr<std::unique_ptr<Code>> OpenCode(const plan::Code& code, const plan::Target& target,
                                                 std::span<const std::byte> text,
                                                 std::span<const std::byte> binary) override {
    if (absl::EndsWith(code.member(), ".so")) return std::unique_ptr<Code>();
    return OpenModule(context_, code, target, text, binary);
  }

  absl::StatusOr<Resource> CreateStream() override {
    CUstream stream = nullptr;
    if (auto status = cuda_.Check(cuda_.cuStreamCreate(&stream, kStreamNonBlocking), "cuStreamCreate"); !status.ok()) {
      return status;
    }
    return MakeResource(context_, stream, [](const Driver& cuda, CUstream made) { cuda.cuStreamDestroy(made); });
  }

  absl::StatusOr<Resource> CreateEvent() override {
    CUevent event = nullptr;
    if (auto status = cuda_.Check(cuda_.cuEventCreate(&event, kEventDisableTiming), "cuEventCreate"); !status.ok()) {
      return status;
    }
    return MakeResource(context_, event, [](const Driver& cuda, CUevent made) { cuda.cuEventDestroy(made); });
  }

  absl::Status Launch(Kernel kernel, const plan::Launch& launch, void* const* operands, int count,
                      StreamHandle stream) override {
    // The parameters as they lie: one address an operand.
    size_t bytes = static_cast<size_t>(count) * sizeof(void*);
    void* extra[] = {reinterpret_cast<void*>(kLaunchParamBufferPointer), const_cast<void**>(operands),
                     reinterpret_cast<void*>(kLaunchParamBufferSize), &bytes, reinterpret_cast<void*>(kLaunchParamEnd)};
    const auto size = [](int64_t value) { return static_cast<unsigned>(value); };
    return cuda_.Check(
        cuda_.cuLaunchKernel(static_cast<CUfunction>(kernel), size(launch.grid(0)), size(launch.grid(1)),
                             size(launch.grid(2)), size(launch.block(0)), size(launch.block(1)), size(launch.block(2)),
                             size(launch.shared_bytes()), Stream(stream), nullptr, extra),
        "cuLaunchKernel");
  }

  absl::Status Copy(void* to, const void* from, int64_t bytes, Direction direction, StreamHandle stream) override {
    if (bytes == 0 || to == from) return absl::OkStatus();
    const auto count = static_cast<size_t>(bytes);
    switch (direction) {
      case Direction::kIn:
        return cuda_.Check(cuda_.cuMemcpyHtoDAsync(Address(to), from, count, Stream(stream)), "cuMemcpyHtoDAsync");
      case Direction::kOut:
        return cuda_.Check(cuda_.cuMemcpyDtoHAsync(to, Address(from), count, Stream(stream)), "cuMemcpyDtoHAsync");
      default:
        return cuda_.Check(cuda_.cuMemcpyDtoDAsync(Address(to), Address(from), count, Stream(stream)),
                           "cuMemcpyDtoDAsync");
    }
  }

  absl::Status Fill(void* to, int64_t bytes, std::string_view pattern, StreamHandle stream) override;

  absl::Status Record(EventHandle event, StreamHandle stream) override {
    return cuda_.Check(cuda_.cuEventRecord(static_cast<CUevent>(event), Stream(stream)), "cuEventRecord");
  }
  absl::Status Wait(EventHandle event, StreamHandle stream) override {
    return cuda_.Check(cuda_.cuStreamWaitEvent(Stream(stream), static_cast<CUevent>(event), 0), "cuStreamWaitEvent");
  }
  absl::Status Synchronize(StreamHandle stream) override {
    return cuda_.Check(cuda_.cuStreamSynchronize(Stream(stream)), "cuStreamSynchronize");
  }
  absl::Status SynchronizeEvent(EventHandle event) override {
    return cuda_.Check(cuda_.cuEventSynchronize(static_cast<CUevent>(event)), "cuEventSynchronize");
  }

  absl::StatusOr<bool> IsDone(StreamHandle stream) override {
    return Done(cuda_.cuStreamQuery(Stream(stream)), "cuStreamQuery");
  }
  absl::StatusOr<bool> IsEventDone(EventHandle event) override {
    return Done(cuda_.cuEventQuery(static_cast<CUevent>(event)), "cuEventQuery");
  }

  absl::Status BeginCapture(StreamHandle stream) override {
    // Of this thread: other threads' allocations do not disturb it.
    return cuda_.Check(cuda_.cuStreamBeginCapture(Stream(stream), kCaptureModeThreadLocal), "cuStreamBeginCapture");
  }

  absl::StatusOr<Resource> EndCapture(StreamHandle stream) override {
    CUgraph graph = nullptr;
    const CUresult ended = cuda_.cuStreamEndCapture(Stream(stream), &graph);
    if (auto status = cuda_.Check(ended, "cuStreamEndCapture"); !status.ok()) {
      if (graph != nullptr) cuda_.cuGraphDestroy(graph);
      return status;
    }
    CUgraphExec executable = nullptr;
    const CUresult made = cuda_.cuGraphInstantiate(&executable, graph, 0);
    cuda_.cuGraphDestroy(graph);
    if (auto status = cuda_.Check(made, "cuGraphInstantiate"); !status.ok()) return status;
    Resource resource = MakeResource(context_, executable,
                                     [](const Driver& cuda, CUgraphExec handle) { cuda.cuGraphExecDestroy(handle); });
    // To the device now, so that no launch has to.
    if (auto status = cuda_.Check(cuda_.cuGraphUpload(executable, Stream(stream)), "cuGraphUpload"); !status.ok())
      return status;
    return resource;
  }

  absl::Status LaunchGraph(GraphHandle graph, StreamHandle stream) override {
    return cuda_.Check(cuda_.cuGraphLaunch(static_cast<CUgraphExec>(graph), Stream(stream)), "cuGraphLaunch");
  }

 private:
  absl::StatusOr<bool> Done(CUresult result, const char* call) const {
    if (result == kErrorNotReady) return false;
    if (absl::Status status = cuda_.Check(result, call); !status.ok()) return status;
    return true;
  }

  ContextPointer context_;
  const Driver& cuda_;
  const std::shared_ptr<std::atomic<int64_t>> allocated_ = std::make_shared<std::atomic<int64_t>>(0);
};

// The driver sets runs of 1, 2 and 4 bytes, and columns of a table: a longer pattern is a table with a row a
// repetition.
absl::Status CudaDevice::Fill(void* to, int64_t bytes, std::string_view pattern, StreamHandle stream) {
  if (bytes == 0 || pattern.empty()) return absl::OkStatus();
  // The shortest pattern that repeats to this one: zeros of any type are single bytes.
  for (size_t period = 1; period < pattern.size(); ++period) {
    if (pattern.size() % period == 0 && pattern.substr(period) == pattern.substr(0, pattern.size() - period)) {
      pattern = pattern.substr(0, period);
    }
  }
  const CUdeviceptr address = Address(to);
  const auto count = static_cast<size_t>(bytes) / pattern.size();
  if (pattern.size() == 1) {
    return cuda_.Check(cuda_.cuMemsetD8Async(address, static_cast<unsigned char>(pattern[0]), count, Stream(stream)),
                       "cuMemsetD8Async");
  }
  if (pattern.size() == 2 && address % 2 == 0) {
    unsigned short value;
    std::memcpy(&value, pattern.data(), sizeof(value));
    return cuda_.Check(cuda_.cuMemsetD16Async(address, value, count, Stream(stream)), "cuMemsetD16Async");
  }
  if (pattern.size() == 4 && address % 4 == 0) {
    unsigned value;
    std::memcpy(&value, pattern.data(), sizeof(value));
    return cuda_.Check(cuda_.cuMemsetD32Async(address, value, count, Stream(stream)), "cuMemsetD32Async");
  }
  if (pattern.size() > kMostPatternBytes) {
    return absl::UnimplementedError(
        absl::StrCat("a fill with a pattern of ", pattern.size(), " bytes; CUDA's have up to ", kMostPatternBytes));
  }
  const bool words = pattern.size() % 4 == 0 && address % 4 == 0;
  for (size_t column = 0; column < pattern.size(); column += words ? 4 : 1) {
    CUresult result;
    if (words) {
      unsigned value;
      std::memcpy(&value, pattern.data() + column, sizeof(value));
      result = cuda_.cuMemsetD2D32Async(address + column, pattern.size(), value, 1, count, Stream(stream));
    } else {
      result = cuda_.cuMemsetD2D8Async(address + column, pattern.size(), static_cast<unsigned char>(pattern[column]), 1,
                                       count, Stream(stream));
    }
    if (auto status = cuda_.Check(result, "cuMemsetD2DAsync"); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<Device>> OpenCudaDevice(std::shared_ptr<const Driver> driver, int ordinal) {
  auto context = Context::Create(std::move(driver), ordinal);
  if (!context.ok()) return context.status();
  return std::shared_ptr<Device>(std::make_shared<CudaDevice>(*std::move(context)));
}

}  // namespace plimsoll::runtime::cuda
