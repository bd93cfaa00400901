#include "passes/checkpoint/chain.h"

#include <algorithm>
#include <limits>

namespace plimsoll::checkpoint {
namespace {

constexpr float kNever = std::numeric_limits<float>::infinity();

// target[m] = min(target[m], cost + inner[m - shift] + outer[m]) for m in [from, slots]: nearly all of the time.
__attribute__((target_clones("avx2", "default"))) void Relax(float* target, const float* inner, const float* outer,
                                                             float cost, int shift, int from, int slots) {
  for (int m = from; m <= slots; ++m) {
    const float value = cost + inner[m - shift] + outer[m];
    target[m] = value < target[m] ? value : target[m];
  }
}

// Sizes are in slots. Segment (s, t): node s - 1 of the chain is in memory and stays (its bytes do not count), and
// levels t, ..., s are to be done; `m` slots hold all else, what the levels done have left to the rest included.
class Program {
 public:
  Program(const Graph& graph, const TrainingChain& chain, double unit, int slots)
      : graph_(graph), chain_(chain), unit_(unit), slots_(slots), length_(chain.length) {
    Measure();
    table_.assign(static_cast<size_t>(length_) * (length_ + 1) * (slots + 1), kNever);
    for (int span = 0; span < length_; ++span) {
      for (int s = 0; s + span < length_; ++s) {
        FillBoth(s, s + span);
      }
    }
  }

  float Cost(int m) const { return At(0, length_ - 1, 0)[m]; }

  // For `m` of finite cost.
  std::vector<int> Sequence(int m) {
    sequence_.clear();
    for (int v = 0; v < chain_.first; ++v) sequence_.push_back(v);
    Unfold(0, length_ - 1, 0, m, false);
    return sequence_;
  }

 private:
  // What a level takes, besides node t - 1.
  struct Level {
    double cost = 0;  // of its nodes
    int need = 0;     // while they run, the outputs of levels done and node t of the chain, where needed, included
    int left = 0;     // before it: outputs of levels done that are still needed
    bool reads_own = false;  // node t
    bool reads_previous = false;
  };

  int Slots(double bytes) const { return static_cast<int>(bytes / unit_ + 0.5); }
  const float* At(int s, int t, int held) const { return table_.data() + Place(s, t, held); }
  size_t Place(int s, int t, int held) const {
    return (static_cast<size_t>(t) * (t + 1) / 2 + s) * 2 * (slots_ + 1) + static_cast<size_t>(held) * (slots_ + 1);
  }
  int Node(int i) const { return chain_.first + i; }

  void Measure() {
    const int n = graph_.nodes(), end = chain_.first + length_;
    // Bytes of outputs of levels alive at each node of a level.
    std::vector<double> alive(n + 1, 0);
    for (int v = end; v < n; ++v) {
      int last = v;
      for (int user : graph_.users[v]) last = std::max(last, user);
      if (graph_.output[v]) last = n - 1;
      alive[v] += static_cast<double>(graph_.size[v]);
      alive[last + 1] -= static_cast<double>(graph_.size[v]);
    }
    for (int v = 1; v < n; ++v) alive[v] += alive[v - 1];
    levels_.resize(length_);
    size_.resize(length_);
    for (int t = 0; t < length_; ++t) {
      Level& level = levels_[t];
      const auto [from, to] = chain_.levels[t];
      const double own = static_cast<double>(graph_.size[Node(t)]);
      double need = 0;
      bool later = false;
      for (int v = to - 1; v >= from; --v) {
        for (int u : graph_.inputs[v]) {
          later = later || u == Node(t);
          level.reads_previous = level.reads_previous || u == Node(t) - 1;
        }
        level.cost += graph_.cost[v];
        need = std::max(need, alive[v] + static_cast<double>(graph_.workspace[v]) + (later ? own : 0));
      }
      level.reads_previous = level.reads_previous && t > 0;
      level.reads_own = later;
      level.need = Slots(need);
      const double made = from < n ? alive[from] - static_cast<double>(graph_.size[from]) : alive[n - 1];
      level.left = Slots(from == end ? 0 : made);
      size_[t] = Slots(own);
    }
    // From s on to j: cost, and the most memory, node s - 1 apart.
    forward_cost_.assign(static_cast<size_t>(length_) * length_, 0);
    forward_need_.assign(static_cast<size_t>(length_) * length_, 0);
    for (int s = 0; s < length_; ++s) {
      double cost = 0, most = 0;
      for (int j = s; j < length_; ++j) {
        cost += graph_.cost[Node(j)];
        most = std::max(most, static_cast<double>(graph_.size[Node(j)] + graph_.workspace[Node(j)] +
                                                  (j > s ? graph_.size[Node(j) - 1] : 0)));
        forward_cost_[s * length_ + j] = static_cast<float>(cost);
        forward_need_[s * length_ + j] = Slots(most);
      }
    }
  }

  // Whether node t has to be there, or made, before its level: the last one has to be computed whoever reads it.
  bool Wanted(int t) const { return levels_[t].reads_own || t == length_ - 1; }

  // Doing level t of (s, t) at once: where it reads nothing between s - 1 and t. Cost, and the memory it takes.
  bool AtOnce(int s, int t, int held, float* cost, int* need) const {
    const Level& level = levels_[t];
    if (s < t && level.reads_previous) return false;
    *cost = static_cast<float>(level.cost);
    *need = std::max(level.need, level.left + (held ? size_[t] : 0));
    if (Wanted(t) && !held) {
      *cost += forward_cost_[s * length_ + t];
      *need = std::max(*need, level.left + forward_need_[s * length_ + t]);
    }
    return true;
  }

  int NeedOf(int s, int t, int held, int j) const {
    return std::max(size_[j], levels_[t].left + (held ? size_[t] : 0) + forward_need_[s * length_ + j]);
  }

  // `held`: whether node t is there. Where it is, it may be given up; where not, it may be made first of all.
  void FillBoth(int s, int t) {
    Fill(s, t, 1);
    Fill(s, t, 0);
    float* without = table_.data() + Place(s, t, 0);
    float* with = table_.data() + Place(s, t, 1);
    const float cost = forward_cost_[s * length_ + t];
    for (int m = SweepNeed(s, t); m <= slots_; ++m) without[m] = std::min(without[m], cost + with[m]);
    for (int m = 0; m <= slots_; ++m) with[m] = std::min(with[m], without[m]);
  }

  int SweepNeed(int s, int t) const { return levels_[t].left + forward_need_[s * length_ + t]; }

  void Fill(int s, int t, int held) {
    float* target = table_.data() + Place(s, t, held);
    float cost = 0;
    int need = 0;
    if (AtOnce(s, t, held, &cost, &need)) {
      for (int m = need; m <= slots_; ++m) target[m] = std::min(target[m], s < t ? cost + At(s, t - 1, 0)[m] : cost);
    }
    for (int j = s; j < t; ++j) {
      Relax(target, At(j + 1, t, held), At(s, j, 1), forward_cost_[s * length_ + j], size_[j], NeedOf(s, t, held, j),
            slots_);
    }
  }

  // The steps whose cost the table holds, by the comparisons that made it.
  void Unfold(int s, int t, int held, int m, bool keep) {
    const float goal = At(s, t, held)[m];
    if (held && !keep && At(s, t, 0)[m] <= goal) held = 0;
    float cost = 0;
    int need = 0;
    if (AtOnce(s, t, held, &cost, &need) && need <= m && (s < t ? cost + At(s, t - 1, 0)[m] : cost) <= goal) {
      if (Wanted(t) && !held) Append(Node(s), Node(t) + 1);
      Append(chain_.levels[t].first, chain_.levels[t].second);
      if (s < t) Unfold(s, t - 1, 0, m, false);
      return;
    }
    for (int j = s; j < t; ++j) {
      if (NeedOf(s, t, held, j) > m) continue;
      if (forward_cost_[s * length_ + j] + At(j + 1, t, held)[m - size_[j]] + At(s, j, 1)[m] > goal) continue;
      Append(Node(s), Node(j) + 1);
      Unfold(j + 1, t, held, m - size_[j], false);
      Unfold(s, j, 1, m, false);
      return;
    }
    Append(Node(s), Node(t) + 1);
    Unfold(s, t, 1, m, true);
  }

  void Append(int from, int to) {
    for (int v = from; v < to; ++v) sequence_.push_back(v);
  }

  const Graph& graph_;
  const TrainingChain& chain_;
  const double unit_;
  const int slots_, length_;
  std::vector<Level> levels_;
  std::vector<int> size_, forward_need_, sequence_;
  std::vector<float> forward_cost_, table_;
};

}  // namespace

std::optional<TrainingChain> FindTrainingChain(const Graph& graph) {
  TrainingChain chain;
  const int n = graph.nodes();
  int end = 0;
  while (end < n && graph.once[end] && graph.inputs[end].empty()) ++end;
  chain.first = end;
  auto from_sources = [&](int v) {
    return std::all_of(graph.inputs[v].begin(), graph.inputs[v].end(), [&](int u) { return u < chain.first; });
  };
  auto extends = [&](int v) {
    for (int u : graph.inputs[v]) {
      if (u >= chain.first && u != v - 1) return false;
    }
    return v == chain.first || !from_sources(v);
  };
  while (end < n && !graph.once[end] && !graph.output[end] && extends(end)) ++end;
  chain.length = end - chain.first;
  if (chain.length < 3) return std::nullopt;
  chain.levels.assign(chain.length, {n, n});
  int level = chain.length - 1;
  chain.levels[level].first = end;
  for (int v = end; v < n; ++v) {
    int low = chain.length, high = -1;
    for (int u : graph.inputs[v]) {
      if (u < chain.first || u >= end) continue;
      low = std::min(low, u - chain.first);
      high = std::max(high, u - chain.first);
    }
    // The highest level that it may belong to.
    const int its = high < 0 ? level : std::min(level, low + 1);
    if (high > its) return std::nullopt;
    for (; level > its; --level) {
      chain.levels[level].second = v;
      chain.levels[level - 1].first = v;
    }
  }
  for (int t = level; t >= 0; --t) {
    chain.levels[t].second = n;
    if (t > 0) chain.levels[t - 1].first = n;
  }
  return chain;
}

std::vector<int> ChainSequence(const Graph& graph, const TrainingChain& chain, int64_t budget, int slots,
                               schedule::Budget& effort) {
  int64_t sources = 0;
  for (int v = 0; v < chain.first; ++v) sources += graph.size[v];
  const int64_t bytes = budget - sources;
  // A table of 64 MiB at most.
  slots =
      static_cast<int>(std::min<int64_t>(slots, (int64_t{16} << 20) / (int64_t{chain.length} * (chain.length + 1))));
  if (bytes <= 0 || slots < 32) return {};
  slots = static_cast<int>(std::min<int64_t>(slots, bytes));
  const int64_t cube = int64_t{chain.length} * chain.length * chain.length;
  const int64_t work = cube / 3 * slots / 80 + int64_t{chain.length} * chain.length * slots / 20;
  if (effort.left() < work) return {};
  effort.Spend(work);
  Program program(graph, chain, static_cast<double>(bytes) / slots, slots);
  // Rounded sizes may leave the budget a little: then with less. A few tries.
  std::vector<int> best;
  for (int m = slots; m > slots * 9 / 10 && program.Cost(m) < kNever; --m) {
    if (m < slots && program.Cost(m) == program.Cost(m + 1)) continue;
    std::vector<int> sequence = program.Sequence(m);
    if (PeakOf(graph, sequence) <= budget) return sequence;
  }
  return best;
}

}  // namespace plimsoll::checkpoint
