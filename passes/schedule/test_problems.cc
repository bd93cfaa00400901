#include "passes/schedule/test_problems.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

namespace plimsoll::schedule {
namespace {

// Tries every topological order.
struct Enumeration {
  const Problem& problem;
  std::vector<int> producer;
  std::vector<std::set<int>> users;
  std::set<int> kept;
  int64_t best = std::numeric_limits<int64_t>::max();

  int64_t Bytes(const std::set<int>& tensors) const {
    int64_t bytes = 0;
    for (int t : tensors) bytes += problem.tensors[t].size;
    return bytes;
  }

  void Visit(const std::set<int>& done, const std::set<int>& memory, int64_t peak) {
    if (peak >= best) return;
    if (done.size() == problem.nodes.size()) {
      best = peak;
      return;
    }
    for (int v = 0; v < static_cast<int>(problem.nodes.size()); ++v) {
      const Node& node = problem.nodes[v];
      if (done.count(v)) continue;
      if (!std::all_of(node.inputs.begin(), node.inputs.end(),
                       [&](int t) { return producer[t] < 0 || done.count(producer[t]); })) {
        continue;
      }
      std::set<int> after = memory, ran = done;
      after.insert(node.outputs.begin(), node.outputs.end());
      const int64_t during = Bytes(after) + node.workspace;
      ran.insert(v);
      std::set<int> mine(node.inputs.begin(), node.inputs.end());
      mine.insert(node.outputs.begin(), node.outputs.end());
      for (int t : mine) {
        if (!kept.count(t) && std::includes(ran.begin(), ran.end(), users[t].begin(), users[t].end())) after.erase(t);
      }
      Visit(ran, after, std::max(peak, during));
    }
  }
};

}  // namespace

Problem RandomProblem(int n, uint32_t seed) {
  std::mt19937 random(seed);
  auto pick = [&](int bound) { return static_cast<int>(random() % bound); };
  std::vector<int> name(n);
  std::iota(name.begin(), name.end(), 0);
  if (seed % 2) std::shuffle(name.begin(), name.end(), random);
  Problem problem;
  problem.nodes.resize(n);
  for (int i = pick(4); i > 0; --i) problem.tensors.push_back({pick(20)});
  for (int i = 0; i < n; ++i) {
    Node& node = problem.nodes[name[i]];
    const int known = static_cast<int>(problem.tensors.size());
    for (int k = pick(4); k > 0 && known > 0; --k) {
      node.inputs.push_back(pick(2) ? pick(known) : std::max(0, known - 1 - pick(4)));
    }
    for (int k = pick(8) == 0 ? pick(3) : 1; k > 0; --k) {
      node.outputs.push_back(static_cast<int>(problem.tensors.size()));
      problem.tensors.push_back({pick(8) ? pick(20) : 0});
    }
    if (pick(4) == 0) node.workspace = pick(15);
  }
  for (int k = pick(3); k > 0 && !problem.tensors.empty(); --k) {
    problem.outputs.push_back(pick(static_cast<int>(problem.tensors.size())));
  }
  return problem;
}

int64_t BruteForcePeak(const Problem& problem) {
  Enumeration search{problem, std::vector<int>(problem.tensors.size(), -1),
                     std::vector<std::set<int>>(problem.tensors.size()),
                     std::set<int>(problem.outputs.begin(), problem.outputs.end())};
  for (int v = 0; v < static_cast<int>(problem.nodes.size()); ++v) {
    for (int t : problem.nodes[v].outputs) search.producer[t] = v;
    for (int t : problem.nodes[v].inputs) search.users[t].insert(v);
  }
  std::set<int> start;
  for (int t = 0; t < static_cast<int>(problem.tensors.size()); ++t) {
    if (search.producer[t] < 0) start.insert(t);
  }
  search.Visit({}, start, search.Bytes(start));
  return search.best;
}

int64_t SubsetPeak(const Problem& problem) {
  const int n = static_cast<int>(problem.nodes.size());
  std::vector<uint32_t> needs(n, 0);
  std::vector<int> producer(problem.tensors.size(), -1);
  std::vector<uint32_t> users(problem.tensors.size(), 0);
  std::vector<bool> kept(problem.tensors.size(), false);
  for (int t : problem.outputs) kept[t] = true;
  for (int v = 0; v < n; ++v) {
    for (int t : problem.nodes[v].outputs) producer[t] = v;
    for (int t : problem.nodes[v].inputs) users[t] |= 1u << v;
  }
  for (int v = 0; v < n; ++v) {
    for (int t : problem.nodes[v].inputs) {
      if (producer[t] >= 0) needs[v] |= 1u << producer[t];
    }
  }
  constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
  std::vector<int64_t> peak(size_t{1} << n, kNone);
  peak[0] = 0;
  for (int t = 0; t < static_cast<int>(problem.tensors.size()); ++t) {
    if (producer[t] < 0) peak[0] += problem.tensors[t].size;
  }
  for (uint32_t set = 0; set + 1 < peak.size(); ++set) {
    if (peak[set] == kNone) continue;
    int64_t memory = 0;
    for (int t = 0; t < static_cast<int>(problem.tensors.size()); ++t) {
      if (producer[t] >= 0 && !(set >> producer[t] & 1)) continue;
      const bool unused = producer[t] < 0 && users[t] == 0;
      if (kept[t] || unused || (users[t] & ~set) != 0) memory += problem.tensors[t].size;
    }
    for (int v = 0; v < n; ++v) {
      if (set >> v & 1 || (needs[v] & ~set) != 0) continue;
      int64_t during = memory + problem.nodes[v].workspace;
      for (int t : problem.nodes[v].outputs) during += problem.tensors[t].size;
      int64_t& to = peak[set | 1u << v];
      to = std::min(to, std::max(peak[set], during));
    }
  }
  return peak.back();
}

}  // namespace plimsoll::schedule
