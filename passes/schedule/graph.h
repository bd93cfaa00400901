#ifndef PLIMSOLL_PASSES_SCHEDULE_GRAPH_H_
#define PLIMSOLL_PASSES_SCHEDULE_GRAPH_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "passes/schedule/problem.h"

namespace plimsoll::schedule {

// The solvers' own form of a problem: the same backwards as forwards, so that each method works in both directions.
//
// Let S be the set of nodes that have run. A value is in memory when one of its starters is in S (or it has none: held
// from the start) and one of its enders is not in S (or it has none: held to the end). Every starter precedes every
// ender. A plain tensor has one starter, its producer; read backwards, it has one ender. Let M(S) be `base` plus the
// values in memory. While v runs after S, memory holds what is there before or after, plus `extra[v]`:
//
//   during(S, v) = M(S) + (values that v starts now) + extra[v].
//
// M is submodular over the sets closed under predecessors; that is what the dominance rules rest on.
struct Value {
  int64_t size = 0;
  std::vector<int> starters;
  std::vector<int> enders;
};

struct Graph {
  std::vector<Value> values;              // size > 0, and not both starters and enders empty
  std::vector<std::vector<int>> starts;   // by node: values
  std::vector<std::vector<int>> ends;     // by node: values
  std::vector<std::vector<int>> preds;    // by node, sorted, without repetition
  std::vector<std::vector<int>> succs;    // by node, sorted, without repetition
  std::vector<int64_t> extra;             // by node; may be negative where nodes were fused
  std::vector<std::vector<int>> members;  // by node: nodes of the original problem, in the order in which they run
  int64_t base = 0;                       // held throughout

  int size() const { return static_cast<int>(preds.size()); }
};

// `problem` has passed Check.
Graph BuildGraph(const Problem& problem);

// Time reversed: starters and enders, predecessors and successors change places, and members are reversed.
Graph Reverse(const Graph& graph);

// An order and the memory along it.
struct Profile {
  std::vector<int> order;
  std::vector<int> position;    // by node
  std::vector<int64_t> before;  // by position: memory before its node runs
  std::vector<int64_t> during;  // by position: memory while it runs, and before and after
  int64_t peak = 0;             // the largest of `during`, or of memory at the start
};
Profile MakeProfile(const Graph& graph, std::vector<int> order);

// The problem between two moments of an order: nodes order[begin, end), given that those before have run and those
// after have not. Node i of the result is order[begin + i]; its members are {i}. Time: that of the window alone.
Graph Window(const Graph& graph, const Profile& profile, int begin, int end);

// Gives order[begin, end) the order `local` of the window's nodes.
void ReorderWindow(const Graph& window, absl::Span<const int> local, int begin, Profile& profile);

// Fills starts and ends out of values, merging values that begin and end together and dropping empty ones.
void IndexValues(Graph& graph);

// The members of the nodes of `order`, in order.
std::vector<int> Expand(const Graph& graph, absl::Span<const int> order);

// Runs a graph node by node and knows for each node what running it next would do.
class Sweep {
 public:
  explicit Sweep(const Graph& graph);

  bool Ready(int node) const { return unmet_[node] == 0; }
  // Bytes above bytes() while `node` runs, and the change that it leaves.
  int64_t Rise(int node) const { return start_[node] + graph_.extra[node]; }
  int64_t Net(int node) const { return start_[node] - end_[node]; }
  int64_t bytes() const { return bytes_; }
  int64_t peak() const { return peak_; }

  // Runs `node`. Nodes whose Rise, Net or readiness changed by that are appended to touched().
  void Run(int node);
  std::vector<int>& touched() { return touched_; }

 private:
  const Graph& graph_;
  int64_t bytes_ = 0;
  int64_t peak_ = 0;
  std::vector<int> unmet_;
  std::vector<int64_t> start_;  // by node: bytes of values that it would start
  std::vector<int64_t> end_;    // by node: bytes of values that it would end
  std::vector<char> started_;   // by value
  std::vector<int> left_;       // by value: enders that have not run
  std::vector<char> done_;      // by node
  std::vector<int> touched_;
};

// The peak of a topological order of `graph`.
int64_t PeakOf(const Graph& graph, absl::Span<const int> order);

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_GRAPH_H_
