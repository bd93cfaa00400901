// Random problems of the kinds that the solvers meet, for tests and benchmarks. Equal arguments give equal problems.
#ifndef PLIMSOLL_PASSES_MEMORY_GENERATORS_H_
#define PLIMSOLL_PASSES_MEMORY_GENERATORS_H_

#include <cstdint>

#include "passes/memory/problem.h"

namespace plimsoll::memory {

// A square of `side` by `side` units of 1024 bytes and 1024 instants, cut by straight lines into `pieces` rectangles
// (at least 1), of which a share `dropped` is then left out. What is left fits a capacity of 1024 * side, and fills it
// but for what was dropped: the accelerator kind, as MiniMalloc's suite.
Problem CutSquare(int pieces, int side, double dropped, uint64_t seed);

// `count` buffers of alike sizes and lengths that come and go, packed at random while they fit under `side` units of
// 1024 bytes; the load is near that at many instants, far below at others.
Problem ShortLived(int count, int side, uint64_t seed);

// One step of training of a transformer: layers of operations whose results are of few sizes, some saved until the
// backward pass reaches them, weights' gradients that live on until the optimizer, workspaces. About `count` buffers.
Problem TrainingTrace(int count, uint64_t seed);

// `count` buffers with sizes log-uniform in [smallest, largest] bytes and intervals of uniform begin in [0, 10^6) and a
// length uniform up to `longest` (in (0, 1], of the whole time).
Problem LogUniform(int count, int64_t smallest, int64_t largest, double longest, uint64_t seed);

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_GENERATORS_H_
