// Where the arenas of one scope lie in a block of memory, one behind the other.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/plan/plan.pb.h"

namespace plimsoll::runtime {

struct ArenaLayout {
  std::vector<int64_t> offsets;  // by arena; negative: of another scope
  int64_t end = 0;               // bytes from the block's start to the end of the last one
  int64_t alignment = 1;         // of the block
  int64_t arena_bytes = 0;       // the sum of the arenas' sizes

  // Writes the addresses of these arenas to `addresses`, for a block at `base`; null where that is.
  void Resolve(std::byte* base, std::vector<std::byte*>& addresses) const;
};

// The arenas of `scope` from `begin` on.
ArenaLayout LayOut(const plan::Plan& plan, plan::Arena::Scope scope, int64_t begin = 0);

}  // namespace plimsoll::runtime
