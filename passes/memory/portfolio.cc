#include "passes/memory/portfolio.h"

#include <algorithm>

namespace plimsoll::memory {
namespace {

constexpr int64_t kRunSteps = 1500;  // Of the shortest run.
constexpr double kWeight = 20;       // How far failures outweigh the key.
constexpr double kForget = 0.8;      // What stays of a weight after a run.

// The sequence 1 1 2 1 1 2 4 1 1 2 1 1 2 4 8 ..., but for its order within a block; from run 1 on.
int64_t RunLength(int64_t run) {
  int64_t length = kRunSteps;
  for (; run % 2 == 0; run /= 2) length *= 2;
  return length;
}

}  // namespace

Portfolio::Portfolio(const Instance& instance)
    : instance_(instance), search_(instance), failures_(instance.sections, 0) {
  const std::vector<Item>& items = instance.items;
  std::vector<double> loads(instance.sections, 0);
  double largest = 1;
  for (const Item& item : items) {
    largest = std::max(largest, double(item.size));
    for (int s = item.begin; s < item.end; ++s) loads[s] += double(item.size);
  }
  std::vector<double> by_area, by_load, by_length;
  for (const Item& item : items) {
    const double length = item.end - item.begin;
    const double size = double(item.size) / largest;  // In (0, 1].
    const double load = *std::max_element(loads.begin() + item.begin, loads.begin() + item.end) / largest;
    by_area.push_back(length * size);
    by_length.push_back(length + size);
    by_load.push_back(load * 1e6 + length + size);
  }
  const auto add = [&](const std::vector<double>& keys, bool tightest_first) {
    tracks_.push_back({{keys, tightest_first}, std::vector<double>(instance.sections, 0)});
  };
  add(by_load, false);
  add(by_area, false);
  add(by_length, false);
  add(by_area, true);
}

SearchOrder Portfolio::Weighted(const Track& track) const {
  SearchOrder order = track.order;
  const double largest = *std::max_element(track.weights.begin(), track.weights.end());
  if (largest <= 0) return order;
  for (size_t i = 0; i < instance_.items.size(); ++i) {
    const Item& item = instance_.items[i];
    const double weight = *std::max_element(track.weights.begin() + item.begin, track.weights.begin() + item.end);
    order.keys[i] *= 1 + kWeight * weight / largest;
  }
  return order;
}

void Portfolio::Learn(Track& track) {
  const std::vector<int64_t>& failures = search_.failures();
  double total = 1;
  for (size_t s = 0; s < failures.size(); ++s) total += double(failures[s] - failures_[s]);
  for (size_t s = 0; s < failures.size(); ++s) {
    track.weights[s] = kForget * track.weights[s] + double(failures[s] - failures_[s]) / total;
  }
  failures_ = failures;
}

SearchOutcome Portfolio::Run(int64_t height, int64_t max_steps, Limits& limits, std::vector<int64_t>& offsets) {
  for (int64_t begin = limits.used(); limits.used() - begin < max_steps && !limits.reached();) {
    // The track that has had the fewest runs; the first of them.
    Track& track = *std::min_element(tracks_.begin(), tracks_.end(),
                                     [](const Track& a, const Track& b) { return a.runs < b.runs; });
    ++track.runs;
    const SearchOutcome outcome = search_.Run(height, Weighted(track), RunLength(track.runs), limits, offsets);
    Learn(track);
    if (outcome != SearchOutcome::kLimit) return outcome;
  }
  return SearchOutcome::kLimit;
}

}  // namespace plimsoll::memory
