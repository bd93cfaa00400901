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

Profile MakeProfile(const Graph& graph, std::vector<int> order) {
  Profile profile;
  const int n = graph.size();
  profile.order = std::move(order);
  profile.position.resize(n);
  profile.before.resize(n);
  profile.during.resize(n);
  Sweep sweep(graph);
  for (int i = 0; i < n; ++i) {
    const int v = profile.order[i];
    profile.position[v] = i;
    profile.before[i] = sweep.bytes();
    const int64_t during = sweep.bytes() + sweep.Rise(v);
    sweep.Run(v);
    profile.during[i] = std::max({profile.before[i], during, sweep.bytes()});
    sweep.touched().clear();
  }
  profile.peak = sweep.peak();
  return profile;
}

Graph Window(const Graph& graph, const Profile& profile, int begin, int end) {
  const int size = end - begin;
  Graph window;
  Resize(window, size);
  auto inside = [&](int v) { return profile.position[v] >= begin && profile.position[v] < end; };
  std::vector<int> values;
  for (int i = 0; i < size; ++i) {
    const int v = profile.order[begin + i];
    window.extra[i] = graph.extra[v];
    window.members[i] = {i};
    for (int p : graph.preds[v]) {
      if (inside(p)) window.preds[i].push_back(profile.position[p] - begin);
    }
    for (int s : graph.succs[v]) {
      if (inside(s)) window.succs[i].push_back(profile.position[s] - begin);
    }
    SortUnique(window.preds[i]);
    SortUnique(window.succs[i]);
    values.insert(values.end(), graph.starts[v].begin(), graph.starts[v].end());
    values.insert(values.end(), graph.ends[v].begin(), graph.ends[v].end());
  }
  SortUnique(values);
  // What is in memory before the window and no node of it starts or ends is held throughout.
  window.base = size > 0 ? profile.before[begin] : graph.base;
  for (int id : values) {
    const Value& value = graph.values[id];
    Value cut{value.size, {}, {}};
    // A starter before the window: it is there from the start. An ender after it: it stays to the end.
    bool held = value.starters.empty(), stays = value.enders.empty();
    for (int v : value.starters) {
      if (profile.position[v] < begin) held = true;
      if (inside(v)) cut.starters.push_back(profile.position[v] - begin);
    }
    for (int v : value.enders) {
      if (profile.position[v] >= end) stays = true;
      if (inside(v)) cut.enders.push_back(profile.position[v] - begin);
    }
    if (held) {
      cut.starters.clear();
      window.base -= value.size;
    }
    if (stays) cut.enders.clear();
    SortUnique(cut.starters);
    SortUnique(cut.enders);
    window.values.push_back(std::move(cut));
  }
  IndexValues(window);
  return window;
}

void ReorderWindow(const Graph& window, absl::Span<const int> local, int begin, Profile& profile) {
  const std::vector<int> old(profile.order.begin() + begin, profile.order.begin() + begin + window.size());
  Sweep sweep(window);
  for (int i = 0; i < window.size(); ++i) {
    const int v = local[i];
    profile.order[begin + i] = old[v];
    profile.position[old[v]] = begin + i;
    profile.before[begin + i] = sweep.bytes();
    const int64_t during = sweep.bytes() + sweep.Rise(v);
    sweep.Run(v);
    profile.during[begin + i] = std::max({profile.before[begin + i], during, sweep.bytes()});
    sweep.touched().clear();
  }
  profile.peak = *std::max_element(profile.during.begin(), profile.during.end());
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
