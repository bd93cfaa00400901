// The one parallel loop of the runtime. Threads are libgomp's, which oneDNN uses too: one pool on the machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace plimsoll::runtime::cpu {

using TileFunction = void (*)(void* context, int64_t begin, int64_t end);

// Calls function(context, begin, end) for disjoint ranges that together are [0, tiles), on up to MaxThreads() threads,
// and returns when all are done. No task has fewer than `tiles_per_task` tiles, but the last. Allocates nothing (libgomp
// does, the first time that a calling thread uses more threads than before). A nested call runs on its own thread.
void ParallelFor(int64_t tiles, int64_t tiles_per_task, TileFunction function, void* context);

template <typename F>
void ParallelFor(int64_t tiles, int64_t tiles_per_task, F&& function) {
  using Function = std::remove_reference_t<F>;
  ParallelFor(
      tiles, tiles_per_task,
      [](void* context, int64_t begin, int64_t end) { (*static_cast<Function*>(context))(begin, end); },
      const_cast<void*>(static_cast<const void*>(&function)));
}

// Copies between places that do not overlap, on the threads of a parallel loop.
void CopyBytes(std::byte* to, const std::byte* from, int64_t bytes);

// The number of threads that parallel loops started by the calling thread may use, itself included.
int MaxThreads();
void SetMaxThreads(int threads);
int HardwareThreads();

}  // namespace plimsoll::runtime::cpu
