#include "passes/checkpoint/construct.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace plimsoll::checkpoint {
namespace {

class Constructor {
 public:
  // `keep_once`: what must not be computed again is kept to the end, in case something that reads it is.
  Constructor(const Graph& graph, int64_t budget, bool keep_once)
      : graph_(graph),
        budget_(budget),
        keep_once_(keep_once),
        held_(graph.nodes(), 0),
        pins_(graph.nodes(), 0),
        need_(graph.nodes(), 0),
        limit_(1'000 + 4 * static_cast<int64_t>(graph.nodes())) {
    // What computing v from nothing takes, inputs one after the other, hungriest first (Sethi and Ullman's numbers,
    // where inputs share nothing).
    for (int v = 0; v < graph.nodes(); ++v) {
      double before = 0;
      for (int u : Hungriest(graph.inputs[v])) {
        need_[v] = std::max(need_[v], before + need_[u]);
        before += static_cast<double>(graph.size[u]);
      }
      need_[v] = std::max(need_[v], before + static_cast<double>(graph.size[v] + graph.workspace[v]));
    }
  }

  std::vector<int> Run() {
    for (now_ = 0; now_ < graph_.nodes(); ++now_) {
      if (!Compute(now_)) return {};
    }
    std::vector<int> outputs;
    for (int v = 0; v < graph_.nodes(); ++v) {
      if (graph_.output[v]) outputs.push_back(v);
    }
    if (!Gather(outputs)) return {};
    return sequence_;
  }

 private:
  std::vector<int> Hungriest(const std::vector<int>& nodes) const {
    std::vector<int> order = nodes;
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return Above(a) > Above(b); });
    return order;
  }

  // What computing v takes beyond its output.
  double Above(int v) const { return need_[v] - static_cast<double>(graph_.size[v]); }

  // Brings `nodes` into memory and pins each. On failure nothing stays pinned.
  bool Gather(const std::vector<int>& nodes) {
    // What is there stays, and the rest is computed beside it; failing that, all of it in the order of need.
    for (bool all_anew : {false, true}) {
      std::vector<int> pinned;
      auto pin = [&](int u) {
        ++pins_[u];
        pinned.push_back(u);
      };
      std::vector<int> missing;
      for (int u : nodes) {
        if (held_[u] && !all_anew) {
          pin(u);
        } else {
          missing.push_back(u);
        }
      }
      bool done = true;
      for (int u : Hungriest(missing)) {
        if (!held_[u] && !Compute(u)) {
          done = false;
          break;
        }
        pin(u);
      }
      if (done) return true;
      for (int u : pinned) --pins_[u];
      if (missing.size() == nodes.size()) return false;
    }
    return false;
  }

  bool Compute(int v) {
    if (static_cast<int64_t>(sequence_.size()) > limit_ || ++calls_ > 20 * limit_ || depth_ > 5'000) return false;
    if (graph_.once[v] && v != now_) return false;
    ++depth_;
    bool done = Gather(graph_.inputs[v]);
    --depth_;
    if (!done) return false;
    done = MakeRoom(graph_.size[v] + graph_.workspace[v]);
    if (done) {
      held_[v] = 1;
      used_ += graph_.size[v];
      sequence_.push_back(v);
    }
    for (int u : graph_.inputs[v]) --pins_[u];
    return done;
  }

  // The next step of the order that needs v, after the one at hand.
  int NextUse(int v) const {
    const auto it = std::lower_bound(graph_.users[v].begin(), graph_.users[v].end(), now_);
    if (it != graph_.users[v].end()) return *it;
    return graph_.output[v] ? graph_.nodes() : -1;
  }

  bool MakeRoom(int64_t bytes) {
    while (used_ + bytes > budget_) {
      int victim = -1;
      double least = std::numeric_limits<double>::infinity();
      for (int v = 0; v < graph_.nodes(); ++v) {
        if (!held_[v] || pins_[v] > 0 || graph_.size[v] == 0) continue;
        const int use = NextUse(v);
        if (graph_.once[v] && (use >= 0 || keep_once_)) continue;
        double score = -1;  // nobody needs it in the order, but perhaps to compute something again
        if (use >= 0) {
          double cost = graph_.cost[v] + 1e-9 * graph_.total_cost;
          for (int u : graph_.inputs[v]) {
            if (!held_[u]) cost += graph_.cost[u];
          }
          score = cost / static_cast<double>(graph_.size[v]) / (1 + use - now_);
        }
        if (score < least) {
          least = score;
          victim = v;
        }
      }
      if (victim < 0) return false;
      held_[victim] = 0;
      used_ -= graph_.size[victim];
    }
    return true;
  }

  const Graph& graph_;
  const int64_t budget_;
  const bool keep_once_;
  std::vector<char> held_;
  std::vector<int> pins_;
  std::vector<double> need_;  // bytes; a sum along a path, which may leave int64
  const int64_t limit_;
  int64_t used_ = 0, calls_ = 0;
  int now_ = 0, depth_ = 0;
  std::vector<int> sequence_;
};

}  // namespace

std::vector<int> Construct(const Graph& graph, int64_t budget) {
  std::vector<int> best;
  bool any_once = false;
  for (char once : graph.once) any_once = any_once || once;
  for (bool keep_once : {false, true}) {
    if (keep_once && !any_once) continue;
    std::vector<int> sequence = Constructor(graph, budget, keep_once).Run();
    if (sequence.empty() || PeakOf(graph, sequence) > budget) continue;
    if (best.empty() || CostOf(graph, sequence) < CostOf(graph, best)) best = std::move(sequence);
  }
  return best;
}

}  // namespace plimsoll::checkpoint
