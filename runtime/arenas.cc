#include "runtime/arenas.h"

#include <algorithm>

namespace plimsoll::runtime {

void ArenaLayout::Resolve(std::byte* base, std::vector<std::byte*>& addresses) const {
  for (size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] >= 0) addresses[i] = base == nullptr ? nullptr : base + offsets[i];
  }
}

ArenaLayout LayOut(const plan::Plan& plan, plan::Arena::Scope scope, int64_t begin) {
  ArenaLayout layout;
  layout.end = begin;
  for (const plan::Arena& arena : plan.arenas()) {
    layout.offsets.push_back(-1);
    if (arena.scope() != scope) continue;
    const int64_t alignment = std::max<int64_t>(1, arena.alignment());
    layout.alignment = std::max(layout.alignment, alignment);
    if (arena.size_bytes() > 0) layout.end = (layout.end + alignment - 1) / alignment * alignment;
    layout.offsets.back() = layout.end;
    layout.end += arena.size_bytes();
    layout.arena_bytes += arena.size_bytes();
  }
  return layout;
}

}  // namespace plimsoll::runtime
