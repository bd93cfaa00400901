// Ranks that are fake GPUs joined by the emulated NCCL: a thread, a driver and a device each.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "runtime/collective/communicator.h"
#include "runtime/collective/nccl/nccl.h"
#include "runtime/collective/nccl/testing/emulated_nccl.h"
#include "runtime/collective/testing/reference.h"
#include "runtime/device/cuda/cuda_device.h"
#include "runtime/device/cuda/testing/fake_driver.h"

namespace plimsoll::runtime::collective::nccl {

// One at a time: the emulation is the process's. At the end every communicator must be gone, and nothing may have been
// done wrong.
class RanksOnFakeGpus {
 public:
  explicit RanksOnFakeGpus(int ranks, cuda::testing::FakeKernels kernels = nullptr,
                           cuda::testing::FakeOptions options = {}) {
    for (int rank = 0; rank < ranks; ++rank) {
      options.seed = 17 * static_cast<uint64_t>(rank) + 1;  // each has an order of its own
      drivers_.push_back(std::make_unique<cuda::testing::FakeDriver>(options, kernels));
      auto device = cuda::OpenCudaDevice(drivers_.back()->table());
      EXPECT_TRUE(device.ok()) << device.status();
      devices_.push_back(device.ok() ? *std::move(device) : nullptr);
    }
    nccl.current = [this]() -> cuda::testing::FakeDriver* {
      for (const auto& driver : drivers_) {
        if (driver->IsCurrent()) return driver.get();
      }
      return nullptr;
    };
    Replace(Emulate(&nccl));
  }

  ~RanksOnFakeGpus() {
    Replace(nullptr);
    devices_.clear();
    EXPECT_EQ(nccl.live_communicators, 0);
    EXPECT_EQ(nccl.last_error, expected_error);
    for (const auto& driver : drivers_) {
      EXPECT_EQ(driver->violation(), "");
      EXPECT_EQ(driver->live_objects(), 0);
    }
  }

  int size() const { return static_cast<int>(drivers_.size()); }
  cuda::testing::FakeDriver& driver(int rank) { return *drivers_[static_cast<size_t>(rank)]; }
  const std::shared_ptr<Device>& device(int rank) const { return devices_[static_cast<size_t>(rank)]; }

  // All ranks, connected on a thread each.
  std::vector<std::shared_ptr<Communicator>> Join(absl::Duration timeout = absl::Seconds(60)) {
    std::vector<std::shared_ptr<Communicator>> ends(drivers_.size());
    auto id = NewId();
    EXPECT_TRUE(id.ok()) << id.status();
    if (!id.ok()) return ends;
    testing::OnRanks(size(), [&](int rank) {
      auto end = Connect(device(rank), *id, size(), rank, timeout);
      EXPECT_TRUE(end.ok()) << end.status();
      if (end.ok()) ends[static_cast<size_t>(rank)] = *std::move(end);
    });
    return ends;
  }

  EmulatedNccl nccl;
  std::string expected_error;  // of tests that do wrong on purpose

 private:
  std::vector<std::unique_ptr<cuda::testing::FakeDriver>> drivers_;
  std::vector<std::shared_ptr<Device>> devices_;
};

}  // namespace plimsoll::runtime::collective::nccl
