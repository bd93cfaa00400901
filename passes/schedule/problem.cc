#include "passes/schedule/problem.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "passes/schedule/graph.h"

namespace plimsoll::schedule {
namespace {

absl::Status CheckTensorIndex(const Problem& problem, int tensor, absl::string_view where) {
  if (tensor >= 0 && tensor < static_cast<int>(problem.tensors.size())) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(where, " names tensor ", tensor, ", but there are ", problem.tensors.size(), " tensors"));
}

// Names one cycle among the nodes that Kahn's algorithm left with unmet predecessors.
absl::Status CycleError(const Problem& problem, const std::vector<int>& producer, const std::vector<int>& unmet) {
  int node = 0;
  while (unmet[node] == 0) ++node;
  std::vector<int> seen(problem.nodes.size(), -1);
  std::vector<int> path;
  while (seen[node] < 0) {
    seen[node] = static_cast<int>(path.size());
    path.push_back(node);
    for (int tensor : problem.nodes[node].inputs) {
      const int next = producer[tensor];
      if (next >= 0 && unmet[next] > 0) {
        node = next;
        break;
      }
    }
  }
  std::vector<int> cycle(path.begin() + seen[node], path.end());
  std::reverse(cycle.begin(), cycle.end());
  const size_t length = cycle.size();
  if (length > 8) cycle.resize(8);
  return absl::InvalidArgumentError(absl::StrCat(
      "the graph has a cycle of ", length, " nodes: ", absl::StrJoin(cycle, " -> "), length > 8 ? " -> ..." : ""));
}

}  // namespace

absl::Status Check(const Problem& problem) {
  constexpr size_t kMax = std::numeric_limits<int>::max() / 2;
  if (problem.nodes.size() > kMax || problem.tensors.size() > kMax) {
    return absl::InvalidArgumentError("too many nodes or tensors");
  }
  // Every sum that the solvers form is at most all sizes plus all workspaces, so that one check suffices.
  int64_t total = 0;
  for (size_t i = 0; i < problem.tensors.size(); ++i) {
    const int64_t size = problem.tensors[i].size;
    if (size < 0) return absl::InvalidArgumentError(absl::StrCat("tensor ", i, " has a negative size, ", size));
    if (__builtin_add_overflow(total, size, &total)) {
      return absl::InvalidArgumentError(absl::StrCat("the sum of all sizes overflows 63 bits at tensor ", i));
    }
  }
  const int n = static_cast<int>(problem.nodes.size());
  std::vector<int> producer(problem.tensors.size(), -1);
  for (int v = 0; v < n; ++v) {
    const Node& node = problem.nodes[v];
    if (node.workspace < 0) {
      return absl::InvalidArgumentError(absl::StrCat("node ", v, " has a negative workspace, ", node.workspace));
    }
    if (__builtin_add_overflow(total, node.workspace, &total)) {
      return absl::InvalidArgumentError(absl::StrCat("the sum of all sizes overflows 63 bits at node ", v));
    }
    for (int tensor : node.inputs) {
      if (absl::Status s = CheckTensorIndex(problem, tensor, absl::StrCat("an input of node ", v)); !s.ok()) return s;
    }
    for (int tensor : node.outputs) {
      if (absl::Status s = CheckTensorIndex(problem, tensor, absl::StrCat("an output of node ", v)); !s.ok()) return s;
      if (producer[tensor] >= 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("tensor ", tensor, " is produced twice, by node ", producer[tensor], " and by node ", v));
      }
      producer[tensor] = v;
    }
  }
  int64_t quadruple;
  if (__builtin_mul_overflow(total, int64_t{4}, &quadruple)) {
    return absl::InvalidArgumentError(absl::StrCat("the sum of all sizes, ", total, " bytes, is beyond 2^61"));
  }
  for (int tensor : problem.outputs) {
    if (absl::Status s = CheckTensorIndex(problem, tensor, "an output of the graph"); !s.ok()) return s;
  }
  // Kahn's algorithm; an edge per use.
  std::vector<int> unmet(n, 0);
  std::vector<std::vector<int>> users(problem.tensors.size());
  for (int v = 0; v < n; ++v) {
    for (int tensor : problem.nodes[v].inputs) {
      if (producer[tensor] < 0) continue;
      ++unmet[v];
      users[tensor].push_back(v);
    }
  }
  std::vector<int> ready;
  for (int v = 0; v < n; ++v) {
    if (unmet[v] == 0) ready.push_back(v);
  }
  for (size_t i = 0; i < ready.size(); ++i) {
    for (int tensor : problem.nodes[ready[i]].outputs) {
      for (int user : users[tensor]) {
        if (--unmet[user] == 0) ready.push_back(user);
      }
    }
  }
  if (static_cast<int>(ready.size()) < n) return CycleError(problem, producer, unmet);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Peak(const Problem& problem, absl::Span<const int> order) {
  if (absl::Status s = Check(problem); !s.ok()) return s;
  if (order.size() != problem.nodes.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the order has ", order.size(), " nodes, the problem has ", problem.nodes.size()));
  }
  const Graph graph = BuildGraph(problem);
  Sweep sweep(graph);
  std::vector<bool> done(graph.size(), false);
  for (int node : order) {
    if (node < 0 || node >= graph.size()) {
      return absl::InvalidArgumentError(absl::StrCat("the order names node ", node, ", which does not exist"));
    }
    if (done[node]) return absl::InvalidArgumentError(absl::StrCat("the order names node ", node, " twice"));
    if (!sweep.Ready(node)) {
      return absl::InvalidArgumentError(absl::StrCat("the order runs node ", node, " before one of its inputs exists"));
    }
    done[node] = true;
    sweep.Run(node);
  }
  return sweep.peak();
}

}  // namespace plimsoll::schedule
