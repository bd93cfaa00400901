#include "runtime/device/device.h"

#include "absl/strings/str_cat.h"
#include "runtime/device/cpu/cpu_device.h"
#include "runtime/device/cuda/cuda_device.h"

namespace plimsoll::runtime {

absl::StatusOr<std::shared_ptr<Device>> OpenDevice(const plan::Target& target) {
  switch (target.kind()) {
    case plan::Target::CPU:
      return cpu::CpuDevice();
    case plan::Target::CUDA: {
      static const auto* device =
          new absl::StatusOr<std::shared_ptr<Device>>([]() -> absl::StatusOr<std::shared_ptr<Device>> {
            auto driver = cuda::OpenDriver();
            if (!driver.ok()) return driver.status();
            return cuda::OpenCudaDevice(*std::move(driver));
          }());
      return *device;
    }
    default:
      return absl::UnimplementedError(absl::StrCat("the plan is for a device of kind ", static_cast<int>(target.kind()),
                                                   ", which this runtime does not know"));
  }
}

}  // namespace plimsoll::runtime
