// For tests: the same calls of cuDNN's graph interface, good and bad, on the emulation and on the library, and the
// categories of status that both give. Descriptors live on the host, so that this needs no GPU.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/cudnn/testing/backend_calls.h"
#include "runtime/library/cudnn/testing/emulated_cudnn.h"
#include "runtime/library/nvidia/testing/device_properties.h"

namespace plimsoll::runtime::cudnn {

// An H200, as cuDNN describes a device to itself.
inline std::string AbsentH200() {
  for (const nvidia::DeviceProperties& device : nvidia::kDevices) {
    if (device.name == std::string("NVIDIA H200")) return nvidia::Json(device);
  }
  return "";
}

struct AgreementCase {
  const char* name;
  int status;  // of the emulation: the first of its category
  std::function<void(BackendCalls&)> calls;
  // Of the library, where the emulation is stricter on purpose.
  std::optional<int> library = {};
};

inline int Category(int status) { return status / 1000 * 1000; }

// On the emulation; on the library too, where there is one.
inline void ExpectAgreement(const std::vector<AgreementCase>& cases) {
  EmulatedCudnn state;
  const Api& emulation = *Emulate(&state);
  for (const AgreementCase& test : cases) {
    SCOPED_TRACE(test.name);
    BackendCalls calls(emulation);
    test.calls(calls);
    EXPECT_EQ(Category(calls.status()), Category(test.status)) << calls.message();
  }
  EXPECT_EQ(state.live_objects, 0);
  absl::StatusOr<const Api*> library = Open();
  if (!library.ok()) GTEST_SKIP() << "only the emulation was seen: " << library.status().message();
  for (const AgreementCase& test : cases) {
    SCOPED_TRACE(test.name);
    BackendCalls calls(**library);
    test.calls(calls);
    EXPECT_EQ(Category(calls.status()), Category(test.library.value_or(test.status))) << calls.message();
  }
}

}  // namespace plimsoll::runtime::cudnn
