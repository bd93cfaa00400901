// Memory and streams of the emulated libraries, from the driver on the host.
#pragma once

#include <utility>

#include "runtime/device/cuda/testing/fake_driver.h"
#include "runtime/library/nvidia/testing/emulation.h"

namespace plimsoll::runtime::nvidia {

// `driver` outlives what is returned. Work is captured, ordered and drawn as the driver's own.
inline EmulationHost OnFakeDriver(cuda::testing::FakeDriver& driver) {
  EmulationHost host;
  host.address = [&driver](const void* device, int64_t bytes) -> void* {
    return driver.HostAddress(device, static_cast<size_t>(bytes));
  };
  host.enqueue = [&driver](void* stream, const std::string& name, std::function<void()> work) {
    return driver.Enqueue(static_cast<cuda::CUstream>(stream), name, [work = std::move(work)] {
      work();
      return absl::OkStatus();
    });
  };
  return host;
}

}  // namespace plimsoll::runtime::nvidia
