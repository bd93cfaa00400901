// Few long rows on a GPU: into how many parts each is worth cutting. Free of MLIR.
#pragma once

#include <cstdint>
#include <vector>

namespace plimsoll::passes {

// A GPU, as far as a reduction needs to know it.
struct RowMachine {
  int multiprocessors = 0;
  double bytes_per_second = 0;  // of its memory
};

// An operation that reduces `rows` rows of `columns` elements each.
struct RowProblem {
  int64_t rows = 0, columns = 0;
  int64_t extent = 0;            // of the dim that is cut; divides columns
  int64_t inner = 1;             // elements that are reduced and lie within one of that dim
  bool along_memory = true;      // memory runs along the rows; else across them
  int bytes = 4;                 // of an element
  int passes = 1;                // over a row: more than one where what is found in one is used in the next
  bool stores_elements = false;  // one more result for each element, computed from what was found
  int kernels = 1;               // that combine the parts
  // Numbers of parts at whose seams dims of what computes the operand begin: its loops are then loops over parts.
  std::vector<int64_t> seams;
};

// Parts [i * size, (i + 1) * size) of the dim, i < count, and [count * size, count * size + tail). One part: the row is
// left whole.
struct RowParts {
  int64_t count = 1, size = 0, tail = 0;
};

// The parts that make blocks for all multiprocessors, where that is estimated to be faster than the rows as they are.
// Seams are preferred, then divisors of the dim that keep accesses of 16 bytes, then other divisors; where none is
// near, the last part is shorter. O(sqrt(extent)).
RowParts ChooseRowParts(const RowProblem& problem, const RowMachine& machine);

// Estimates, with the launches.
double SecondsWhole(const RowProblem& problem, const RowMachine& machine);
double SecondsInParts(const RowProblem& problem, const RowParts& parts, const RowMachine& machine);

}  // namespace plimsoll::passes
