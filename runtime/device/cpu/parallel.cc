#include "runtime/device/cpu/parallel.h"

#include <algorithm>
#include <atomic>
#include <cstring>

// libgomp's entry points, as GCC's code calls them (its omp.h is not clang's).
extern "C" {
void GOMP_parallel(void (*function)(void*), void* data, unsigned threads, unsigned flags);
int omp_get_max_threads(void);
void omp_set_num_threads(int);
int omp_get_num_procs(void);
int omp_in_parallel(void);
}

namespace plimsoll::runtime::cpu {
namespace {

struct Loop {
  TileFunction function;
  void* context;
  int64_t tiles;
  int64_t chunk;
  std::atomic<int64_t> next;
};

void Work(void* data) {
  Loop& loop = *static_cast<Loop*>(data);
  while (true) {
    const int64_t begin = loop.next.fetch_add(loop.chunk, std::memory_order_relaxed);
    if (begin >= loop.tiles) return;
    loop.function(loop.context, begin, std::min(loop.tiles, begin + loop.chunk));
  }
}

}  // namespace

void ParallelFor(int64_t tiles, int64_t tiles_per_task, TileFunction function, void* context) {
  if (tiles <= 0) return;
  tiles_per_task = std::max<int64_t>(1, tiles_per_task);
  const int64_t tasks = (tiles - 1) / tiles_per_task + 1;
  const int64_t threads = std::min<int64_t>(tasks, MaxThreads());
  if (threads <= 1 || omp_in_parallel()) {
    function(context, 0, tiles);
    return;
  }
  // Four tasks a thread: small enough that a thread which starts late or is preempted holds nobody up.
  const int64_t chunk = std::max(tiles_per_task, (tiles - 1) / (threads * 4) + 1);
  Loop loop{function, context, tiles, chunk, 0};
  GOMP_parallel(&Work, &loop, static_cast<unsigned>(threads), 0);
}

void CopyBytes(std::byte* to, const std::byte* from, int64_t bytes) {
  constexpr int64_t kTileBytes = int64_t{1} << 20;
  ParallelFor((bytes + kTileBytes - 1) / kTileBytes, 1, [&](int64_t begin, int64_t end) {
    const int64_t first = begin * kTileBytes;
    std::memcpy(to + first, from + first, static_cast<size_t>(std::min(bytes, end * kTileBytes) - first));
  });
}

int MaxThreads() { return omp_get_max_threads(); }
void SetMaxThreads(int threads) { omp_set_num_threads(std::max(1, threads)); }
int HardwareThreads() { return omp_get_num_procs(); }

}  // namespace plimsoll::runtime::cpu
