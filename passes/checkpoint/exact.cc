#include "passes/checkpoint/exact.h"

#include <algorithm>
#include <array>
#include <limits>
#include <queue>

#include "absl/container/flat_hash_map.h"

namespace plimsoll::checkpoint {
namespace {

template <int kWords>
struct Set {
  std::array<uint64_t, kWords> words{};
  bool Has(int v) const { return words[v >> 6] >> (v & 63) & 1; }
  void Put(int v) { words[v >> 6] |= uint64_t{1} << (v & 63); }
  void Take(int v) { words[v >> 6] &= ~(uint64_t{1} << (v & 63)); }
  bool Empty() const {
    for (uint64_t w : words) {
      if (w) return false;
    }
    return true;
  }
  Set& operator|=(const Set& other) {
    for (int i = 0; i < kWords; ++i) words[i] |= other.words[i];
    return *this;
  }
  bool operator==(const Set& other) const { return words == other.words; }
  template <typename F>
  void ForEach(F f) const {
    for (int i = 0; i < kWords; ++i) {
      for (uint64_t w = words[i]; w; w &= w - 1) f(i * 64 + __builtin_ctzll(w));
    }
  }
  template <typename H>
  friend H AbslHashValue(H h, const Set& set) {
    return H::combine(std::move(h), set.words);
  }
};

template <int kWords>
class Search {
 public:
  Search(const Graph& graph, int64_t budget, bool by_memory)
      : graph_(graph), budget_(budget), by_memory_(by_memory), ancestors_(graph.nodes()), inputs_(graph.nodes()) {
    for (int v = 0; v < graph.nodes(); ++v) {
      for (int u : graph.inputs[v]) {
        inputs_[v].Put(u);
        ancestors_[v].Put(u);
        ancestors_[v] |= ancestors_[u];
      }
    }
  }

  // Returns the key of the first set that was not expanded: a bound. `sequence` is filled where the search ended well.
  double Run(int64_t max_states, std::vector<int>* sequence, bool* exhausted) {
    *exhausted = false;
    State start;
    start.left = graph_.fixed ? graph_.nodes() : 0;
    for (int v = 0; v < graph_.nodes(); ++v) {
      // What nobody reads must be computed, yet takes no room afterwards.
      if (graph_.output[v] || (!graph_.fixed && graph_.users[v].empty())) start.held.Put(v);
    }
    double first = 0;
    if (by_memory_ || Held(start.held) > budget_) {
      first = static_cast<double>(Held(start.held));
      if (!by_memory_) {
        *exhausted = true;
        return 0;
      }
    }
    Push(start, first, -1, -1);
    int64_t expanded = 0;
    while (!queue_.empty()) {
      const Entry entry = queue_.top();
      queue_.pop();
      const Visit visit = visits_[entry.visit];
      if (best_.find(visit.state)->second != entry.visit) continue;
      if (visit.state.held.Empty() && visit.state.left == 0) {
        for (int i = entry.visit; visits_[i].node >= 0; i = visits_[i].parent) sequence->push_back(visits_[i].node);
        return entry.key;
      }
      if (++expanded > max_states) return entry.key;
      Expand(visit.state, entry);
    }
    *exhausted = true;
    return 0;
  }

 private:
  struct State {
    Set<kWords> held;
    int left = 0;  // with a fixed order: how many first computations come before
    bool operator==(const State& other) const { return left == other.left && held == other.held; }
    template <typename H>
    friend H AbslHashValue(H h, const State& s) {
      return H::combine(std::move(h), s.held, s.left);
    }
  };
  struct Visit {
    State state;
    double key;
    int parent, node;
  };
  struct Entry {
    double key;
    int rest;  // how much is still to compute: of equal keys the one nearest to the goal comes first
    int visit;
    bool operator<(const Entry& other) const {
      if (key != other.key) return key > other.key;
      if (rest != other.rest) return rest > other.rest;
      return visit > other.visit;
    }
  };

  int64_t Held(const Set<kWords>& set) const {
    int64_t bytes = 0;
    set.ForEach([&](int v) {
      if (graph_.output[v] || !graph_.users[v].empty()) bytes += graph_.size[v];
    });
    return bytes;
  }

  void Push(const State& state, double key, int parent, int node) {
    const int visit = static_cast<int>(visits_.size());
    auto [it, fresh] = best_.try_emplace(state, visit);
    if (!fresh) {
      if (visits_[it->second].key <= key) return;
      it->second = visit;
    }
    visits_.push_back({state, key, parent, node});
    Set<kWords> rest = state.held;
    state.held.ForEach([&](int v) { rest |= ancestors_[v]; });
    int count = state.left;
    for (uint64_t w : rest.words) count += __builtin_popcountll(w);
    queue_.push({key, count, visit});
  }

  void Expand(const State& state, const Entry& entry) {
    auto step = [&](int v, bool first) {
      State next = state;
      next.held.Take(v);
      next.held |= inputs_[v];
      next.left -= first;
      const int64_t bytes = Held(next.held) + graph_.size[v] + graph_.workspace[v];
      if (bytes > budget_) return;
      const bool more = graph_.fixed ? !first : Needed(next.held, v);
      if (more && graph_.once[v]) return;
      double key = entry.key;
      if (by_memory_) {
        key = std::max(key, static_cast<double>(bytes));
      } else if (more) {
        key += graph_.cost[v];
      }
      Push(next, key, entry.visit, v);
    };
    if (graph_.fixed && state.left > 0) step(state.left - 1, true);
    state.held.ForEach([&](int v) {
      if (!graph_.fixed || v < state.left) step(v, false);
    });
  }

  // Whether v has to be computed once more, before `held` can be in memory.
  bool Needed(const Set<kWords>& held, int v) const {
    bool needed = held.Has(v);
    held.ForEach([&](int u) { needed = needed || ancestors_[u].Has(v); });
    return needed;
  }

  const Graph& graph_;
  const int64_t budget_;
  const bool by_memory_;
  std::vector<Set<kWords>> ancestors_, inputs_;
  std::vector<Visit> visits_;
  absl::flat_hash_map<State, int> best_;
  std::priority_queue<Entry> queue_;
};

template <int kWords>
ExactResult Cost(const Graph& graph, int64_t budget, int64_t max_states) {
  ExactResult result;
  result.extra = Search<kWords>(graph, budget, false).Run(max_states, &result.sequence, &result.infeasible);
  return result;
}

template <int kWords>
int64_t MemoryBound(const Graph& graph, int64_t max_states, std::vector<int>* sequence) {
  bool exhausted;
  std::vector<int> unused;
  constexpr int64_t kAny = std::numeric_limits<int64_t>::max();
  const double bytes = Search<kWords>(graph, kAny, true).Run(max_states, sequence ? sequence : &unused, &exhausted);
  // Sizes beyond 2^53 are rounded: down, to stay a bound.
  return static_cast<int64_t>(bytes < 0x1p53 ? bytes : bytes * (1 - 0x1p-50));
}

}  // namespace

ExactResult SearchCost(const Graph& graph, int64_t budget, int64_t max_states) {
  const int n = graph.nodes();
  if (n > kMaxExactNodes) return {};
  if (n <= 64) return Cost<1>(graph, budget, max_states);
  return n <= 256 ? Cost<4>(graph, budget, max_states) : Cost<16>(graph, budget, max_states);
}

int64_t SearchMemory(const Graph& graph, int64_t max_states, std::vector<int>* sequence) {
  const int n = graph.nodes();
  if (n > kMaxExactNodes) return 0;
  if (n <= 64) return MemoryBound<1>(graph, max_states, sequence);
  return n <= 256 ? MemoryBound<4>(graph, max_states, sequence) : MemoryBound<16>(graph, max_states, sequence);
}

}  // namespace plimsoll::checkpoint
