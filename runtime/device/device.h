// What programs and sessions ask of a device: memory, code, queues of work. One implementation a kind of device
// (cpu/cpu_device.h, cuda/cuda_device.h); everything above works through this interface alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ir/plan/plan.pb.h"
#include "runtime/library/library.h"

namespace plimsoll::runtime {

using EventHandle = void*;
using GraphHandle = void*;

// Something that a device made (a stream, an event, a graph), given back when this ends. May hold nothing.
class Resource {
 public:
  Resource() = default;
  Resource(void* handle, std::function<void(void*)> release) : handle_(handle), release_(std::move(release)) {}
  Resource(Resource&& other) noexcept { *this = std::move(other); }
  Resource& operator=(Resource&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(release_, other.release_);
    return *this;
  }
  ~Resource() {
    if (release_) release_(handle_);
  }

  void* get() const { return handle_; }

 private:
  void* handle_ = nullptr;
  std::function<void(void*)> release_;
};

// Memory of a device, or host memory that it copies from and to at full speed. `data` is an address of the device: the
// host may look at it only where the device says so.
struct Block {
  std::byte* data = nullptr;
  int64_t size_bytes = 0;
  Resource owner;
};

// A kernel that is ready to be launched: a function's address on the CPU, a CUfunction.
using Kernel = void*;

// The kernels of one of the plan's codes, opened.
class Code {
 public:
  virtual ~Code() = default;
  // Readies the kernel for launches with so many operands. kDataLoss where the code does not define it, or with others;
  // kFailedPrecondition where the device cannot launch it as the plan says.
  virtual absl::StatusOr<Kernel> Find(const plan::Launch& launch, int operands) const = 0;
};

class Device {
 public:
  // From the host to the device, back, within the device.
  enum class Direction { kIn, kOut, kWithin };
  // Where an address lies. kPinned: host memory that copies read and write while the host goes on.
  enum class Place { kHost, kPinned, kDevice };
  // What the device knows of the memory that this process uses. Negative: unknown.
  struct Usage {
    int64_t free_bytes = -1;      // that may still be taken
    int64_t process_bytes = -1;   // that this process holds, driver and libraries included
    int64_t allocated_bytes = 0;  // by Allocate, not given back
  };

  virtual ~Device() = default;

  virtual std::string name() const = 0;
  // Which of the machine's devices of its kind, from 0.
  virtual int ordinal() const { return 0; }
  // Whether the host reads and writes the device's memory, and work is done when the call that asks for it returns.
  // Streams, events and graphs are then nothing.
  virtual bool is_host() const = 0;
  // Whether the device runs code for `target`; else kFailedPrecondition, with what is missing.
  virtual absl::Status CheckTarget(const plan::Target& target) const = 0;

  // The calling thread works with this device between these two: before any call below, but for Allocate's and
  // CreateX's release, which may happen on any thread. See DeviceScope.
  virtual int Enter(const plan::Target& target) = 0;
  virtual void Leave(int former) = 0;

  virtual Usage MemoryUsage() const = 0;
  // Contents are undefined. kResourceExhausted where there is not that much.
  virtual absl::StatusOr<Block> Allocate(int64_t bytes, int64_t alignment) = 0;
  virtual absl::StatusOr<Block> AllocateHost(int64_t bytes) = 0;
  virtual Place PlaceOf(const void* address) const = 0;

  // `text` and `binary` are the members that `code` names; binary may be empty. Null where the device has no use for
  // such code: launching it is an error of the plan.
  virtual absl::StatusOr<std::unique_ptr<Code>> OpenCode(const plan::Code& code, const plan::Target& target,
                                                         std::span<const std::byte> text,
                                                         std::span<const std::byte> binary) = 0;

  virtual absl::StatusOr<Resource> CreateStream() = 0;
  virtual absl::StatusOr<Resource> CreateEvent() = 0;

  // Work, done in the order of its stream. The operands' addresses are read before Launch returns.
  virtual absl::Status Launch(Kernel kernel, const plan::Launch& launch, void* const* operands, int count,
                              StreamHandle stream) = 0;
  virtual absl::Status Copy(void* to, const void* from, int64_t bytes, Direction direction, StreamHandle stream) = 0;
  // `bytes` is a multiple of the pattern's size.
  virtual absl::Status Fill(void* to, int64_t bytes, std::string_view pattern, StreamHandle stream) = 0;
  virtual absl::Status Record(EventHandle event, StreamHandle stream) = 0;
  virtual absl::Status Wait(EventHandle event, StreamHandle stream) = 0;
  // Blocks the host until the work put into the stream, or before the event, is done. Returns that work's errors too.
  virtual absl::Status Synchronize(StreamHandle stream) = 0;
  virtual absl::Status SynchronizeEvent(EventHandle event) = 0;

  // The same without waiting: false while there is work to do. Errors of the work count as done.
  virtual absl::StatusOr<bool> IsDone(StreamHandle stream) = 0;
  virtual absl::StatusOr<bool> IsEventDone(EventHandle event) = 0;

  // What the calling thread puts into the stream between these two is not done but made into a graph, which is done as
  // a whole each time that it is launched. kUnimplemented where something in between cannot be part of a graph.
  virtual absl::Status BeginCapture(StreamHandle stream) = 0;
  virtual absl::StatusOr<Resource> EndCapture(StreamHandle stream) = 0;
  virtual absl::Status LaunchGraph(GraphHandle graph, StreamHandle stream) = 0;
};

// Enters the device for as long as it lives.
class DeviceScope {
 public:
  DeviceScope(Device& device, const plan::Target& target) : device_(device), former_(device.Enter(target)) {}
  ~DeviceScope() { device_.Leave(former_); }
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  Device& device_;
  int former_;
};

// The device of this machine that runs plans for `target`: the CPU, or the GPU of that number as CUDA counts them. The same
// object each time. kUnavailable where there is none.
absl::StatusOr<std::shared_ptr<Device>> OpenDevice(const plan::Target& target, int ordinal = 0);

}  // namespace plimsoll::runtime
