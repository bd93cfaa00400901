// A block of anonymous memory of exactly the planned size, given back to the system when it ends.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"

namespace plimsoll::runtime::cpu {

class Arena {
 public:
  // Pages are taken by the first touch and read as zeros. `alignment` is a power of two. kResourceExhausted where the
  // system has not that much.
  static absl::StatusOr<Arena> Create(int64_t size_bytes, int64_t alignment);

  Arena() = default;
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;
  ~Arena();

  std::byte* data() const { return data_; }
  int64_t size_bytes() const { return size_bytes_; }

 private:
  void Release();

  std::byte* data_ = nullptr;
  int64_t size_bytes_ = 0;
  void* mapping_ = nullptr;
  size_t mapping_bytes_ = 0;
};

// The memory that this process may still take: what the system says is available, or less where a control group's
// limit is nearer. Negative where nothing is known.
int64_t AvailableMemoryBytes();

}  // namespace plimsoll::runtime::cpu
