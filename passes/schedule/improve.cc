#include "passes/schedule/improve.h"

#include <algorithm>
#include <vector>

#include "passes/schedule/bound.h"
#include "passes/schedule/reach.h"
#include "passes/schedule/reduce.h"
#include "passes/schedule/search.h"

namespace plimsoll::schedule {
namespace {

class Improver {
 public:
  Improver(const Graph& graph, int64_t floor, std::vector<int>& order, int64_t& peak, int64_t& bound, Budget& budget)
      : graph_(graph),
        reversed_(Reverse(graph)),
        floor_(floor),
        order_(order),
        peak_(peak),
        bound_(bound),
        budget_(budget) {}

  void Run() {
    if (graph_.size() <= Reach::kMaxNodes) {
      budget_.Within(budget_.left() / 4, [&] { Cuts(); });
    }
    for (int width = 4; !Closed() && budget_.left() > 0 && width <= 1 << 20; width *= 4) {
      budget_.Within(budget_.left() / 2, [&] { Bisect(width); });
      if (!Closed()) budget_.Within(budget_.left() / 3, [&] { Windows(width); });
    }
  }

 private:
  bool Closed() const { return peak_ <= std::max(floor_, bound_); }

  void Cuts() {
    const Reach reach(graph_);
    const Profile profile = MakeProfile(graph_, order_);
    std::vector<int64_t> during(graph_.size());
    for (int v = 0; v < graph_.size(); ++v) during[v] = profile.during[profile.position[v]];
    RaiseByCuts(graph_, reach, NodeBounds(graph_, &reach), during, peak_, bound_, budget_);
  }

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
    for (bool first = true; low < peak_; first = false) {
      // A search of the whole graph at this width would not end: leave the budget to the windows.
      if (whole_cost_ > budget_.left()) return;
      const int64_t target = first ? low : low + (peak_ - 1 - low) / 2, before = budget_.left();
      const SearchResult result = SearchBoth(graph_, reversed_, target, width);
      if (result.found) {
        order_ = result.order;
        peak_ = PeakOf(graph_, order_);
      } else if (result.complete) {
        bound_ = std::min(std::max(bound_, result.lower_bound), peak_);
        low = std::max(bound_, target + 1);
        continue;
      } else {
        low = target + 1;
        if (budget_.left() == 0) whole_cost_ = 2 * before;
      }
      if (peak_ - low < peak_ / 2000) return;
    }
  }

  // Reorders windows around the first moment of the peak for as long as that lowers it there.
  void Windows(int width) {
    Profile profile = MakeProfile(graph_, order_);
    const int n = graph_.size();
    // A step down that is worth a search; refined where none is found.
    int64_t step = std::max<int64_t>(1, (peak_ - std::max(floor_, bound_)) / 8);
    while (!Closed() && budget_.left() > 0) {
      const auto top = std::max_element(profile.during.begin(), profile.during.end());
      const int at = static_cast<int>(top - profile.during.begin());
      const int64_t target = std::max({profile.peak - step, floor_, bound_});
      if (!budget_.Spend(n / 64 + 1)) break;
      bool better = false;
      for (int size = 16; !better && size <= n / 2 && size <= 1024; size *= 2) {
        for (int before : {size / 2, size / 8, size - size / 8}) {
          const int begin = std::max(0, at - before), end = std::min(n, begin + size);
          better = Reorder(begin, end, target, width, profile);
          if (better || budget_.left() == 0) break;
        }
        if (budget_.left() == 0) break;
      }
      if (better) continue;
      if (step == 1) break;
      step = std::max<int64_t>(1, step / 8);
    }
    if (profile.peak < peak_) {
      peak_ = profile.peak;
      order_ = profile.order;
    }
  }

  bool Reorder(int begin, int end, int64_t target, int width, Profile& profile) {
    const Graph window = Window(graph_, profile, begin, end), reduced = Reduce(window);
    if (!budget_.Spend(8 * (end - begin))) return false;
    const SearchResult result = SearchBoth(reduced, Reverse(reduced), target, width);
    if (!result.found) return false;
    ReorderWindow(window, Expand(reduced, result.order), begin, profile);
    return true;
  }

  const Graph& graph_;
  const Graph reversed_;
  const int64_t floor_;
  std::vector<int>& order_;
  int64_t& peak_;
  int64_t& bound_;
  Budget& budget_;
  int64_t whole_cost_ = 0;  // steps that a search of the whole graph did not do with
};

}  // namespace

void Improve(const Graph& graph, int64_t floor, std::vector<int>& order, int64_t& peak, int64_t& bound,
             Budget& budget) {
  Improver(graph, floor, order, peak, bound, budget).Run();
}

}  // namespace plimsoll::schedule
