#include "passes/memory/problem.h"

#include <cstddef>

#include "absl/strings/str_cat.h"

namespace plimsoll::memory {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 61;
constexpr int kMaxArena = 1 << 16;

// Adds `amount` >= 0 to `total`; false if the sum exceeds kMaxBytes.
bool Accumulate(int64_t amount, int64_t& total) {
  if (amount > kMaxBytes - total) return false;
  total += amount;
  return true;
}

absl::Status Invalid(absl::string_view kind, size_t index, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat(kind, " ", index, ": ", reason));
}

absl::Status CheckBuffer(const Buffer& buffer, size_t index) {
  if (buffer.lower >= buffer.upper) {
    return Invalid(
        "buffer", index,
        absl::StrCat("its interval [", buffer.lower, ", ", buffer.upper, ") is empty; upper must be above lower"));
  }
  if (buffer.size < 0) return Invalid("buffer", index, absl::StrCat("its size ", buffer.size, " is negative"));
  if (buffer.alignment < 1) {
    return Invalid("buffer", index, absl::StrCat("its alignment ", buffer.alignment, " is below 1"));
  }
  if (buffer.arena < 0 || buffer.arena > kMaxArena) {
    return Invalid("buffer", index, absl::StrCat("its arena ", buffer.arena, " is not in [0, ", kMaxArena, "]"));
  }
  if (!buffer.fixed_offset.has_value()) return absl::OkStatus();
  if (*buffer.fixed_offset < 0) {
    return Invalid("buffer", index, absl::StrCat("its fixed offset ", *buffer.fixed_offset, " is negative"));
  }
  if (*buffer.fixed_offset % buffer.alignment != 0) {
    return Invalid("buffer", index,
                   absl::StrCat("its fixed offset ", *buffer.fixed_offset, " is not a multiple of its alignment ",
                                buffer.alignment));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckProblem(const Problem& problem) {
  if (problem.buffers.size() > (size_t{1} << 30)) return absl::InvalidArgumentError("more than 2^30 buffers");
  // What every offset stays below, whatever the solver does: the highest fixed end, then everything on top of it.
  int64_t total = 0, highest = 0;
  for (size_t i = 0; i < problem.buffers.size(); ++i) {
    const Buffer& buffer = problem.buffers[i];
    if (absl::Status status = CheckBuffer(buffer, i); !status.ok()) return status;
    if (buffer.fixed_offset.has_value() && *buffer.fixed_offset > highest) highest = *buffer.fixed_offset;
    if (!Accumulate(buffer.size, total) || !Accumulate(buffer.alignment - 1, total)) {
      return Invalid("buffer", i, "the sizes and alignments together exceed 2^61 bytes");
    }
  }
  for (size_t i = 0; i < problem.may_share.size(); ++i) {
    const auto [a, b] = problem.may_share[i];
    const int count = static_cast<int>(problem.buffers.size());
    if (a < 0 || b < 0 || a >= count || b >= count || a == b) {
      return Invalid("in-place pair", i,
                     absl::StrCat("(", a, ", ", b, ") must name two different buffers of [0, ", count, ")"));
    }
  }
  for (size_t i = 0; i < problem.forbidden.size(); ++i) {
    const Region& region = problem.forbidden[i];
    if (region.lower >= region.upper || region.begin >= region.end || region.begin < 0) {
      return Invalid("forbidden region", i, "its interval of time or of addresses is empty, or begins below 0");
    }
    if (region.arena < 0 || region.arena > kMaxArena) {
      return Invalid("forbidden region", i,
                     absl::StrCat("its arena ", region.arena, " is not in [0, ", kMaxArena, "]"));
    }
    if (region.end > highest) highest = region.end;
  }
  if (!Accumulate(highest, total)) {
    return absl::InvalidArgumentError("sizes, fixed offsets and forbidden regions together exceed 2^61 bytes");
  }
  if (problem.capacity.has_value() && *problem.capacity < 0) {
    return absl::InvalidArgumentError(absl::StrCat("the capacity ", *problem.capacity, " is negative"));
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::memory
