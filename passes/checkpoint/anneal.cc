#include "passes/checkpoint/anneal.h"

#include <algorithm>
#include <cmath>

#include "passes/checkpoint/random.h"
#include "passes/checkpoint/timeline.h"

namespace plimsoll::checkpoint {
namespace {

constexpr double kHot = 0.3;  // the first temperature, in mean costs
constexpr int kChoices = 3;   // additions looked at for one tried

class Annealer {
 public:
  Annealer(const Graph& graph, int64_t budget, const std::vector<int>& start, uint64_t seed, std::vector<int>& best)
      : graph_(graph), budget_(budget), timeline_(graph, budget, start), random_(seed), best_(best) {
    best_cost_ = best.empty() ? std::numeric_limits<double>::infinity() : CostOf(graph, best);
    mean_cost_ = graph.total_cost / std::max(1, graph.nodes());
    double size = 0;
    for (int64_t s : graph.size) size += static_cast<double>(s);
    // At first, holding an average output for a tenth of the sequence above the budget costs a computation.
    first_price_ = price_ = 10 * mean_cost_ * graph.nodes() / (1 + size * timeline_.slots());
  }

  void Run(double enough, schedule::Budget& effort) {
    Consider();
    const double all = static_cast<double>(effort.left());
    constexpr int kCycles = 4;
    for (int cycle = 0; cycle < kCycles; ++cycle) {
      if (cycle > 0 && !best_.empty()) {
        timeline_ = Timeline(graph_, budget_, best_);
        price_ = best_price_ / 2;
      }
      const double until = all * (kCycles - 1 - cycle) / kCycles;
      Cycle(enough, until, effort);
      if (effort.left() == 0 || best_cost_ <= enough) return;
    }
  }

 private:
  // Cools down until no more than `until` of the effort is left.
  void Cycle(double enough, double until, schedule::Budget& effort) {
    const double all = static_cast<double>(effort.left()) - until;
    const double hot = kHot * mean_cost_, cold = 0.002 * mean_cost_;
    const int epoch = 256 + 2 * graph_.nodes();
    int64_t spent = timeline_.work(), since_spread = 0, trials = 0;
    int inside = 0;
    while (effort.Spend(timeline_.work() - spent + 20) && best_cost_ > enough) {
      spent = timeline_.work();
      const double left = (static_cast<double>(effort.left()) - until) / all;
      if (left <= 0) return;
      temperature_ = cold * std::pow(hot / cold, left);
      inside += timeline_.overload() <= 0;
      if (++trials % epoch == 0) {
        // About a third of the time within the budget; at the end, most of it.
        const double share = static_cast<double>(inside) / epoch, goal = 0.3 + 0.4 * (1 - left);
        price_ *= share < goal ? 1.1 : 1 / 1.25;
        price_ = std::clamp(price_, first_price_ / 30, first_price_ * 1e4);
        inside = 0;
      }
      if (++since_spread > 20'000 || failures_ > 500) {
        timeline_.Spread();
        failures_ = 0;
        since_spread = 0;
      }
      const double before = Value();
      if (!Propose()) {
        timeline_.Undo(0);
        continue;
      }
      const double change = Value() - before;
      if (change <= 0 || random_.Unit() < std::exp(-change / temperature_)) {
        timeline_.Commit();
        Consider();
      } else {
        timeline_.Undo(0);
      }
    }
  }

  double Value() const { return timeline_.cost() + price_ * timeline_.overload(); }

  void Consider() {
    if (timeline_.overload() > 0 || timeline_.cost() >= best_cost_ * (1 - 1e-12)) return;
    std::vector<int> sequence = timeline_.Sequence();
    if (PeakOf(graph_, sequence) > budget_) return;  // the exact sum decides
    best_cost_ = CostOf(graph_, sequence);
    best_ = std::move(sequence);
    best_price_ = price_;
  }

  bool Propose() {
    const int kind = random_.Below(100);
    const bool over = timeline_.overload() > 0;
    if (kind < (over ? 45 : 20)) return AddSomewhere(over);
    if (kind < 65) return RemoveOne();
    return ShiftOne();
  }

  // A slot where memory is short.
  int Crowded(bool over) {
    int best = -1;
    for (int i = 0; i < (over ? 12 : 2); ++i) {
      const int s = random_.Below(timeline_.slots());
      if (best < 0 || timeline_.memory(s) > timeline_.memory(best)) best = s;
      if (over && timeline_.memory(best) > timeline_.budget()) break;
    }
    return best;
  }

  struct Addition {
    int v = -1, low = 0, slot = 0;
    double change = 0;  // estimated, of the value
  };

  // Computes a node again between a crowded slot and the next use, so that it need not be held there. Of a few such
  // additions, the most promising.
  bool AddSomewhere(bool over) {
    const int slot = Crowded(over);
    Addition best;
    int found = 0;
    for (int i = 0; i < 60 && found < kChoices; ++i) {
      const int v = random_.Below(graph_.nodes());
      const int copy = timeline_.CopyAt(v, slot);
      if (copy < 0 || timeline_.copies(v)[copy] >= slot || timeline_.end(v, copy) == slot) continue;
      int next = graph_.output[v] ? timeline_.slots() : -1, previous = timeline_.copies(v)[copy];
      for (int user : graph_.users[v]) {
        for (int s : timeline_.copies(user)) {
          if (s >= slot && (next < 0 || s < next)) next = s;
          if (s < slot && s > previous) previous = s;
        }
      }
      if (next <= slot) continue;
      Addition addition = Place(v, slot, next);
      if (addition.slot < 0) continue;
      ++found;
      addition.change -= price_ * static_cast<double>(graph_.size[v]) * (addition.slot - previous);
      if (best.v < 0 || addition.change < best.change) best = addition;
    }
    if (best.v < 0) return false;
    extras_ = 0;
    while (extras_ < 8 && random_.Below(2) == 0) ++extras_;
    return Add(best);
  }

  // Where between `low` and `next` to compute v again; its cost, and what holding its inputs until there costs.
  Addition Place(int v, int low, int next) {
    const int where = random_.Below(4) > 0 ? next - 1 : low + 1 + random_.Below(std::max(1, next - low - 1));
    Addition addition{v, low, timeline_.EmptyNear(where, low - 1, next), graph_.cost[v]};
    if (addition.slot < 0) return ++failures_, addition;
    for (int u : graph_.inputs[v]) {
      const std::vector<int>& copies = timeline_.copies(u);
      int copy = static_cast<int>(copies.size()) - 1;
      while (copy > 0 && copies[copy] > addition.slot) --copy;
      const int held = addition.slot - timeline_.end(u, copy);
      if (held > 0) {
        addition.change += std::min(price_ * static_cast<double>(graph_.size[u]) * held, 2 * graph_.cost[u]);
      }
    }
    return addition;
  }

  bool Add(const Addition& addition) {
    // Inputs that are not at hand there are held on, or computed again too.
    std::vector<int> missing;
    if (extras_ > 0) {
      for (int u : graph_.inputs[addition.v]) {
        if (timeline_.CopyAt(u, addition.slot) < 0) missing.push_back(u);
      }
    }
    if (!timeline_.Add(addition.v, addition.slot)) return false;
    while (!missing.empty() && extras_ > 0) {
      --extras_;
      std::swap(missing[random_.Below(static_cast<int>(missing.size()))], missing.back());
      const int u = missing.back();
      missing.pop_back();
      const int copy = timeline_.CopyAt(u, addition.slot);
      if (copy < 0) continue;
      const Addition input = Place(u, std::max(addition.low, timeline_.copies(u)[copy]) + 1, addition.slot);
      if (input.slot >= 0) Add(input);
    }
    return true;
  }

  bool RemoveOne() {
    for (int i = 0; i < 40; ++i) {
      const int s = random_.Below(timeline_.slots());
      const int v = timeline_.at(s);
      if (v < 0 || timeline_.copies(v).size() < 2) continue;
      const int copy = IndexOf(v, s);
      if (graph_.fixed && copy == 0) continue;
      if (!timeline_.Remove(v, copy)) return false;
      RemoveUnused(v);
      return true;
    }
    return false;
  }

  // Computations of the inputs of v that nobody needs any more.
  void RemoveUnused(int v) {
    for (int u : graph_.inputs[v]) {
      const std::vector<int>& copies = timeline_.copies(u);
      for (size_t i = copies.size(); i-- > 1;) {
        if (timeline_.end(u, static_cast<int>(i)) == copies[i] && timeline_.Remove(u, static_cast<int>(i))) {
          RemoveUnused(u);
          break;
        }
      }
    }
  }

  bool ShiftOne() {
    for (int i = 0; i < 40; ++i) {
      const int s = random_.Below(timeline_.slots());
      const int v = timeline_.at(s);
      if (v < 0) continue;
      const int copy = IndexOf(v, s);
      if (graph_.fixed && copy == 0) continue;
      const std::vector<int>& copies = timeline_.copies(v);
      int low = copy > 0 ? copies[copy - 1] : -1;
      int high = copy + 1 < static_cast<int>(copies.size()) ? copies[copy + 1] : timeline_.slots();
      if (copy == 0) {
        for (int u : graph_.inputs[v]) low = std::max(low, timeline_.copies(u)[0]);
        for (int user : graph_.users[v]) high = std::min(high, timeline_.copies(user)[0]);
      }
      if (random_.Below(2) == 0) {  // a small step
        low = std::max(low, s - 12);
        high = std::min(high, s + 12);
      }
      if (high - low < 3) continue;
      const int to = timeline_.EmptyNear(low + 1 + random_.Below(high - low - 1), low, high);
      if (to < 0) return ++failures_, false;
      return timeline_.Shift(v, copy, to);
    }
    return false;
  }

  int IndexOf(int v, int slot) const {
    const std::vector<int>& copies = timeline_.copies(v);
    return static_cast<int>(std::find(copies.begin(), copies.end(), slot) - copies.begin());
  }

  const Graph& graph_;
  const int64_t budget_;
  Timeline timeline_;
  Random random_;
  std::vector<int>& best_;
  double best_cost_, mean_cost_, price_, first_price_, best_price_ = 0, temperature_ = 0;
  int failures_ = 0, extras_ = 0;
};

}  // namespace

void Anneal(const Graph& graph, int64_t budget, const std::vector<int>& start, double enough, uint64_t seed,
            std::vector<int>& best, schedule::Budget& effort) {
  if (graph.nodes() == 0 || effort.left() == 0) return;
  Annealer(graph, budget, start, seed, best).Run(enough, effort);
}

}  // namespace plimsoll::checkpoint
