#include "runtime/device/cuda/context.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::cuda {

absl::StatusOr<std::shared_ptr<const Context>> Context::Create(std::shared_ptr<const Driver> driver, int ordinal) {
  std::shared_ptr<Context> context(new Context(std::move(driver)));
  const Driver& cuda = context->driver();
  int count = 0;
  if (auto status = cuda.Check(cuda.cuDeviceGetCount(&count), "cuDeviceGetCount"); !status.ok()) return status;
  if (ordinal < 0 || ordinal >= count) {
    return absl::UnavailableError(absl::StrCat("no CUDA device ", ordinal, ": the driver shows ", count));
  }
  if (auto status = cuda.Check(cuda.cuDeviceGet(&context->device_, ordinal), "cuDeviceGet"); !status.ok())
    return status;
  context->ordinal_ = ordinal;
  char text[256] = {};
  if (cuda.cuDeviceGetName(text, sizeof(text) - 1, context->device_) == kSuccess) context->name_ = text;
  char pci[32] = {};
  if (cuda.cuDeviceGetPCIBusId(pci, sizeof(pci) - 1, context->device_) == kSuccess) context->pci_ = pci;
  int major = 0, minor = 0;
  for (auto [attribute, value] :
       {std::pair(kAttributeComputeCapabilityMajor, &major), std::pair(kAttributeComputeCapabilityMinor, &minor)}) {
    absl::Status status =
        cuda.Check(cuda.cuDeviceGetAttribute(value, attribute, context->device_), "cuDeviceGetAttribute");
    if (!status.ok()) return status;
  }
  context->capability_ = 10 * major + minor;
  absl::Status status =
      cuda.Check(cuda.cuDevicePrimaryCtxRetain(&context->context_, context->device_), "cuDevicePrimaryCtxRetain");
  if (!status.ok()) {
    context->context_ = nullptr;
    return absl::Status(status.code(),
                        absl::StrCat("cannot use ", context->name_, ": ", std::string(status.message())));
  }
  return std::shared_ptr<const Context>(std::move(context));
}

Context::~Context() {
  if (context_ != nullptr) driver_->cuDevicePrimaryCtxRelease(device_);
}

void Context::Push() const { driver_->cuCtxPushCurrent(context_); }

void Context::Pop() const {
  CUcontext former = nullptr;
  driver_->cuCtxPopCurrent(&former);
}

}  // namespace plimsoll::runtime::cuda
