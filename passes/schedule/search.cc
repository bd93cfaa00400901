#include "passes/schedule/search.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "passes/schedule/min_cut.h"

namespace plimsoll::schedule {
namespace {

constexpr size_t kMaxBytes = size_t{256} << 20;  // of sets
constexpr size_t kWide = 32;                     // nodes of a value

class Searcher {
 public:
  Searcher(const Graph& graph, int64_t target, int width, Budget& budget)
      : graph_(graph),
        budget_(budget),
        target_(target),
        width_(width),
        n_(graph.size()),
        words_((n_ + 63) / 64),
        done_(words_),
        ready_(words_),
        levels_(n_ + 1) {}

  SearchResult Run() {
    int64_t bytes = Begin();
    result_.complete = true;
    result_.lower_bound = std::numeric_limits<int64_t>::max();
    if (bytes > target_) {
      result_.lower_bound = bytes;
      return std::move(result_);
    }
    root_.assign(words_, 0);
    root_bytes_ = bytes;
    int count = 0;
    FindNeighbours();
    RunFree(-1, 0, bytes, count, nullptr);
    Enter(bytes, count, -1, -1);
    for (int level = 0; level <= n_; ++level) {
      Level now = std::move(levels_[level]);
      levels_[level] = Level();
      if (now.states.empty()) continue;
      if (level == n_) {
        result_.found = true;
        Trace(now.states[0].step);
        break;
      }
      if (static_cast<int>(now.states.size()) > width_) Narrow(now);
      Commit(now, level);
      for (const State& state : now.states) {
        if (!Expand(state, level)) {
          budget_.Spend(std::exchange(work_, int64_t{0}));
          result_.complete = false;
          return std::move(result_);
        }
      }
      for (const State& state : now.states) free_.push_back(state.slot);
    }
    return std::move(result_);
  }

 private:
  struct State {
    int64_t bytes;
    int step;
    int slot;  // of its sets
  };
  struct Level {
    std::vector<State> states;
    absl::flat_hash_map<uint64_t, int> index;  // hash of the set of nodes -> state
  };
  struct Step {
    int before;  // step, or -1
    int node;
  };

  static bool Has(const uint64_t* set, int v) { return set[v / 64] >> (v % 64) & 1; }
  bool Done(int v) const { return Has(done_.data(), v); }
  static void Set(std::vector<uint64_t>& set, int v) { set[v / 64] |= uint64_t{1} << (v % 64); }

  // Nothing has run. Returns the bytes held.
  int64_t Begin() {
    std::fill(done_.begin(), done_.end(), 0);
    std::fill(ready_.begin(), ready_.end(), 0);
    for (int v = 0; v < n_; ++v) {
      if (graph_.preds[v].empty()) Set(ready_, v);
    }
    int64_t bytes = graph_.base;
    for (const Value& value : graph_.values) bytes += value.starters.empty() ? value.size : 0;
    return bytes;
  }

  // Bytes of values that v would start and end after done_.
  void Effect(int v, int64_t& started, int64_t& ended) {
    started = ended = 0;
    for (int i : graph_.starts[v]) {
      const std::vector<int>& starters = graph_.values[i].starters;
      size_t k = starters.size() == 1 ? 1 : 0;
      while (k < starters.size() && !Done(starters[k])) ++k;
      if (k == starters.size()) started += graph_.values[i].size;
      work_ += k / 16;
    }
    for (int i : graph_.ends[v]) {
      const std::vector<int>& enders = graph_.values[i].enders;
      size_t k = enders.size() == 1 ? 1 : 0;
      while (k < enders.size() && (enders[k] == v || Done(enders[k]))) ++k;
      if (k == enders.size()) ended += graph_.values[i].size;
      work_ += k / 16;
    }
    ++work_;
  }

  void RunNode(int v) {
    Set(done_, v);
    ready_[v / 64] &= ~(uint64_t{1} << (v % 64));
    for (int s : graph_.succs[v]) {
      const auto& preds = graph_.preds[s];
      if (std::all_of(preds.begin(), preds.end(), [&](int p) { return Done(p); })) Set(ready_, s);
    }
  }

  bool RunIfFree(int v, int64_t& bytes, int& count, std::vector<int>* trace) {
    int64_t started, ended;
    Effect(v, started, ended);
    if (started > ended || bytes + started + graph_.extra[v] > target_) return false;
    RunNode(v);
    bytes += started - ended;
    ++count;
    if (trace != nullptr) trace->push_back(v);
    return true;
  }

  // Runs what adds no memory and stays within the target. Where `ran` is a node, nothing else was free before it ran,
  // with `before` bytes in memory: then only its neighbours can be, unless memory fell.
  void RunFree(int ran, int64_t before, int64_t& bytes, int& count, std::vector<int>* trace) {
    bool all = ran < 0;
    if (!all) {
      pending_.assign(near_[ran].begin(), near_[ran].end());
      for (size_t i = 0; i < pending_.size(); ++i) {
        const int v = pending_[i];
        if (!Has(ready_.data(), v) || !RunIfFree(v, bytes, count, trace)) continue;
        pending_.insert(pending_.end(), near_[v].begin(), near_[v].end());
        all |= wide_[v] != 0;
      }
      all |= bytes < before || wide_[ran] != 0;
    }
    while (all) {
      all = false;
      for (size_t w = 0; w < words_; ++w) {
        for (uint64_t bits = ready_[w]; bits != 0; bits &= bits - 1) {
          all |= RunIfFree(static_cast<int>(w * 64) + __builtin_ctzll(bits), bytes, count, trace);
        }
      }
    }
  }

  // By node: those whose effect or readiness may change when it runs. For values of many nodes all are looked at.
  void FindNeighbours() {
    near_.resize(n_);
    wide_.resize(n_, 0);
    for (int v = 0; v < n_; ++v) {
      std::vector<int>& list = near_[v];
      list = graph_.succs[v];
      auto add = [&](const std::vector<int>& nodes) {
        if (nodes.size() > kWide) wide_[v] = 1;
        if (nodes.size() <= kWide) list.insert(list.end(), nodes.begin(), nodes.end());
      };
      for (int i : graph_.ends[v]) add(graph_.values[i].enders);
      for (int i : graph_.starts[v]) add(graph_.values[i].starters);
      std::sort(list.begin(), list.end());
      list.erase(std::unique(list.begin(), list.end()), list.end());
      if (const auto self = std::find(list.begin(), list.end(), v); self != list.end()) list.erase(self);
    }
  }

  bool Expand(const State& state, int count) {
    const uint64_t* sets = &sets_[state.slot * 2 * words_];
    const std::vector<uint64_t> done(sets, sets + words_), ready(sets + words_, sets + 2 * words_);
    bool changed = true;
    for (size_t w = 0; w < words_; ++w) {
      for (uint64_t bits = ready[w]; bits != 0; bits &= bits - 1) {
        const int v = static_cast<int>(w * 64) + __builtin_ctzll(bits);
        if (work_ > budget_.left()) return false;  // one set may have thousands of nodes ready
        if (changed) {
          done_ = done;
          ready_ = ready;
          changed = false;
        }
        int64_t started, ended;
        Effect(v, started, ended);
        if (const int64_t need = state.bytes + started + graph_.extra[v]; need > target_) {
          result_.lower_bound = std::min(result_.lower_bound, need);
          continue;
        }
        changed = true;
        RunNode(v);
        int64_t bytes = state.bytes + started - ended;
        int ran = count + 1;
        RunFree(v, state.bytes, bytes, ran, nullptr);
        Enter(bytes, ran, state.step, v);
        work_ += 2 + static_cast<int64_t>(words_) / 4;
      }
    }
    return budget_.Spend(std::exchange(work_, int64_t{0})) && sets_.size() * 8 < kMaxBytes &&
           steps_.size() < 20'000'000;
  }

  uint64_t Hash(const uint64_t* set) const {
    uint64_t hash = 0x9E3779B97F4A7C15;
    for (size_t w = 0; w < words_; ++w) {
      hash = (hash ^ set[w]) * 0xD6E8FEB86659FD93;
      hash ^= hash >> 32;
    }
    return hash;
  }

  // Enters the set done_, unless it is known.
  void Enter(int64_t bytes, int count, int before, int via) {
    Level& level = levels_[count];
    last_ = std::max(last_, count);
    const auto [it, fresh] = level.index.try_emplace(Hash(done_.data()), static_cast<int>(level.states.size()));
    // Two sets of one hash are both kept; only the first is recognized again.
    if (!fresh && std::equal(done_.begin(), done_.end(), &sets_[level.states[it->second].slot * 2 * words_])) return;
    int slot;
    if (free_.empty()) {
      slot = static_cast<int>(sets_.size() / (2 * words_));
      sets_.resize(sets_.size() + 2 * words_);
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    std::copy(done_.begin(), done_.end(), &sets_[slot * 2 * words_]);
    std::copy(ready_.begin(), ready_.end(), &sets_[slot * 2 * words_ + words_]);
    level.states.push_back({bytes, static_cast<int>(steps_.size()), slot});
    steps_.push_back({before, via});
    if (static_cast<int64_t>(level.states.size()) > int64_t{3} * width_) Narrow(level);
  }

  // Keeps the sets of least memory.
  void Narrow(Level& level) {
    result_.complete = false;
    auto less = [](const State& a, const State& b) { return a.bytes != b.bytes ? a.bytes < b.bytes : a.step < b.step; };
    std::nth_element(level.states.begin(), level.states.begin() + width_, level.states.end(), less);
    for (size_t i = width_; i < level.states.size(); ++i) free_.push_back(level.states[i].slot);
    level.states.resize(width_);
    std::sort(level.states.begin(), level.states.end(), less);
    level.index.clear();
    for (int i = 0; i < width_; ++i) level.index.try_emplace(Hash(&sets_[level.states[i].slot * 2 * words_]), i);
  }

  // The second dominance rule, for the set of least memory of this level. Failing cuts are tried ever more rarely.
  void Commit(Level& now, int level) {
    const auto least = std::min_element(now.states.begin(), now.states.end(), [](const State& a, const State& b) {
      return a.bytes != b.bytes ? a.bytes < b.bytes : a.step < b.step;
    });
    bool alone = now.states.size() == 1;
    for (int other = level + 1; alone && other <= last_; ++other) alone = levels_[other].states.empty();
    if (!alone) {
      if (least->bytes > root_bytes_) return;
      if (wait_ > 0 && wait_-- > 0) return;
      std::vector<Side> sides(n_, Side::kFree);
      const uint64_t* to = &sets_[least->slot * 2 * words_];
      for (int v = 0; v < n_; ++v) {
        if (Has(root_.data(), v)) sides[v] = Side::kBefore;
        if (!Has(to, v)) sides[v] = Side::kAfter;
      }
      const Moment moment = LeastMoment(graph_, sides, budget_);
      if (!moment.complete || moment.bytes != least->bytes) {
        wait_ = pause_ = std::min(2 * pause_ + 1, 64);
        return;
      }
      pause_ = 0;
    }
    const State state = *least;
    for (const State& other : now.states) {
      if (other.slot != state.slot) free_.push_back(other.slot);
    }
    for (int other = level + 1; other <= last_; ++other) {
      for (const State& dropped : levels_[other].states) free_.push_back(dropped.slot);
      levels_[other] = Level();
    }
    last_ = level;
    now.states = {state};
    root_.assign(&sets_[state.slot * 2 * words_], &sets_[state.slot * 2 * words_] + words_);
    root_bytes_ = state.bytes;
  }

  void Trace(int step) {
    std::vector<int> nodes;
    for (; step >= 0; step = steps_[step].before) nodes.push_back(steps_[step].node);
    int64_t bytes = Begin();
    int count = 0;
    for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) {
      const int64_t before = bytes;
      if (*it >= 0) {
        int64_t started, ended;
        Effect(*it, started, ended);
        RunNode(*it);
        result_.order.push_back(*it);
        bytes += started - ended;
      }
      RunFree(*it, before, bytes, count, &result_.order);
    }
  }

  const Graph& graph_;
  Budget& budget_;
  const int64_t target_;
  const int width_;
  const int n_;
  const size_t words_;
  std::vector<uint64_t> done_, ready_;  // the set at work
  std::vector<std::vector<int>> near_;  // by node
  std::vector<char> wide_;              // by node
  std::vector<int> pending_;
  std::vector<Level> levels_;  // by number of nodes that have run
  int last_ = 0;               // no level after it has sets
  std::vector<Step> steps_;
  std::vector<uint64_t> sets_;  // by slot: done, then ready
  std::vector<int> free_;       // slots
  std::vector<uint64_t> root_;  // the start
  int64_t root_bytes_ = 0;
  int wait_ = 0, pause_ = 0;
  SearchResult result_;
  int64_t work_ = 0;  // steps not yet taken from the budget
};

}  // namespace

SearchResult Search(const Graph& graph, int64_t target, int width, Budget& budget) {
  return Searcher(graph, target, width, budget).Run();
}

}  // namespace plimsoll::schedule
