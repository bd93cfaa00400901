#include "passes/schedule/min_cut.h"

#include <algorithm>

namespace plimsoll::schedule {
namespace {

constexpr int64_t kInfinite = int64_t{1} << 62;
constexpr int kSource = 0, kSink = 1;

// Dinic's algorithm.
class Network {
 public:
  explicit Network(int vertices) : first_(vertices, -1) {}

  int AddVertex() {
    first_.push_back(-1);
    return static_cast<int>(first_.size()) - 1;
  }

  void AddEdge(int from, int to, int64_t capacity, int64_t back = 0) {
    if (from == to) return;
    edges_.push_back({to, first_[from], capacity});
    first_[from] = static_cast<int>(edges_.size()) - 1;
    edges_.push_back({from, first_[to], back});
    first_[to] = static_cast<int>(edges_.size()) - 1;
  }

  // The flow from source to sink, or -1 where the budget was spent.
  int64_t Run(Budget& budget) {
    int64_t flow = 0;
    while (Level()) {
      if (!budget.Spend(static_cast<int64_t>(edges_.size() + first_.size()) / 4 + 1)) return -1;
      next_ = first_;
      while (const int64_t found = Augment(budget)) flow += found;
      if (budget.left() == 0) return -1;
    }
    return flow;
  }

  int64_t edges() const { return static_cast<int64_t>(edges_.size()); }

  // After Run: can be reached from the source in the residual network.
  bool Reached(int vertex) const { return level_[vertex] >= 0; }

 private:
  struct Edge {
    int to;
    int next;
    int64_t capacity;
  };

  bool Level() {
    level_.assign(first_.size(), -1);
    queue_.clear();
    queue_.push_back(kSource);
    level_[kSource] = 0;
    for (size_t i = 0; i < queue_.size(); ++i) {
      for (int e = first_[queue_[i]]; e >= 0; e = edges_[e].next) {
        if (edges_[e].capacity == 0 || level_[edges_[e].to] >= 0) continue;
        level_[edges_[e].to] = level_[queue_[i]] + 1;
        queue_.push_back(edges_[e].to);
      }
    }
    return level_[kSink] >= 0;
  }

  // One augmenting path, found without recursion.
  int64_t Augment(Budget& budget) {
    path_.clear();
    int vertex = kSource;
    while (vertex != kSink) {
      int& e = next_[vertex];
      while (e >= 0 && (edges_[e].capacity == 0 || level_[edges_[e].to] != level_[vertex] + 1)) e = edges_[e].next;
      if (e >= 0) {
        path_.push_back(e);
        vertex = edges_[e].to;
        continue;
      }
      level_[vertex] = -2;  // a dead end
      if (path_.empty()) return 0;
      vertex = edges_[path_.back() ^ 1].to;
      path_.pop_back();
    }
    if (!budget.Spend(static_cast<int64_t>(path_.size()) + 1)) return 0;
    int64_t flow = kInfinite;
    for (int e : path_) flow = std::min(flow, edges_[e].capacity);
    for (int e : path_) {
      edges_[e].capacity -= flow;
      edges_[e ^ 1].capacity += flow;
    }
    return flow;
  }

  std::vector<Edge> edges_;
  std::vector<int> first_, next_, level_, queue_, path_;
};

}  // namespace

Moment LeastMoment(const Graph& graph, absl::Span<const Side> sides, Budget& budget) {
  const int n = graph.size();
  Moment moment;
  if (!budget.Spend(n + 1)) return moment;
  Network network(2);
  std::vector<int> vertex(n);
  for (int v = 0; v < n; ++v) {
    vertex[v] = sides[v] == Side::kFree ? network.AddVertex() : sides[v] == Side::kBefore ? kSource : kSink;
  }
  // The source's side has run. A node that has run takes its predecessors along.
  for (int v = 0; v < n; ++v) {
    if (sides[v] != Side::kFree) continue;
    for (int p : graph.preds[v]) network.AddEdge(vertex[v], vertex[p], kInfinite);
  }
  moment.bytes = graph.base;
  for (const Value& value : graph.values) {
    // `from` is on the source's side if a starter is, `to` only if all enders are: the edge between is cut while the
    // value is in memory.
    bool begun = value.starters.empty(), open = value.enders.empty();
    for (int v : value.starters) begun |= sides[v] == Side::kBefore || sides[v] == Side::kRunning;
    for (int v : value.enders) open |= sides[v] == Side::kAfter || sides[v] == Side::kRunning;
    if (begun && open) {
      moment.bytes += value.size;
      continue;
    }
    int from = kSource, to = kSink;
    if (!begun) {
      if (value.starters.size() == 1) {
        from = vertex[value.starters[0]];
      } else {
        from = network.AddVertex();
        for (int v : value.starters) network.AddEdge(vertex[v], from, kInfinite);
      }
    }
    if (from == kSink) continue;
    if (!open) {
      if (value.enders.size() == 1) {
        to = vertex[value.enders[0]];
      } else {
        to = network.AddVertex();
        for (int v : value.enders) network.AddEdge(to, vertex[v], kInfinite);
      }
    }
    network.AddEdge(from, to, value.size);
  }
  if (!budget.Spend(network.edges())) return moment;
  const int64_t flow = network.Run(budget);
  if (flow < 0) return moment;
  moment.complete = true;
  moment.bytes += flow;
  moment.before.resize(n);
  for (int v = 0; v < n; ++v) moment.before[v] = network.Reached(vertex[v]) && vertex[v] != kSink;
  return moment;
}

}  // namespace plimsoll::schedule
