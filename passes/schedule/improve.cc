#include "passes/schedule/improve.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "passes/schedule/bound.h"
#include "passes/schedule/reach.h"
#include "passes/schedule/reduce.h"
#include "passes/schedule/search.h"

namespace plimsoll::schedule {
namespace {

// By node: memory while it runs in `order`.
std::vector<int64_t> During(const Graph& graph, const std::vector<int>& order) {
  std::vector<int64_t> during(graph.size());
  Sweep sweep(graph);
  for (int v : order) {
    const int64_t before = sweep.bytes();
    during[v] = before + sweep.Rise(v);
    sweep.Run(v);
    during[v] = std::max({during[v], before, sweep.bytes()});
  }
  return during;
}

class Improver {
 public:
  Improver(const Graph& graph, int64_t floor, std::vector<int>& order, int64_t& peak, int64_t& bound, Budget& budget)
      : graph_(graph), reversed_(Reverse(graph)), floor_(floor), order_(order), peak_(peak), bound_(bound),
        budget_(budget) {}

  void Run() {
    if (graph_.size() <= Reach::kMaxNodes) {
      budget_.Within(budget_.left() / 4, [&] {
        const Reach reach(graph_);
        RaiseByCuts(graph_, reach, NodeBounds(graph_, &reach), During(graph_, order_), peak_, bound_, budget_);
      });
    }
    int64_t cost = 1;
    for (int width = 4; !Closed() && cost > 0 && budget_.left() > 0; width *= 4) {
      // Larger widths only where they can be afforded.
      const int64_t before = budget_.left();
      budget_.Within(before / 2, [&] { Bisect(width); });
      if (!Closed()) budget_.Within(budget_.left() / 3, [&] { Windows(width); });
      if (width >= 1 << 20) break;
    }
  }

 private:
  bool Closed() const { return peak_ <= std::max(floor_, bound_); }

  // Forwards, then backwards.
  SearchResult SearchBoth(const Graph& graph, const Graph& reversed, int64_t target, int width) {
    SearchResult forward = Search(graph, target, width, budget_);
    if (forward.found || forward.complete) return forward;
    SearchResult backward = Search(reversed, target, width, budget_);
    std::reverse(backward.order.begin(), backward.order.end());
    return backward;
  }

  void Bisect(int width) {
    // Below `low` nothing was found with this width.
    int64_t low = std::max(floor_, bound_);
    bool first = true;
    while (low < peak_ && budget_.left() > 0) {
      const int64_t target = first ? low : low + (peak_ - 1 - low) / 2;
      first = false;
      const SearchResult result = SearchBoth(graph_, reversed_, target, width);
      if (result.found) {
        order_ = result.order;
        peak_ = PeakOf(graph_, order_);
      } else if (result.complete) {
        bound_ = std::min(std::max(bound_, result.lower_bound), peak_);
        low = std::max(bound_, target + 1);
      } else {
        low = target + 1;
      }
      if (peak_ - low < peak_ / 2000 && !result.complete) break;
    }
  }

  void Windows(int width) {
    while (!Closed() && budget_.left() > 0) {
      const std::vector<int64_t> during = During(graph_, order_);
      const int n = graph_.size();
      int at = 0;
      while (at < n && during[order_[at]] < peak_) ++at;
      bool better = false;
      for (int size = 16; !better && size / 2 < n && size <= 2048 && budget_.left() > 0; size *= 2) {
        const int begin = std::max(0, at - size / 2), end = std::min(n, at + size / 2);
        const Graph window = Reduce(Window(graph_, order_, begin, end));
        const SearchResult result = SearchBoth(window, Reverse(window), peak_ - 1, width);
        if (!result.found) continue;
        std::vector<int> changed(order_.begin() + begin, order_.begin() + end);
        int i = begin;
        for (int local : Expand(window, result.order)) order_[i++] = changed[local];
        better = true;
      }
      if (!better) return;
      peak_ = PeakOf(graph_, order_);
    }
  }

  const Graph& graph_;
  const Graph reversed_;
  const int64_t floor_;
  std::vector<int>& order_;
  int64_t& peak_;
  int64_t& bound_;
  Budget& budget_;
};

}  // namespace

void Improve(const Graph& graph, int64_t floor, std::vector<int>& order, int64_t& peak, int64_t& bound,
             Budget& budget) {
  Improver(graph, floor, order, peak, bound, budget).Run();
}

}  // namespace plimsoll::schedule
