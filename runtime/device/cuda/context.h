// A GPU's primary context, held as long as anything that lies in it. What libraries (cuBLASLt, cuDNN) use too.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/device/cuda/driver.h"
#include "runtime/device/device.h"

namespace plimsoll::runtime::cuda {

class Context {
 public:
  static absl::StatusOr<std::shared_ptr<const Context>> Create(std::shared_ptr<const Driver> driver, int ordinal);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Driver& driver() const { return *driver_; }
  const std::string& name() const { return name_; }  // "NVIDIA A100-SXM4-80GB"
  const std::string& pci_bus_id() const { return pci_; }
  // Compute capability: 80 for 8.0, as in sm_80.
  int capability() const { return capability_; }
  int ordinal() const { return ordinal_; }

  void Push() const;
  void Pop() const;

 private:
  explicit Context(std::shared_ptr<const Driver> driver) : driver_(std::move(driver)) {}

  std::shared_ptr<const Driver> driver_;
  CUdevice device_ = 0;
  CUcontext context_ = nullptr;
  std::string name_;
  std::string pci_;
  int capability_ = 0;
  int ordinal_ = 0;
};

using ContextPointer = std::shared_ptr<const Context>;

// Current on the calling thread for as long as it lives.
class ContextScope {
 public:
  explicit ContextScope(const Context& context) : context_(context) { context_.Push(); }
  ~ContextScope() { context_.Pop(); }
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;

 private:
  const Context& context_;
};

// Handle that `release(driver, handle)` gives back, with the context current, on whatever thread. Failures to give back
// are not reported: they come from errors that were.
template <typename Handle, typename Release>
Resource MakeResource(ContextPointer context, Handle handle, Release release) {
  return Resource(reinterpret_cast<void*>(handle), [context = std::move(context), release](void* made) {
    ContextScope scope(*context);
    release(context->driver(), reinterpret_cast<Handle>(made));
  });
}

}  // namespace plimsoll::runtime::cuda
