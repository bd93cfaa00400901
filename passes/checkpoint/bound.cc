#include "passes/checkpoint/bound.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace plimsoll::checkpoint {
namespace {

// The moments [first, last) between two needs of a node, as indices among the crowded moments.
struct Interval {
  int first, last;
  double size, cost;
};

struct Relaxation {
  std::vector<Interval> intervals;
  std::vector<double> excess;  // by crowded moment: bytes needed there whatever is dropped, less the budget
};

// Only moments matter at which holding everything exceeds the budget.
Relaxation Relax(const Graph& graph, int64_t budget) {
  const int n = graph.nodes();
  std::vector<double> forced(n, 0), load(n + 1, 0);
  struct Span {
    int v, first, last;
  };
  std::vector<Span> spans;
  for (int v = 0; v < n; ++v) {
    const double size = static_cast<double>(graph.size[v]);
    forced[v] += size + static_cast<double>(graph.workspace[v]);
    int previous = v;
    for (int user : graph.users[v]) {
      forced[user] += size;
      spans.push_back({v, previous + 1, user});
      previous = user;
    }
    if (graph.output[v]) spans.push_back({v, previous + 1, n});
  }
  for (const Span& span : spans) {
    load[span.first] += static_cast<double>(graph.size[span.v]);
    load[span.last] -= static_cast<double>(graph.size[span.v]);
  }
  Relaxation relaxation;
  std::vector<int> index(n + 1, 0);  // of the first crowded moment at or after
  for (int t = 0; t < n; ++t) {
    if (t > 0) load[t] += load[t - 1];
    index[t] = static_cast<int>(relaxation.excess.size());
    if (load[t] + forced[t] > static_cast<double>(budget))
      relaxation.excess.push_back(forced[t] - static_cast<double>(budget));
  }
  index[n] = static_cast<int>(relaxation.excess.size());
  for (const Span& span : spans) {
    const int first = index[span.first], last = index[span.last];
    if (first < last)
      relaxation.intervals.push_back(
          {first, last, static_cast<double>(graph.size[span.v]),
           graph.once[span.v] ? std::numeric_limits<double>::infinity() : graph.cost[span.v]});
  }
  return relaxation;
}

}  // namespace

double FixedOrderBound(const Graph& graph, int64_t budget, double upper, schedule::Budget& effort) {
  const Relaxation relaxation = Relax(graph, budget);
  const int moments = static_cast<int>(relaxation.excess.size());
  if (moments == 0) return 0;
  std::vector<double> price(moments, 0), sum(moments + 1), gradient(moments), direction(moments, 0), best_price;
  double best = 0, share = 1;
  int since = 0;
  const int work = static_cast<int>(relaxation.intervals.size()) * 2 + moments * 4;
  while (share > 1e-4 && effort.Spend(work)) {
    for (int t = 0; t < moments; ++t) sum[t + 1] = sum[t] + price[t];
    // The value at these prices, and memory above the budget with what is held at them.
    double value = 0;
    std::fill(gradient.begin(), gradient.end(), 0);
    for (const Interval& i : relaxation.intervals) {
      const double hold = i.size * (sum[i.last] - sum[i.first]);
      if (hold < i.cost) {
        value += hold;
        gradient[i.first] += i.size;
        if (i.last < moments) gradient[i.last] -= i.size;
      } else {
        value += i.cost;
      }
    }
    for (int t = 0; t < moments; ++t) {
      if (t > 0) gradient[t] += gradient[t - 1];
      value += price[t] * relaxation.excess[t];
    }
    if (value > best + 1e-9 * upper) {
      best = value;
      best_price = price;
      since = 0;
    } else if (++since > 30) {
      since = 0;
      share /= 1.7;
      if (!best_price.empty()) price = best_price;
      std::fill(direction.begin(), direction.end(), 0);
      continue;
    }
    // A step along the deflected subgradient, as long as the distance to the known value allows (Polyak 1969, Camerini
    // et al. 1975).
    double along = 0;
    for (int t = 0; t < moments; ++t) {
      gradient[t] += relaxation.excess[t];
      if (price[t] <= 0 && gradient[t] < 0) gradient[t] = 0;
      along += gradient[t] * direction[t];
    }
    double length = 0;
    for (int t = 0; t < moments; ++t) length += direction[t] * direction[t];
    const double keep = along < 0 && length > 0 ? -1.5 * along / length : 0;
    double squared = 0;
    for (int t = 0; t < moments; ++t) {
      direction[t] = gradient[t] + keep * direction[t];
      squared += direction[t] * direction[t];
    }
    if (squared <= 0) break;
    const double step = share * (std::max(upper, best * 1.01) * 1.001 - value) / squared;
    for (int t = 0; t < moments; ++t) price[t] = std::max(0.0, price[t] + step * direction[t]);
  }
  return best * (1 - 1e-9);
}

}  // namespace plimsoll::checkpoint
