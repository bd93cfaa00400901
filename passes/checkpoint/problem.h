#ifndef PLIMSOLL_PASSES_CHECKPOINT_PROBLEM_H_
#define PLIMSOLL_PASSES_CHECKPOINT_PROBLEM_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace plimsoll::checkpoint {

// The rematerialization problem: in which sequence are the nodes of a graph computed, some of them more than once, so
// that memory stays within a budget and the cost is least?
//
// A node makes one output. Computing it needs the outputs of all its inputs, its own and its workspace in memory at
// once. Memory at a step of the sequence is the sum of the outputs held and of the workspace of what is computed; an
// output is freed after its last use before its next computation, or after its own step where there is none. At the end
// the outputs of `Problem::outputs` are in memory. Every node is computed at least once, as in Checkmate and Moccasin
// (a node that nobody reads may be the update of a weight), apart from those that a given `order` leaves out.

struct Node {
  int64_t size = 0;         // bytes of the output
  double cost = 0;          // of one computation: finite, not negative; any unit
  std::vector<int> inputs;  // node indices; a repeated index counts once
  int64_t workspace = 0;    // bytes that are taken while it is computed, and no longer
  bool once = false;        // it must not be computed again: an input of the model, or what is not repeatable
};

struct Problem {
  std::vector<Node> nodes;
  // The order of first computations, where it is fixed: a topological order of the nodes to compute. Empty: free.
  std::vector<int> order;
  std::vector<int> outputs;
};

struct Solution {
  std::vector<int> sequence;    // node indices, as often as they are computed
  int64_t peak = 0;             // bytes
  double cost = 0;              // of the whole sequence
  double lower_bound = 0;       // no sequence within the budget costs less; with a fixed order: none in that order
  bool proven_optimal = false;  // cost == lower_bound, up to rounding
};

// Refuses what is not a problem with kInvalidArgument and the index that is to blame: unknown inputs, negative bytes or
// costs, sums that leave int64, cycles, an order that is not topological or leaves out what it needs.
absl::Status Check(const Problem& problem);

// Memory in bytes at each step of a sequence. kInvalidArgument where an input is not there, a node or an output is
// never computed, or first computations leave the fixed order.
absl::StatusOr<std::vector<int64_t>> Memory(const Problem& problem, absl::Span<const int> sequence);

// The peak of computing every node once: in the fixed order, or in the order of the indices where that is topological,
// or in some topological order. This is what budgets in percent refer to. For a problem that passed Check.
int64_t PeakWithoutRematerialization(const Problem& problem);

// The fixed order; else the order of the indices where that is topological; else some topological order.
std::vector<int> OrderOf(const Problem& problem);

// The memory that no sequence can do without: the largest inputs + output + workspace of one node, and the outputs.
int64_t Floor(const Problem& problem);

}  // namespace plimsoll::checkpoint

#endif  // PLIMSOLL_PASSES_CHECKPOINT_PROBLEM_H_
