// What is known of the addresses that an operation will be run with.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace plimsoll::runtime::nvidia {

// What the addresses of a CUDA plan's operands are multiples of, unless it is said otherwise.
inline constexpr int64_t kOperandAlignment = 16;

// Device memory.
struct Block {
  void* address = nullptr;
  int64_t bytes = 0;
};

// The part of [address, address + bytes) that begins at a multiple of `alignment`; empty (null) where none is left.
Block Aligned(void* address, int64_t bytes, int64_t alignment);

// What each operand's address is a multiple of.
class Alignments {
 public:
  // kInvalidArgument where `given` is neither empty (kOperandAlignment each) nor has one power of two an operand.
  static absl::StatusOr<Alignments> Make(const std::vector<int64_t>& given, int operands);

  // Of one operand; 256 at most, which is the most that a library asks for.
  int64_t Of(int operand) const { return bytes_[operand]; }
  int64_t Least() const;
  // Of operand `operand`, `bytes` of workspace: what is left behind the first multiple of `alignment`, wherever it lies.
  uint64_t Usable(int operand, int64_t bytes, int64_t alignment) const;

  // kInvalidArgument where the number of `operands` is another one, or an address is not the multiple that was promised
  // (`library` goes into the message).
  absl::Status Check(absl::Span<void* const> operands, const char* library) const;

 private:
  std::vector<int64_t> bytes_;
};

}  // namespace plimsoll::runtime::nvidia
