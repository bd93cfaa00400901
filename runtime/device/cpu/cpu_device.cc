#include "runtime/device/cpu/cpu_device.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/device/cpu/arena.h"
#include "runtime/device/cpu/kernel_library.h"
#include "runtime/device/cpu/parallel.h"

namespace plimsoll::runtime::cpu {
namespace {

class CpuCode : public Code {
 public:
  explicit CpuCode(std::unique_ptr<KernelLibrary> library) : library_(std::move(library)) {}

  absl::StatusOr<runtime::Kernel> Find(const plan::Launch& launch, int) const override {
    auto kernel = library_->Find(launch.symbol());
    if (!kernel.ok()) return kernel.status();
    return reinterpret_cast<runtime::Kernel>(*kernel);
  }

 private:
  std::unique_ptr<KernelLibrary> library_;
};

class Cpu : public Device {
 public:
  std::string name() const override { return "the CPU"; }
  bool is_host() const override { return true; }
  absl::Status CheckTarget(const plan::Target& target) const override {
    if (target.kind() == plan::Target::CPU) return CheckCpu(target);
    return absl::FailedPreconditionError(
        absl::StrCat("the plan is for ", plan::Target::Kind_Name(target.kind()), ", the device is the CPU"));
  }

  int Enter(const plan::Target& target) override {
    const int former = MaxThreads();
    SetMaxThreads(target.threads() > 0 ? target.threads() : HardwareThreads());
    return former;
  }
  void Leave(int former) override { SetMaxThreads(former); }

  Usage MemoryUsage() const override {
    Usage usage;
    usage.free_bytes = AvailableMemoryBytes();
    return usage;
  }

  absl::StatusOr<Block> Allocate(int64_t bytes, int64_t alignment) override {
    auto arena = Arena::Create(bytes, alignment);
    if (!arena.ok()) return arena.status();
    Block block;
    block.data = arena->data();
    block.size_bytes = bytes;
    block.owner = Resource(new Arena(*std::move(arena)), [](void* made) { delete static_cast<Arena*>(made); });
    return block;
  }
  absl::StatusOr<Block> AllocateHost(int64_t bytes) override { return Allocate(bytes, 64); }
  Place PlaceOf(const void*) const override { return Place::kPinned; }

  absl::StatusOr<std::unique_ptr<Code>> OpenCode(const plan::Code& code, const plan::Target&,
                                                 std::span<const std::byte> text, std::span<const std::byte>) override {
    if (!absl::EndsWith(code.member(), ".so")) return std::unique_ptr<Code>();
    auto library = KernelLibrary::Open(text, code.member());
    if (!library.ok()) return library.status();
    return std::make_unique<CpuCode>(*std::move(library));
  }

  absl::StatusOr<Resource> CreateStream() override { return Resource(); }
  absl::StatusOr<Resource> CreateEvent() override { return Resource(); }

  absl::Status Launch(runtime::Kernel kernel, const plan::Launch& launch, void* const* operands, int,
                      StreamHandle) override {
    const auto function = reinterpret_cast<cpu::Kernel>(kernel);
    ParallelFor(launch.tiles(), launch.tiles_per_task(),
                [&](int64_t begin, int64_t end) { function(operands, begin, end); });
    return absl::OkStatus();
  }

  absl::Status Copy(void* to, const void* from, int64_t bytes, Direction, StreamHandle) override {
    auto* target = static_cast<std::byte*>(to);
    const auto* source = static_cast<const std::byte*>(from);
    if (target == source || bytes == 0) return absl::OkStatus();
    if (target < source + bytes && source < target + bytes) {
      std::memmove(target, source, static_cast<size_t>(bytes));
      return absl::OkStatus();
    }
    CopyBytes(target, source, bytes);
    return absl::OkStatus();
  }

  absl::Status Fill(void* to, int64_t bytes, std::string_view pattern, StreamHandle) override {
    auto* target = static_cast<std::byte*>(to);
    if (bytes == 0 || pattern.empty()) return absl::OkStatus();
    if (pattern.size() == 1) {
      std::memset(target, pattern[0], static_cast<size_t>(bytes));
      return absl::OkStatus();
    }
    int64_t done = std::min<int64_t>(bytes, static_cast<int64_t>(pattern.size()));
    std::memcpy(target, pattern.data(), static_cast<size_t>(done));
    // Doubles what is there: a whole number of patterns each time.
    while (done < bytes) {
      const int64_t more = std::min(done, bytes - done);
      std::memcpy(target + done, target, static_cast<size_t>(more));
      done += more;
    }
    return absl::OkStatus();
  }

  // One queue of work, done in order.
  absl::Status Record(EventHandle, StreamHandle) override { return absl::OkStatus(); }
  absl::Status Wait(EventHandle, StreamHandle) override { return absl::OkStatus(); }
  absl::Status Synchronize(StreamHandle) override { return absl::OkStatus(); }
  absl::Status SynchronizeEvent(EventHandle) override { return absl::OkStatus(); }
  absl::StatusOr<bool> IsDone(StreamHandle) override { return true; }
  absl::StatusOr<bool> IsEventDone(EventHandle) override { return true; }
  absl::Status BeginCapture(StreamHandle) override { return absl::UnimplementedError("the CPU has no graphs"); }
  absl::StatusOr<Resource> EndCapture(StreamHandle) override {
    return absl::UnimplementedError("the CPU has no graphs");
  }
  absl::Status LaunchGraph(GraphHandle, StreamHandle) override {
    return absl::UnimplementedError("the CPU has no graphs");
  }
};

}  // namespace

std::shared_ptr<Device> CpuDevice() {
  static const std::shared_ptr<Device> device = std::make_shared<Cpu>();
  return device;
}

}  // namespace plimsoll::runtime::cpu
