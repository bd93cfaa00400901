#ifndef PLIMSOLL_PASSES_CHECKPOINT_GRAPH_H_
#define PLIMSOLL_PASSES_CHECKPOINT_GRAPH_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "passes/checkpoint/problem.h"

namespace plimsoll::checkpoint {

// A problem as the solvers see it: nodes renumbered along a topological order (the fixed one, if the order is fixed),
// so that inputs have smaller indices, and only what is to be computed.
struct Graph {
  bool fixed = false;              // first computations come in the order of the indices
  std::vector<int> original;       // by node: its index in the problem
  std::vector<int64_t> size;       // bytes
  std::vector<int64_t> workspace;  // bytes, while a node is computed
  std::vector<char> once;          // not to be computed again
  std::vector<double> cost;
  std::vector<std::vector<int>> inputs;  // ascending, without repetition
  std::vector<std::vector<int>> users;   // ascending
  std::vector<char> output;
  double total_cost = 0;  // of computing each once: no sequence costs less

  int nodes() const { return static_cast<int>(size.size()); }
};

// `order`: a topological order of all nodes to compute.
Graph BuildGraph(const Problem& problem, absl::Span<const int> order);

// The sequence in the problem's indices, its peak and cost. `sequence` is one of `graph`.
Solution ToSolution(const Problem& problem, const Graph& graph, absl::Span<const int> sequence);

// The peak of a sequence of `graph`'s nodes; every input is there. O(steps + edges).
int64_t PeakOf(const Graph& graph, absl::Span<const int> sequence);
double CostOf(const Graph& graph, absl::Span<const int> sequence);

}  // namespace plimsoll::checkpoint

#endif  // PLIMSOLL_PASSES_CHECKPOINT_GRAPH_H_
