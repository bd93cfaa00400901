#include "runtime/device/device.h"

#include <map>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/device/cpu/cpu_device.h"
#include "runtime/device/cuda/cuda_device.h"

namespace plimsoll::runtime {

absl::StatusOr<std::shared_ptr<Device>> OpenDevice(const plan::Target& target, int ordinal) {
  switch (target.kind()) {
    case plan::Target::CPU:
      return cpu::CpuDevice();
    case plan::Target::CUDA: {
      auto driver = cuda::OpenDriver();
      if (!driver.ok()) return driver.status();
      static std::mutex& mutex = *new std::mutex;
      static auto& devices = *new std::map<int, std::shared_ptr<Device>>;
      const std::lock_guard lock(mutex);
      std::shared_ptr<Device>& device = devices[ordinal];
      if (device == nullptr) {
        auto opened = cuda::OpenCudaDevice(*std::move(driver), ordinal);
        if (!opened.ok()) return opened.status();
        device = *std::move(opened);
      }
      return device;
    }
    default:
      return absl::UnimplementedError(absl::StrCat("the plan is for a device of kind ", static_cast<int>(target.kind()),
                                                   ", which this runtime does not know"));
  }
}

}  // namespace plimsoll::runtime
