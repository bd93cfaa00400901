#include "passes/schedule/reduce.h"

#include <algorithm>
#include <utility>

namespace plimsoll::schedule {
namespace {

bool Within(const std::vector<int>& list, int a, int b) {
  return std::all_of(list.begin(), list.end(), [&](int v) { return v == a || v == b; });
}

// Whether v, whose only predecessor is u, may always follow u at once; if so, `extra` is what the pair needs.
bool CanFollow(const Graph& graph, int u, int v, int64_t& extra) {
  int64_t started = 0, inner = 0, ended = 0, ended_before = 0;
  for (int i : graph.starts[v]) {
    const Value& value = graph.values[i];
    if (!Within(value.starters, u, v)) return false;  // the need of the pair would depend on what ran before
    if (value.starters.size() == 1) started += value.size;
  }
  for (int i : graph.ends[v]) {
    const Value& value = graph.values[i];
    if (!Within(value.enders, u, v)) continue;
    ended += value.size;
    // Started by u, as u is first, and gone after v: no longer among the values of the pair.
    if (!value.starters.empty() && Within(value.starters, u, v)) inner += value.size;
  }
  for (int i : graph.ends[u]) {
    if (graph.values[i].enders.size() == 1) ended_before += graph.values[i].size;
  }
  if (started > ended || started + graph.extra[v] > ended_before + graph.extra[u]) return false;
  extra = graph.extra[u] + inner - started;
  return true;
}

// One round of disjoint pairs. Returns whether any was found.
bool FuseRound(Graph& graph) {
  const int n = graph.size();
  std::vector<int> into(n, -1);  // v -> u
  std::vector<char> taken(n, 0);
  std::vector<int64_t> extra = graph.extra;
  int fused = 0;
  for (int v = 0; v < n; ++v) {
    if (graph.preds[v].size() != 1 || taken[v]) continue;
    const int u = graph.preds[v][0];
    if (taken[u]) continue;
    int64_t need;
    if (!CanFollow(graph, u, v, need)) continue;
    extra[u] = need;
    into[v] = u;
    taken[u] = taken[v] = 1;
    ++fused;
  }
  if (fused == 0) return false;
  std::vector<int> id(n);
  Graph next;
  for (int v = 0; v < n; ++v) {
    if (into[v] >= 0) continue;
    id[v] = static_cast<int>(next.members.size());
    next.members.push_back(std::move(graph.members[v]));
    next.extra.push_back(extra[v]);
  }
  for (int v = 0; v < n; ++v) {
    if (into[v] < 0) continue;
    id[v] = id[into[v]];
    auto& members = next.members[id[v]];
    members.insert(members.end(), graph.members[v].begin(), graph.members[v].end());
  }
  const int m = static_cast<int>(next.members.size());
  next.preds.resize(m);
  next.succs.resize(m);
  next.starts.resize(m);
  next.ends.resize(m);
  next.base = graph.base;
  auto map = [&](std::vector<int>& list) {
    for (int& v : list) v = id[v];
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  };
  for (int v = 0; v < n; ++v) {
    for (int p : graph.preds[v]) {
      if (id[p] != id[v]) next.preds[id[v]].push_back(id[p]), next.succs[id[p]].push_back(id[v]);
    }
  }
  for (int v = 0; v < m; ++v) {
    for (auto* list : {&next.preds[v], &next.succs[v]}) {
      std::sort(list->begin(), list->end());
      list->erase(std::unique(list->begin(), list->end()), list->end());
    }
  }
  for (Value& value : graph.values) {
    map(value.starters);
    map(value.enders);
    // Born and dead within the pair.
    if (value.starters.size() == 1 && value.starters == value.enders) continue;
    next.values.push_back(std::move(value));
  }
  IndexValues(next);
  graph = std::move(next);
  return true;
}

}  // namespace

Graph Reduce(const Graph& graph) {
  // A chain halves in a round. A star loses one leaf, which is not worth many rounds.
  constexpr int kMaxRounds = 40;
  Graph reduced = graph;
  int rounds = 0;
  for (bool again = true; again && rounds < kMaxRounds;) {
    again = false;
    for (int i = 0; i < kMaxRounds / 4 && FuseRound(reduced); ++i) ++rounds;
    Graph reversed = Reverse(reduced);
    for (int i = 0; i < kMaxRounds / 4 && FuseRound(reversed); ++i) {
      ++rounds;
      again = true;
    }
    if (again) reduced = Reverse(reversed);
  }
  return reduced;
}

}  // namespace plimsoll::schedule
