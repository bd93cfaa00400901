// Dynamic storage allocation: where in an arena does each buffer lie, given when it is alive?
//
// The problem is strip packing in which one coordinate (time) is fixed; it is strongly NP-hard (Garey and Johnson,
// "Computers and Intractability", problem SR2). This file holds the plain structs that go in and come out.
#ifndef PLIMSOLL_PASSES_MEMORY_PROBLEM_H_
#define PLIMSOLL_PASSES_MEMORY_PROBLEM_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace plimsoll::memory {

// Bytes that are held from `lower` until just before `upper`, at one offset of one arena.
struct Buffer {
  int64_t lower = 0;  // Live interval [lower, upper), in any unit of time.
  int64_t upper = 0;
  int64_t size = 0;       // Bytes. A buffer of size zero overlaps nothing.
  int64_t alignment = 1;  // The offset is a multiple of this; it need not be a power of two.
  std::optional<int64_t> fixed_offset;
  int arena = 0;  // Arenas are independent of one another; any number >= 0 names one.
};

// Addresses [begin, end) that no buffer may touch while it is alive in [lower, upper). A forbidden region does not
// count towards the size of its arena, and may overlap another one.
struct Region {
  int64_t lower = 0;
  int64_t upper = 0;
  int64_t begin = 0;
  int64_t end = 0;
  int arena = 0;
};

struct Problem {
  std::vector<Buffer> buffers;
  // In-place pairs: two buffers (indices into `buffers`) that may be alive at once and share bytes, but only if their
  // offsets are equal. Not transitive.
  std::vector<std::pair<int, int>> may_share;
  std::vector<Region> forbidden;
  std::optional<int64_t> capacity;  // Bytes of every arena. None: unlimited.
};

struct Options {
  // Limits are counted in steps (one step: one decision of a search), so that equal input gives equal output. None
  // chooses a limit that keeps the search within some seconds on a current machine.
  std::optional<int64_t> max_steps;
  // A limit by the clock acts only where it is set; what comes out may then differ from run to run.
  std::optional<double> seconds;
  // With a capacity: stop at the first solution that is within it. Otherwise the arena is made as small as the limit
  // allows. Without a capacity this changes nothing.
  bool stop_at_capacity = true;
};

struct Solution {
  std::vector<int64_t> offsets;      // One for each buffer, in the order of `Problem::buffers`.
  std::vector<int64_t> arena_sizes;  // By arena number: the largest offset + size of its buffers.
  int64_t arena_size = 0;            // The sum of `arena_sizes`.
  int64_t lower_bound = 0;           // No solution has a smaller `arena_size`.
  bool proven_optimal = false;       // `arena_size` is the least possible.
  int64_t steps = 0;                 // Steps of search spent.
};

// Whether the problem is well formed. kInvalidArgument names the first buffer, pair or region (counted from 0) that is
// not: an empty or reversed interval, a negative size or offset, an alignment below 1, a fixed offset that is not
// aligned, an index out of range, a number of an arena above 2^16, or sizes that together exceed 2^61 bytes.
absl::Status CheckProblem(const Problem& problem);

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_PROBLEM_H_
