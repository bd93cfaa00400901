#include "runtime/arenas.h"

#include <algorithm>

namespace plimsoll::runtime {

void ArenaLayout::Resolve(std::byte* base, std::vector<std::byte*>& addresses) const {
  for (size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] >= 0) addresses[i] = base == nullptr ? nullptr : base + offsets[i];
  }
}

namespace {

ArenaLayout LayOut(const plan::Plan& plan, plan::Arena::Scope scope, plan::Arena::Space space, int64_t begin) {
  ArenaLayout layout;
  layout.end = begin;
  for (const plan::Arena& arena : plan.arenas()) {
    layout.offsets.push_back(-1);
    if (arena.scope() != scope || arena.space() != space) continue;
    const int64_t alignment = std::max<int64_t>(1, arena.alignment());
    layout.alignment = std::max(layout.alignment, alignment);
    if (arena.size_bytes() > 0) layout.end = (layout.end + alignment - 1) / alignment * alignment;
    layout.offsets.back() = layout.end;
    layout.end += arena.size_bytes();
    layout.arena_bytes += arena.size_bytes();
  }
  return layout;
}

}  // namespace

ArenaLayout LayOut(const plan::Plan& plan, plan::Arena::Scope scope, int64_t begin) {
  return LayOut(plan, scope, plan::Arena::DEVICE, begin);
}

absl::StatusOr<Block> AllocateHostArenas(Device& device, const plan::Plan& plan, plan::Arena::Scope scope,
                                         std::vector<std::byte*>& addresses) {
  const ArenaLayout layout = LayOut(plan, scope, plan::Arena::HOST, 0);
  if (layout.end == 0) {
    layout.Resolve(nullptr, addresses);
    return Block();
  }
  auto block = device.AllocateHost(layout.end + layout.alignment - 1);
  if (!block.ok()) return block.status();
  const auto address = reinterpret_cast<uintptr_t>(block->data), alignment = static_cast<uintptr_t>(layout.alignment);
  layout.Resolve(block->data + ((address + alignment - 1) / alignment * alignment - address), addresses);
  return block;
}

}  // namespace plimsoll::runtime
