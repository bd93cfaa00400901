#include "passes/schedule/greedy.h"

#include <algorithm>
#include <array>
#include <functional>
#include <queue>
#include <utility>

namespace plimsoll::schedule {
namespace {

using Key = std::array<int64_t, 4>;

Key KeyOf(const Sweep& sweep, Rule rule, int node, int64_t rank, int64_t since) {
  const int64_t net = sweep.Net(node), rise = sweep.Rise(node);
  if (rule == Rule::kNet) return {0, net, rise, rank};
  if (rule == Rule::kRise) return {0, rise, net, rank};
  if (net <= 0) return {0, rise, net, rank};
  if (rule == Rule::kLiu) return {1, net - rise, net, rank};
  if (rule == Rule::kDepth) return {1, -since, net, rank};
  return {1, rank, 0, 0};
}

}  // namespace

std::vector<int> Greedy(const Graph& graph, Rule rule, absl::Span<const int> rank) {
  const int n = graph.size();
  Sweep sweep(graph);
  std::vector<Key> key(n);
  std::vector<int64_t> since(n, -1);  // step at which the node became ready
  std::vector<char> done(n, 0);
  using Entry = std::pair<Key, int>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> queue;
  std::vector<int> order;
  order.reserve(n);
  auto push = [&](int v) {
    if (done[v] || !sweep.Ready(v)) return;
    const bool fresh = since[v] < 0;
    if (fresh) since[v] = static_cast<int64_t>(order.size());
    const Key now = KeyOf(sweep, rule, v, rank[v], since[v]);
    if (!fresh && now == key[v]) return;
    key[v] = now;
    queue.push({now, v});
  };
  for (int v = 0; v < n; ++v) push(v);
  while (!queue.empty()) {
    const auto [now, v] = queue.top();
    queue.pop();
    if (done[v] || now != key[v]) continue;  // an entry that was superseded
    done[v] = 1;
    sweep.Run(v);
    order.push_back(v);
    for (int other : sweep.touched()) push(other);
    sweep.touched().clear();
  }
  return order;
}

bool IsTopological(const Graph& graph, absl::Span<const int> order) {
  std::vector<char> done(graph.size(), 0);
  for (int v : order) {
    for (int p : graph.preds[v]) {
      if (!done[p]) return false;
    }
    done[v] = 1;
  }
  return true;
}

std::vector<int> ListSchedule(const Graph& graph, const std::vector<int>& rank, int64_t& peak) {
  const int n = graph.size();
  const Graph reversed = Reverse(graph);
  std::vector<int> best;
  bool any = false;
  auto offer = [&](std::vector<int> order, bool backwards) {
    if (backwards) std::reverse(order.begin(), order.end());
    const int64_t found = PeakOf(graph, order);
    if (any && found >= peak) return false;
    any = true;
    peak = found;
    best = std::move(order);
    return true;
  };
  std::vector<int> backward(n);
  for (int v = 0; v < n; ++v) backward[v] = -rank[v];
  offer(Greedy(graph, Rule::kRank, rank), false);
  for (Rule rule : {Rule::kRank, Rule::kNet, Rule::kRise, Rule::kLiu, Rule::kDepth}) {
    offer(Greedy(graph, rule, rank), false);
    offer(Greedy(reversed, rule, backward), true);
  }
  std::vector<int> place(n);
  bool better = true;
  for (int round = 0; better && round < 20; ++round) {
    for (int i = 0; i < n; ++i) place[best[i]] = -i;
    better = offer(Greedy(reversed, Rule::kRank, place), true);
    for (int i = 0; i < n; ++i) place[best[i]] = i;
    better |= offer(Greedy(graph, Rule::kRank, place), false);
  }
  return best;
}

}  // namespace plimsoll::schedule
