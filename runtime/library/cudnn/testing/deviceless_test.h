// For tests: the real library and a table of devices that are not there.
#pragma once

#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/cudnn/testing/deviceless.h"
#include "runtime/library/nvidia/testing/device_tensor.h"

namespace plimsoll::runtime::cudnn {

struct AbsentDevice {
  const nvidia::DeviceProperties* device;
  Descriptor properties;
  plan::Target target;
};

// Skips where the library, or the driver's stub, is missing.
class DevicelessTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<const Api*> api = OpenWithoutDevice();
    if (!api.ok()) GTEST_SKIP() << api.status().message();
    api_ = *api;
    for (const nvidia::DeviceProperties& device : nvidia::kDevices) {
      absl::StatusOr<Descriptor> properties = PropertiesOf(*api_, device);
      ASSERT_TRUE(properties.ok()) << device.name << ": " << properties.status();
      devices_.push_back(
          {&device, *std::move(properties), nvidia::CudaTarget(absl::StrCat("sm_", device.architecture).c_str())});
    }
  }

  const Api* api_ = nullptr;
  std::vector<AbsentDevice> devices_;
};

}  // namespace plimsoll::runtime::cudnn
