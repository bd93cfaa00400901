#include "runtime/device/cuda/testing/fake_driver.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::cuda::testing {
namespace {

auto* const kContextHandle = reinterpret_cast<CUcontext>(uintptr_t{0xC0});

void SetText(char* to, int length, const std::string& text) {
  if (length <= 0) return;
  const size_t count = std::min(static_cast<size_t>(length) - 1, text.size());
  std::memcpy(to, text.data(), count);
  to[count] = '\0';
}

}  // namespace

FakeDriver::FakeDriver(FakeOptions options, FakeKernels kernels)
    : options_(std::move(options)),
      kernels_(std::move(kernels)),
      memory_(options_.memory_bytes, options_.seed),
      queue_(options_.seed + 1),
      table_(std::make_shared<Driver>()) {
  DefineDevice(*table_);
  DefineMemory(*table_);
  DefineCopies(*table_);
  DefineCode(*table_);
  DefineStreams(*table_);
  DefineGraphs(*table_);
  table_->process_bytes = [this](const char*) {
    const std::lock_guard lock(mutex_);
    return options_.management ? memory_.used_bytes() + memory_.reserved_bytes() : -1;
  };
}

FakeDriver::~FakeDriver() = default;

CUresult FakeDriver::Begin(const char* name, int needs) {
  calls_.push_back(name);
  if (const CUresult injected = Injected(name); injected != kSuccess) return Settle(injected);
  if ((needs & kAlways) == 0 && lost_ != kSuccess) return lost_;
  if ((needs & kContext) != 0 && current_[std::this_thread::get_id()] <= 0) {
    return Violate(absl::StrCat(name, " without a current context"), kErrorInvalidContext);
  }
  if ((needs & kNoCapture) != 0 && queue_.Captures()) {
    queue_.InvalidateCaptures();
    return Violate(absl::StrCat(name, " during a capture"), kErrorStreamCaptureUnsupported);
  }
  return kSuccess;
}

CUresult FakeDriver::Injected(const std::string& call) {
  CUresult injected = kSuccess;
  for (auto& [left, result] : failures_[call]) {
    if (--left == 0) injected = result;
  }
  return injected;
}

void FakeDriver::Detail(int64_t number) { absl::StrAppend(&calls_.back(), " ", number); }

CUresult FakeDriver::Settle(CUresult result) {
  if (IsSticky(result) && lost_ == kSuccess) lost_ = result;
  return result;
}

CUresult FakeDriver::Violate(const std::string& what, CUresult result) {
  if (violation_.empty()) violation_ = what;
  return result;
}

FakeStream* FakeDriver::Find(CUstream stream) {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? nullptr : found->second.get();
}

FakeEvent* FakeDriver::Find(CUevent event) {
  const auto found = events_.find(event);
  return found == events_.end() ? nullptr : found->second.get();
}

CUresult FakeDriver::Add(CUstream stream, const std::string& name, FakeWork work, FakeGates gates) {
  FakeStream* found = Find(stream);
  if (found == nullptr) return Violate(name + " in no stream", kErrorInvalidHandle);
  return queue_.Add(*found, name, std::move(work), std::move(gates));
}

void FakeDriver::Fail(const std::string& call, int nth, CUresult result) {
  const std::lock_guard lock(mutex_);
  failures_[call].emplace_back(nth, result);
}

absl::Status FakeDriver::Enqueue(CUstream stream, const std::string& name, std::function<absl::Status()> work) {
  const std::lock_guard lock(mutex_);
  if (CUresult result = Begin(name.c_str(), kContext); result != kSuccess) return table_->Check(result, name.c_str());
  const CUresult result = Add(stream, name, [this, name, work = std::move(work)] {
    absl::Status status = work();
    return status.ok() ? kSuccess : Violate(absl::StrCat(name, ": ", status.ToString()), kErrorLaunchFailed);
  });
  return table_->Check(result, name.c_str());
}

absl::Status FakeDriver::EnqueueGated(CUstream stream, const std::string& name, FakeGates gates) {
  const std::lock_guard lock(mutex_);
  CUresult result = Begin(name.c_str(), kContext);
  if (result == kSuccess) result = Add(stream, name, [] { return kSuccess; }, std::move(gates));
  return table_->Check(result, name.c_str());
}

bool FakeDriver::IsCurrent() const {
  const std::lock_guard lock(mutex_);
  const auto found = current_.find(std::this_thread::get_id());
  return found != current_.end() && found->second > 0;
}

std::byte* FakeDriver::HostAddress(CUdeviceptr address, size_t bytes) const {
  const std::lock_guard lock(mutex_);
  return memory_.HostAddress(address, bytes);
}

void FakeDriver::Reserve(int64_t bytes) {
  const std::lock_guard lock(mutex_);
  memory_.Reserve(bytes);
}

std::vector<std::string> FakeDriver::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

int FakeDriver::count(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::count_if(calls_.begin(), calls_.end(), [&](const std::string& call) {
    return call == name || call.rfind(name + " ", 0) == 0;
  }));
}

void FakeDriver::ClearRecord() {
  const std::lock_guard lock(mutex_);
  calls_.clear();
}

std::vector<std::string> FakeDriver::executed() const {
  const std::lock_guard lock(mutex_);
  return queue_.done();
}

std::string FakeDriver::violation() const {
  const std::lock_guard lock(mutex_);
  return violation_.empty() ? memory_.CheckGuards() : violation_;
}

int64_t FakeDriver::used_bytes() const {
  const std::lock_guard lock(mutex_);
  return memory_.used_bytes();
}

int64_t FakeDriver::peak_bytes() const {
  const std::lock_guard lock(mutex_);
  return memory_.peak_bytes();
}

int FakeDriver::live_objects() const {
  const std::lock_guard lock(mutex_);
  return memory_.live() + retained_ +
         static_cast<int>(streams_.size() + events_.size() + modules_.size() + graphs_.size() + executables_.size());
}

void FakeDriver::DefineDevice(Driver& table) {
  table.cuInit = Wrap("cuInit", kAlways, [](unsigned) { return kSuccess; });
  table.cuDriverGetVersion = Wrap("cuDriverGetVersion", kAlways, [](int* version) {
    *version = 12080;
    return kSuccess;
  });
  table.cuGetErrorName = [](CUresult error, const char** text) {
    switch (error) {
      case kErrorOutOfMemory:
        *text = "CUDA_ERROR_OUT_OF_MEMORY";
        return kSuccess;
      case kErrorInvalidImage:
        *text = "CUDA_ERROR_INVALID_IMAGE";
        return kSuccess;
      case kErrorNoBinaryForGpu:
        *text = "CUDA_ERROR_NO_BINARY_FOR_GPU";
        return kSuccess;
      case kErrorInvalidPtx:
        *text = "CUDA_ERROR_INVALID_PTX";
        return kSuccess;
      case kErrorIllegalAddress:
        *text = "CUDA_ERROR_ILLEGAL_ADDRESS";
        return kSuccess;
      case kErrorLaunchFailed:
        *text = "CUDA_ERROR_LAUNCH_FAILED";
        return kSuccess;
      default:
        return kErrorInvalidValue;
    }
  };
  table.cuGetErrorString = [](CUresult error, const char** text) {
    *text = error == kErrorIllegalAddress ? "an illegal memory access was encountered" : "fake";
    return kSuccess;
  };
  table.cuDeviceGetCount = Wrap("cuDeviceGetCount", kAlways, [this](int* count) {
    *count = options_.devices;
    return kSuccess;
  });
  table.cuDeviceGet = Wrap("cuDeviceGet", kAlways, [this](CUdevice* device, int ordinal) {
    *device = 7 + ordinal;
    return ordinal >= 0 && ordinal < options_.devices ? kSuccess : kErrorInvalidValue;
  });
  table.cuDeviceGetName = Wrap("cuDeviceGetName", kAlways, [](char* name, int length, CUdevice) {
    SetText(name, length, "Fake GPU");
    return kSuccess;
  });
  table.cuDeviceGetPCIBusId = Wrap("cuDeviceGetPCIBusId", kAlways, [](char* id, int length, CUdevice) {
    SetText(id, length, "0000:01:00.0");
    return kSuccess;
  });
  table.cuDeviceGetAttribute = Wrap("cuDeviceGetAttribute", kAlways, [this](int* value, int attribute, CUdevice) {
    if (attribute == kAttributeComputeCapabilityMajor)
      *value = options_.capability / 10;
    else if (attribute == kAttributeComputeCapabilityMinor)
      *value = options_.capability % 10;
    else
      return kErrorInvalidValue;
    return kSuccess;
  });
  table.cuDevicePrimaryCtxRetain = Wrap("cuDevicePrimaryCtxRetain", kNothing, [this](CUcontext* context, CUdevice) {
    if (retained_++ == 0) memory_.Reserve(options_.context_bytes);
    *context = kContextHandle;
    return kSuccess;
  });
  table.cuDevicePrimaryCtxRelease = Wrap("cuDevicePrimaryCtxRelease", kAlways, [this](CUdevice) {
    if (--retained_ == 0) memory_.Reserve(-options_.context_bytes);
    return kSuccess;
  });
  table.cuCtxPushCurrent = Wrap("cuCtxPushCurrent", kAlways, [this](CUcontext context) {
    if (context != kContextHandle || retained_ <= 0)
      return Violate("a context that is none is pushed", kErrorInvalidContext);
    ++current_[std::this_thread::get_id()];
    return kSuccess;
  });
  table.cuCtxPopCurrent = Wrap("cuCtxPopCurrent", kAlways, [this](CUcontext* context) {
    if (--current_[std::this_thread::get_id()] < 0) return Violate("a pop without a push", kErrorInvalidContext);
    *context = kContextHandle;
    return kSuccess;
  });
}

void FakeDriver::DefineMemory(Driver& table) {
  table.cuMemGetInfo = Wrap("cuMemGetInfo", kContext, [this](size_t* free, size_t* total) {
    *free = static_cast<size_t>(std::max<int64_t>(0, memory_.free_bytes()));
    *total = static_cast<size_t>(memory_.total_bytes());
    return kSuccess;
  });
  table.cuMemAlloc = Wrap("cuMemAlloc", kContext | kNoCapture, [this](CUdeviceptr* address, size_t bytes) {
    Detail(static_cast<int64_t>(bytes));
    if (bytes == 0) return kErrorInvalidValue;
    *address = memory_.Allocate(bytes);
    return *address == 0 ? kErrorOutOfMemory : kSuccess;
  });
  // Frees wait for the device.
  table.cuMemFree = Wrap("cuMemFree", kContext | kNoCapture | kAlways, [this](CUdeviceptr address) {
    const CUresult result = Settle(queue_.RunAll());
    bool overwritten = false;
    if (!memory_.Free(address, &overwritten)) return Violate("memory is freed that is none", kErrorInvalidValue);
    if (overwritten) return Violate("bytes beside an allocation were written", kErrorIllegalAddress);
    return result;
  });
  table.cuMemHostAlloc = Wrap("cuMemHostAlloc", kContext | kNoCapture, [this](void** address, size_t bytes, unsigned) {
    Detail(static_cast<int64_t>(bytes));
    if (bytes == 0) return kErrorInvalidValue;
    *address = memory_.AllocateHost(bytes);
    return kSuccess;
  });
  table.cuMemFreeHost = Wrap("cuMemFreeHost", kContext | kNoCapture | kAlways, [this](void* address) {
    const CUresult result = Settle(queue_.RunAll());
    if (const std::string wrong = memory_.CheckGuards(); !wrong.empty()) Violate(wrong, kErrorIllegalAddress);
    return memory_.FreeHost(address) ? result : Violate("host memory is freed that is none", kErrorInvalidValue);
  });
  table.cuPointerGetAttribute =
      Wrap("cuPointerGetAttribute", kNothing, [this](void* value, int attribute, CUdeviceptr address) {
        if (attribute != kPointerMemoryType) return kErrorInvalidValue;
        const bool on_device = memory_.HostAddress(address, 0) != nullptr;
        if (!on_device && !memory_.IsPinned(reinterpret_cast<void*>(address))) return kErrorInvalidValue;
        *static_cast<unsigned*>(value) = on_device ? kMemoryTypeDevice : kMemoryTypeHost;
        return kSuccess;
      });
}

void FakeDriver::DefineCopies(Driver& table) {
  // Addresses are looked up when the copy is asked for, as the driver does, and again when it is done.
  const auto lost = [this](const char* name) {
    return Violate(absl::StrCat(name, " of memory that was freed"), kErrorIllegalAddress);
  };
  table.cuMemcpyHtoDAsync = Wrap("cuMemcpyHtoDAsync", kContext,
                                 [this, lost](CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
                                   Detail(static_cast<int64_t>(bytes));
                                   if (memory_.HostAddress(to, bytes) == nullptr)
                                     return Violate("a copy to memory that is not allocated", kErrorInvalidValue);
                                   FakeStream* found = Find(stream);
                                   if (found == nullptr) return Violate("a copy in no stream", kErrorInvalidHandle);
                                   // Memory that is not pinned has been read when the call returns.
                                   std::shared_ptr<std::string> kept;
                                   if (!memory_.IsPinned(from) && found->capture == nullptr) {
                                     kept = std::make_shared<std::string>(static_cast<const char*>(from), bytes);
                                   }
                                   return queue_.Add(*found, "copy in", [this, lost, to, from, bytes, kept] {
                                     std::byte* place = memory_.HostAddress(to, bytes);
                                     if (place == nullptr) return lost("a copy in");
                                     std::memcpy(place, kept == nullptr ? from : kept->data(), bytes);
                                     return kSuccess;
                                   });
                                 });
  table.cuMemcpyDtoHAsync =
      Wrap("cuMemcpyDtoHAsync", kContext, [this, lost](void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
        Detail(static_cast<int64_t>(bytes));
        if (memory_.HostAddress(from, bytes) == nullptr)
          return Violate("a copy of memory that is not allocated", kErrorInvalidValue);
        FakeStream* found = Find(stream);
        if (found == nullptr) return Violate("a copy in no stream", kErrorInvalidHandle);
        const CUresult added = queue_.Add(*found, "copy out", [this, lost, to, from, bytes] {
          const std::byte* place = memory_.HostAddress(from, bytes);
          if (place == nullptr) return lost("a copy out");
          std::memcpy(to, place, bytes);
          return kSuccess;
        });
        // Memory that is not pinned is complete when the call returns.
        if (added != kSuccess || memory_.IsPinned(to) || found->capture != nullptr) return added;
        return Settle(queue_.RunUntil(found->last));
      });
  table.cuMemcpyDtoDAsync = Wrap(
      "cuMemcpyDtoDAsync", kContext, [this, lost](CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
        Detail(static_cast<int64_t>(bytes));
        if (memory_.HostAddress(from, bytes) == nullptr || memory_.HostAddress(to, bytes) == nullptr) {
          return Violate("a copy of memory that is not allocated", kErrorInvalidValue);
        }
        return Add(stream, "copy", [this, lost, to, from, bytes] {
          std::byte* place = memory_.HostAddress(to, bytes);
          const std::byte* source = memory_.HostAddress(from, bytes);
          if (place == nullptr || source == nullptr) return lost("a copy");
          std::memmove(place, source, bytes);
          return kSuccess;
        });
      });
  table.cuMemsetD8Async =
      Wrap("cuMemsetD8Async", kContext, [this](CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
        return Set(stream, to, 1, &value, 1, 1, count);
      });
  table.cuMemsetD16Async =
      Wrap("cuMemsetD16Async", kContext, [this](CUdeviceptr to, unsigned short value, size_t count, CUstream stream) {
        return Set(stream, to, 2, &value, 2, 1, count);
      });
  table.cuMemsetD32Async =
      Wrap("cuMemsetD32Async", kContext, [this](CUdeviceptr to, unsigned value, size_t count, CUstream stream) {
        return Set(stream, to, 4, &value, 4, 1, count);
      });
  table.cuMemsetD2D8Async = Wrap("cuMemsetD2D8Async", kContext,
                                 [this](CUdeviceptr to, size_t pitch, unsigned char value, size_t width, size_t height,
                                        CUstream stream) { return Set(stream, to, pitch, &value, 1, width, height); });
  table.cuMemsetD2D32Async = Wrap("cuMemsetD2D32Async", kContext,
                                  [this](CUdeviceptr to, size_t pitch, unsigned value, size_t width, size_t height,
                                         CUstream stream) { return Set(stream, to, pitch, &value, 4, width, height); });
}

CUresult FakeDriver::Set(CUstream stream, CUdeviceptr to, size_t pitch, const void* value, size_t size, size_t width,
                         size_t height) {
  const size_t bytes = height == 0 ? 0 : (height - 1) * pitch + width * size;
  if (to % size != 0 || pitch % size != 0)
    return Violate("a fill of elements that are not aligned", kErrorInvalidValue);
  if (memory_.HostAddress(to, bytes) == nullptr)
    return Violate("a fill of memory that is not allocated", kErrorInvalidValue);
  const std::string element(static_cast<const char*>(value), size);
  return Add(stream, "fill", [this, to, pitch, element, width, height, bytes] {
    std::byte* place = memory_.HostAddress(to, bytes);
    if (place == nullptr) return Violate("a fill of memory that was freed", kErrorIllegalAddress);
    for (size_t row = 0; row < height; ++row) {
      for (size_t i = 0; i < width; ++i)
        std::memcpy(place + row * pitch + i * element.size(), element.data(), element.size());
    }
    return kSuccess;
  });
}

}  // namespace plimsoll::runtime::cuda::testing
