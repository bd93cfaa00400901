#include "passes/checkpoint/problem.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <queue>
#include <string>

#include "absl/strings/str_cat.h"

namespace plimsoll::checkpoint {
namespace {

// Kahn's algorithm, smallest index first. Shorter than the graph where that has a cycle.
std::vector<int> TopologicalOrder(const Problem& problem) {
  const int n = static_cast<int>(problem.nodes.size());
  std::vector<std::vector<int>> users(n);
  std::vector<int> missing(n, 0);
  for (int v = 0; v < n; ++v) {
    for (int u : problem.nodes[v].inputs) {
      users[u].push_back(v);
      ++missing[v];
    }
  }
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
  for (int v = 0; v < n; ++v) {
    if (missing[v] == 0) ready.push(v);
  }
  std::vector<int> order;
  while (!ready.empty()) {
    const int v = ready.top();
    ready.pop();
    order.push_back(v);
    for (int user : users[v]) {
      if (--missing[user] == 0) ready.push(user);
    }
  }
  return order;
}

absl::Status CheckIndex(const Problem& problem, int v, absl::string_view where) {
  if (v >= 0 && v < static_cast<int>(problem.nodes.size())) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(where, " names node ", v, ", but there are ", problem.nodes.size(), " nodes"));
}

absl::Status CheckOrder(const Problem& problem) {
  std::vector<char> done(problem.nodes.size(), 0);
  for (size_t i = 0; i < problem.order.size(); ++i) {
    const int v = problem.order[i];
    if (absl::Status s = CheckIndex(problem, v, absl::StrCat("item ", i, " of the order")); !s.ok()) return s;
    if (done[v]) return absl::InvalidArgumentError(absl::StrCat("the order names node ", v, " twice"));
    for (int u : problem.nodes[v].inputs) {
      if (!done[u]) {
        return absl::InvalidArgumentError(absl::StrCat("the order is not topological: node ", v, " at item ", i,
                                                       " needs node ", u, ", which does not come before it"));
      }
    }
    done[v] = 1;
  }
  for (int v : problem.outputs) {
    if (!done[v]) return absl::InvalidArgumentError(absl::StrCat("the order leaves out node ", v, ", an output"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Check(const Problem& problem) {
  const int n = static_cast<int>(problem.nodes.size());
  if (problem.nodes.size() > 10'000'000) return absl::InvalidArgumentError("more than 10,000,000 nodes");
  int64_t total = 0;
  double cost = 0;
  for (int v = 0; v < n; ++v) {
    const Node& node = problem.nodes[v];
    if (node.size < 0) return absl::InvalidArgumentError(absl::StrCat("node ", v, " has a negative size, ", node.size));
    if (node.workspace < 0) {
      return absl::InvalidArgumentError(absl::StrCat("node ", v, " has a negative workspace, ", node.workspace));
    }
    if (__builtin_add_overflow(total, node.size, &total) || __builtin_add_overflow(total, node.workspace, &total)) {
      return absl::InvalidArgumentError(absl::StrCat("the sum of all sizes overflows 63 bits at node ", v));
    }
    cost += node.cost;
    if (!(node.cost >= 0) || !std::isfinite(cost)) {
      return absl::InvalidArgumentError(
          absl::StrCat("node ", v, " costs ", node.cost, "; expected a finite number, not negative"));
    }
    for (int u : node.inputs) {
      if (absl::Status s = CheckIndex(problem, u, absl::StrCat("an input of node ", v)); !s.ok()) return s;
      if (u == v) return absl::InvalidArgumentError(absl::StrCat("node ", v, " is its own input"));
    }
  }
  for (int v : problem.outputs) {
    if (absl::Status s = CheckIndex(problem, v, "an output"); !s.ok()) return s;
  }
  if (const std::vector<int> order = TopologicalOrder(problem); static_cast<int>(order.size()) < n) {
    std::vector<char> done(n, 0);
    for (int v : order) done[v] = 1;
    int v = static_cast<int>(std::find(done.begin(), done.end(), 0) - done.begin());
    std::vector<int> seen(n, -1), path;
    while (seen[v] < 0) {  // every node that is left has an input that is left
      seen[v] = static_cast<int>(path.size());
      path.push_back(v);
      for (int u : problem.nodes[v].inputs) {
        if (!done[u]) {
          v = u;
          break;
        }
      }
    }
    std::string cycle = absl::StrCat(v);
    for (size_t i = path.size(); i-- > static_cast<size_t>(seen[v]) && path.size() - i <= 8;) {
      absl::StrAppend(&cycle, " -> ", path[i]);
    }
    return absl::InvalidArgumentError(
        absl::StrCat("the graph has a cycle of ", path.size() - seen[v], " nodes: ", cycle));
  }
  return problem.order.empty() ? absl::OkStatus() : CheckOrder(problem);
}

absl::StatusOr<std::vector<int64_t>> Memory(const Problem& problem, absl::Span<const int> sequence) {
  const int n = static_cast<int>(problem.nodes.size()), length = static_cast<int>(sequence.size());
  std::vector<int> copy(n, -1);               // the step of the latest computation
  std::vector<int> last(sequence.size(), 0);  // the last step at which the output of this step is needed
  std::vector<char> wanted(n, problem.order.empty());
  for (int v : problem.order) wanted[v] = 1;
  size_t firsts = 0;
  for (int i = 0; i < length; ++i) {
    const int v = sequence[i];
    if (v < 0 || v >= n || !wanted[v]) {
      return absl::InvalidArgumentError(
          absl::StrCat("step ", i, " computes node ", v, ", which is not to be computed"));
    }
    for (int u : problem.nodes[v].inputs) {
      if (copy[u] < 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("step ", i, " computes node ", v, " before its input ", u, " was computed"));
      }
      last[copy[u]] = i;
    }
    if (copy[v] >= 0 && problem.nodes[v].once) {
      return absl::InvalidArgumentError(absl::StrCat("step ", i, " computes node ", v, " again, which must not be"));
    }
    if (copy[v] < 0) {
      if (!problem.order.empty() && problem.order[firsts] != v) {
        return absl::InvalidArgumentError(absl::StrCat("step ", i, " computes node ", v,
                                                       " for the first time, where node ", problem.order[firsts],
                                                       " is next in the order"));
      }
      ++firsts;
    }
    copy[v] = last[i] = i;
  }
  if (firsts < (problem.order.empty() ? problem.nodes.size() : problem.order.size())) {
    return absl::InvalidArgumentError(absl::StrCat("only ", firsts, " nodes are computed"));
  }
  for (int v : problem.outputs) last[copy[v]] = length - 1;
  std::vector<int64_t> memory(sequence.size() + 1, 0);
  for (int i = 0; i < length; ++i) {
    memory[i] += problem.nodes[sequence[i]].size;
    memory[last[i] + 1] -= problem.nodes[sequence[i]].size;
    memory[i] += problem.nodes[sequence[i]].workspace;
    memory[i + 1] -= problem.nodes[sequence[i]].workspace;
  }
  for (int i = 1; i < length; ++i) memory[i] += memory[i - 1];
  memory.pop_back();
  return memory;
}

std::vector<int> OrderOf(const Problem& problem) {
  return problem.order.empty() ? TopologicalOrder(problem) : problem.order;
}

int64_t PeakWithoutRematerialization(const Problem& problem) {
  const absl::StatusOr<std::vector<int64_t>> memory = Memory(problem, OrderOf(problem));
  return memory.ok() && !memory->empty() ? *std::max_element(memory->begin(), memory->end()) : 0;
}

int64_t Floor(const Problem& problem) {
  std::vector<int> mark(problem.nodes.size(), -1);
  auto once = [&](const std::vector<int>& list, int stamp) {
    int64_t bytes = 0;
    for (int u : list) {
      if (mark[u] != stamp) bytes += problem.nodes[u].size;
      mark[u] = stamp;
    }
    return bytes;
  };
  const int n = static_cast<int>(problem.nodes.size());
  int64_t floor = once(problem.outputs, n);
  for (int v : OrderOf(problem)) {
    floor = std::max(floor, problem.nodes[v].size + problem.nodes[v].workspace + once(problem.nodes[v].inputs, v));
  }
  return floor;
}

}  // namespace plimsoll::checkpoint
