#include "runtime/library/nvidia/address.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::nvidia {
namespace {

constexpr int64_t kMostAlignment = 256;

}  // namespace

Block Aligned(void* address, int64_t bytes, int64_t alignment) {
  if (address == nullptr) return {};
  const uintptr_t at = reinterpret_cast<uintptr_t>(address);
  const int64_t skipped = static_cast<int64_t>((alignment - at % alignment) % alignment);
  if (skipped >= bytes) return {};
  return {static_cast<char*>(address) + skipped, bytes - skipped};
}

absl::StatusOr<Alignments> Alignments::Make(const std::vector<int64_t>& given, int operands) {
  Alignments alignments;
  if (given.empty()) {
    alignments.bytes_.assign(operands, kOperandAlignment);
    return alignments;
  }
  if (static_cast<int>(given.size()) != operands) {
    return absl::InvalidArgumentError(absl::StrCat(given.size(), " alignments for ", operands, " operands"));
  }
  for (int64_t bytes : given) {
    if (bytes < 1 || (bytes & (bytes - 1)) != 0) {
      return absl::InvalidArgumentError(absl::StrCat("an alignment of ", bytes, " bytes is no power of two"));
    }
    alignments.bytes_.push_back(std::min(bytes, kMostAlignment));
  }
  return alignments;
}

int64_t Alignments::Least() const { return *std::min_element(bytes_.begin(), bytes_.end()); }

uint64_t Alignments::Usable(int operand, int64_t bytes, int64_t alignment) const {
  if (bytes == 0) return 0;
  const int64_t lost = std::max<int64_t>(0, alignment - Of(operand));
  return static_cast<uint64_t>(std::max<int64_t>(0, bytes - lost));
}

absl::Status Alignments::Check(absl::Span<void* const> operands, const char* library) const {
  if (operands.size() != bytes_.size()) {
    return absl::InvalidArgumentError(absl::StrCat(operands.size(), " operands for an operation of ", bytes_.size()));
  }
  for (size_t i = 0; i < operands.size(); ++i) {
    if (reinterpret_cast<uintptr_t>(operands[i]) % bytes_[i] == 0) continue;
    return absl::InvalidArgumentError(absl::StrCat("operand ", i, " lies at ",
                                                   absl::Hex(reinterpret_cast<uintptr_t>(operands[i])), ", and ",
                                                   library, " was prepared for multiples of ", bytes_[i]));
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::runtime::nvidia
