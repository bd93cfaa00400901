#include "passes/schedule/graph.h"

#include <algorithm>
#include <map>
#include <utility>

namespace plimsoll::schedule {
namespace {

void SortUnique(std::vector<int>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

void Resize(Graph& graph, int n) {
  graph.starts.resize(n);
  graph.ends.resize(n);
  graph.preds.resize(n);
  graph.succs.resize(n);
  graph.extra.resize(n, 0);
  graph.members.resize(n);
}

}  // namespace

void IndexValues(Graph& graph) {
  std::map<std::pair<std::vector<int>, std::vector<int>>, int64_t> merged;
  for (Value& value : graph.values) {
    if (value.size == 0) continue;
    if (value.starters.empty() && value.enders.empty()) {
      graph.base += value.size;
    } else {
      merged[{std::move(value.starters), std::move(value.enders)}] += value.size;
    }
  }
  graph.values.clear();
  for (auto& list : graph.starts) list.clear();
  for (auto& list : graph.ends) list.clear();
  for (auto& [ends, size] : merged) {
    const int id = static_cast<int>(graph.values.size());
    graph.values.push_back({size, ends.first, ends.second});
    for (int v : ends.first) graph.starts[v].push_back(id);
    for (int v : ends.second) graph.ends[v].push_back(id);
  }
}

Graph BuildGraph(const Problem& problem) {
  Graph graph;
  const int n = static_cast<int>(problem.nodes.size());
  Resize(graph, n);
  std::vector<int> producer(problem.tensors.size(), -1);
  std::vector<std::vector<int>> users(problem.tensors.size());
  std::vector<char> kept(problem.tensors.size(), 0);
  for (int t : problem.outputs) kept[t] = 1;
  for (int v = 0; v < n; ++v) {
    for (int t : problem.nodes[v].outputs) producer[t] = v;
    for (int t : problem.nodes[v].inputs) {
      if (users[t].empty() || users[t].back() != v) users[t].push_back(v);
    }
    graph.extra[v] = problem.nodes[v].workspace;
    graph.members[v] = {v};
  }
  for (size_t t = 0; t < problem.tensors.size(); ++t) {
    const int from = producer[t];
    if (from >= 0) {
      for (int user : users[t]) {
        graph.succs[from].push_back(user);
        graph.preds[user].push_back(from);
      }
      if (users[t].empty() && !kept[t]) {
        graph.extra[from] += problem.tensors[t].size;
        continue;
      }
    }
    Value value;
    value.size = problem.tensors[t].size;
    if (from >= 0) value.starters = {from};
    if (!kept[t]) value.enders = std::move(users[t]);
    graph.values.push_back(std::move(value));
  }
  for (int v = 0; v < n; ++v) {
    SortUnique(graph.preds[v]);
    SortUnique(graph.succs[v]);
  }
  IndexValues(graph);
  return graph;
}

Graph Reverse(const Graph& graph) {
  Graph reversed = graph;
  std::swap(reversed.preds, reversed.succs);
  std::swap(reversed.starts, reversed.ends);
  for (Value& value : reversed.values) std::swap(value.starters, value.enders);
  for (auto& members : reversed.members) std::reverse(members.begin(), members.end());
  return reversed;
}

Graph Window(const Graph& graph, absl::Span<const int> order, int begin, int end) {
  constexpr int kBefore = -1, kAfter = -2;
  std::vector<int> local(graph.size(), kAfter);
  for (int i = 0; i < end; ++i) local[order[i]] = i < begin ? kBefore : i - begin;
  Graph window;
  Resize(window, end - begin);
  window.base = graph.base;
  std::vector<int> mine;
  for (int i = 0; i < end - begin; ++i) {
    const int v = order[begin + i];
    window.extra[i] = graph.extra[v];
    window.members[i] = {i};
    for (int p : graph.preds[v]) {
      if (local[p] >= 0) window.preds[i].push_back(local[p]);
    }
    for (int s : graph.succs[v]) {
      if (local[s] >= 0) window.succs[i].push_back(local[s]);
    }
    SortUnique(window.preds[i]);
    SortUnique(window.succs[i]);
  }
  for (const Value& value : graph.values) {
    Value cut{value.size, {}, {}};
    // One starter before the window: it is there from the start. One ender after it: it stays to the end.
    bool held = value.starters.empty(), stays = value.enders.empty(), after = !value.enders.empty();
    for (int v : value.starters) {
      if (local[v] == kBefore) held = true;
      if (local[v] >= 0) cut.starters.push_back(local[v]);
    }
    for (int v : value.enders) {
      if (local[v] == kAfter) stays = true;
      if (local[v] >= 0) cut.enders.push_back(local[v]);
      if (local[v] != kBefore) after = false;
    }
    if (after) continue;                           // ended before the window
    if (!held && cut.starters.empty()) continue;   // starts after it
    if (held) cut.starters.clear();
    if (stays) cut.enders.clear();
    SortUnique(cut.starters);
    SortUnique(cut.enders);
    window.values.push_back(std::move(cut));
  }
  IndexValues(window);
  return window;
}

std::vector<int> Expand(const Graph& graph, absl::Span<const int> order) {
  std::vector<int> expanded;
  for (int v : order) expanded.insert(expanded.end(), graph.members[v].begin(), graph.members[v].end());
  return expanded;
}

Sweep::Sweep(const Graph& graph)
    : graph_(graph),
      unmet_(graph.size()),
      start_(graph.size(), 0),
      end_(graph.size(), 0),
      started_(graph.values.size(), 0),
      left_(graph.values.size()),
      done_(graph.size(), 0) {
  bytes_ = graph.base;
  for (int v = 0; v < graph.size(); ++v) unmet_[v] = static_cast<int>(graph.preds[v].size());
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    if (value.starters.empty()) {
      started_[i] = 1;
      bytes_ += value.size;
    }
    for (int v : value.starters) start_[v] += value.size;
    left_[i] = static_cast<int>(value.enders.size());
    if (left_[i] == 1) end_[value.enders[0]] += value.size;
  }
  peak_ = bytes_;
}

void Sweep::Run(int node) {
  peak_ = std::max(peak_, bytes_ + Rise(node));
  bytes_ += Net(node);
  peak_ = std::max(peak_, bytes_);
  done_[node] = 1;
  for (int i : graph_.starts[node]) {
    if (started_[i]) continue;
    started_[i] = 1;
    for (int v : graph_.values[i].starters) {
      start_[v] -= graph_.values[i].size;
      if (v != node) touched_.push_back(v);
    }
  }
  for (int i : graph_.ends[node]) {
    if (--left_[i] != 1) continue;
    for (int v : graph_.values[i].enders) {
      if (done_[v]) continue;
      end_[v] += graph_.values[i].size;
      touched_.push_back(v);
      break;
    }
  }
  for (int v : graph_.succs[node]) {
    if (--unmet_[v] == 0) touched_.push_back(v);
  }
}

int64_t PeakOf(const Graph& graph, absl::Span<const int> order) {
  Sweep sweep(graph);
  for (int v : order) sweep.Run(v);
  return sweep.peak();
}

}  // namespace plimsoll::schedule
