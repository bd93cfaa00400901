// Where the arenas of one scope and space lie in a block of memory, one behind the other.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "ir/plan/plan.pb.h"
#include "runtime/device/device.h"

namespace plimsoll::runtime {

struct ArenaLayout {
  std::vector<int64_t> offsets;  // by arena; negative: of another scope or space
  int64_t end = 0;               // bytes from the block's start to the end of the last one
  int64_t alignment = 1;         // of the block
  int64_t arena_bytes = 0;       // the sum of the arenas' sizes

  // Writes the addresses of these arenas to `addresses`, for a block at `base`; null where that is.
  void Resolve(std::byte* base, std::vector<std::byte*>& addresses) const;
};

// The arenas of `scope` on the device from `begin` on.
ArenaLayout LayOut(const plan::Plan& plan, plan::Arena::Scope scope, int64_t begin = 0);

// Allocates the arenas of `scope` on the host, and writes their addresses. Nothing where there are none.
absl::StatusOr<Block> AllocateHostArenas(Device& device, const plan::Plan& plan, plan::Arena::Scope scope,
                                         std::vector<std::byte*>& addresses);

}  // namespace plimsoll::runtime
