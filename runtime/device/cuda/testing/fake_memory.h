// The fake driver's memory. Device addresses are host addresses plus a constant that takes them out of what a process
// may address: looking at one without translation kills the test. Every allocation begins as garbage and lies between
// guard bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "runtime/device/cuda/driver_types.h"

namespace plimsoll::runtime::cuda::testing {

class FakeMemory {
 public:
  FakeMemory(int64_t total_bytes, uint64_t seed) : total_bytes_(total_bytes), random_(seed) {}

  // 0 where it does not fit.
  CUdeviceptr Allocate(size_t bytes);
  // False where it is no allocation; `overwritten` tells whether its guards were.
  bool Free(CUdeviceptr address, bool* overwritten);
  void* AllocateHost(size_t bytes);
  bool FreeHost(void* address);

  // The host's address of [address, address + bytes), null where that is not within one allocation. An allocation's end
  // is within it, with 0 bytes.
  std::byte* HostAddress(CUdeviceptr address, size_t bytes) const;
  bool IsPinned(const void* address) const;
  // What guards have been overwritten; empty: none.
  std::string CheckGuards() const;

  // Taken by others, as a driver and its libraries do.
  void Reserve(int64_t bytes) { reserved_bytes_ += bytes; }
  int64_t total_bytes() const { return total_bytes_; }
  int64_t free_bytes() const { return total_bytes_ - reserved_bytes_ - used_bytes_; }
  int64_t used_bytes() const { return used_bytes_; }
  int64_t reserved_bytes() const { return reserved_bytes_; }
  int64_t peak_bytes() const { return peak_bytes_; }
  int live() const { return static_cast<int>(blocks_.size() + pinned_.size()); }

 private:
  struct Block {
    std::unique_ptr<std::byte[]> storage;
    std::byte* data = nullptr;
    size_t bytes = 0;
  };
  Block Make(size_t bytes);
  static bool Overwritten(const Block& block);

  const int64_t total_bytes_;
  int64_t used_bytes_ = 0, peak_bytes_ = 0, reserved_bytes_ = 0;
  std::mt19937_64 random_;
  std::map<CUdeviceptr, Block> blocks_;
  std::map<std::byte*, Block> pinned_;
};

}  // namespace plimsoll::runtime::cuda::testing
