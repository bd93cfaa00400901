#include "passes/memory/search.h"

#include <algorithm>

#include "passes/memory/packing_state.h"

namespace plimsoll::memory {
namespace {

constexpr int64_t kMaxConflicts = 8'000'000;
constexpr int kItemsPerStep = 128;  // A decision among more of them counts as more steps.
constexpr size_t kDeadEnds = size_t{1} << 16;

}  // namespace

class PackingSearch::Impl {
 public:
  explicit Impl(const Instance& instance) : state_(instance) {}

  SearchOutcome Run(int64_t height, const SearchOrder& order, int64_t max_steps, Limits& limits,
                    std::vector<int64_t>& offsets);
  const std::vector<int64_t>& failures() const { return state_.failures(); }

 private:
  struct Decision {
    int item;
    size_t trail;   // Size of the trail before it.
    uint64_t hash;  // Of the state before it.
  };
  // A state that no packing follows from, and why. It is the same in any order and any run at this height.
  struct DeadEnd {
    uint64_t hash = 0;
    Range conflict;
  };

  int Select(const SearchOrder& order) const;
  int SelectTightest(const SearchOrder& order) const;
  bool Precedes(int i, int best, const SearchOrder& order) const;
  bool IsDeadEnd(uint64_t hash);

  PackingState state_;
  std::vector<Decision> decisions_;
  std::vector<DeadEnd> dead_ends_;  // By hash modulo its size; the last one stays.
  int64_t dead_ends_height_ = -1;
};

// Whether item i is to come before item `best`, which may be none (-1): the lowest, then by key, then by number.
bool PackingSearch::Impl::Precedes(int i, int best, const SearchOrder& order) const {
  if (best < 0 || state_.lower(i) != state_.lower(best)) return best < 0 || state_.lower(i) < state_.lower(best);
  const double key = order.keys[state_.index(i)], best_key = order.keys[state_.index(best)];
  return key > best_key || (key == best_key && i < best);
}

// Of what is not waiting, the first. Nothing fits below it: what is not waiting and lower does not exist, and what
// waits rests on something that does not wait.
int PackingSearch::Impl::Select(const SearchOrder& order) const {
  int best = -1;
  for (int i = 0; i < state_.count(); ++i) {
    if (!state_.placed(i) && !state_.Waiting(i) && Precedes(i, best, order)) best = i;
  }
  return best;
}

// The same in the section with the least slack.
int PackingSearch::Impl::SelectTightest(const SearchOrder& order) const {
  // Nothing ends below `limit`, so whatever begins below it has nothing fitting beneath.
  int64_t limit = INT64_MAX;
  for (int i = 0; i < state_.count(); ++i) {
    if (!state_.placed(i) && !state_.Waiting(i)) limit = std::min(limit, state_.lower(i) + state_.size(i));
  }
  const auto eligible = [&](int i) { return !state_.Waiting(i) && state_.lower(i) < limit; };
  int section = -1;
  int64_t least = INT64_MAX;
  for (int s = 0; s < state_.sections(); ++s) {
    if (state_.remaining(s) == 0 || state_.floor(s) >= limit) continue;
    const int64_t slack = state_.height() - state_.floor(s) - state_.remaining(s);
    const absl::Span<const int> open = state_.open(s);
    if (slack >= least || std::none_of(open.begin(), open.end(), eligible)) continue;
    least = slack;
    section = s;
  }
  if (section < 0) return -1;
  int best = -1;
  for (int i : state_.open(section)) {
    if (eligible(i) && Precedes(i, best, order)) best = i;
  }
  return best;
}

bool PackingSearch::Impl::IsDeadEnd(uint64_t hash) {
  const DeadEnd& entry = dead_ends_[hash % kDeadEnds];
  if (entry.hash != hash) return false;
  // The same bounds failed before; what they rest on may differ.
  Range conflict = entry.conflict;
  for (int i = 0; i < state_.count(); ++i) {
    if (state_.placed(i) || !entry.conflict.Meets(state_.begin(i), state_.end(i))) continue;
    conflict.Add(state_.begin(i), state_.end(i));
    conflict.Add(state_.reason(i));
  }
  state_.set_conflict(conflict);
  return true;
}

SearchOutcome PackingSearch::Impl::Run(int64_t height, const SearchOrder& order, int64_t max_steps, Limits& limits,
                                       std::vector<int64_t>& offsets) {
  if (height != dead_ends_height_) dead_ends_.assign(kDeadEnds, {});
  dead_ends_height_ = height;
  const int64_t cost = 1 + state_.count() / kItemsPerStep;
  decisions_.clear();
  if (!state_.Start(height)) return SearchOutcome::kInfeasible;
  for (int64_t steps = 0;;) {
    if (state_.left() == 0) {
      for (int i = 0; i < state_.count(); ++i) offsets[state_.index(i)] = state_.lower(i);
      return SearchOutcome::kFound;
    }
    bool fits = false;
    const int item = order.tightest_first ? SelectTightest(order) : Select(order);
    const uint64_t hash = state_.Hash();
    if (item < 0) {
      state_.set_conflict({0, state_.sections()});  // All wait for one another.
    } else if (!IsDeadEnd(hash)) {
      if (steps > max_steps || !limits.Spend(cost)) return SearchOutcome::kLimit;
      ++steps;
      decisions_.push_back({item, state_.trail(), hash});
      fits = state_.Place(item);
    }
    while (!fits) {
      if (decisions_.empty()) return SearchOutcome::kInfeasible;
      const Decision decision = decisions_.back();
      decisions_.pop_back();
      state_.Undo(decision.item, decision.trail);
      ++steps;
      limits.Spend(cost);
      if (state_.conflict().Meets(state_.begin(decision.item), state_.end(decision.item))) {
        fits = state_.Postpone(decision.item);
      }
      if (!fits) dead_ends_[decision.hash % kDeadEnds] = {decision.hash, state_.conflict()};
    }
  }
}

PackingSearch::PackingSearch(const Instance& instance) : impl_(std::make_unique<Impl>(instance)) {}
PackingSearch::~PackingSearch() = default;

SearchOutcome PackingSearch::Run(int64_t height, const SearchOrder& order, int64_t max_steps, Limits& limits,
                                 std::vector<int64_t>& offsets) {
  offsets.resize(order.keys.size(), 0);
  return impl_->Run(height, order, max_steps, limits, offsets);
}

const std::vector<int64_t>& PackingSearch::failures() const { return impl_->failures(); }

bool SearchApplies(const Instance& instance) {
  for (const std::vector<int>& partners : instance.partners) {
    if (!partners.empty()) return false;
  }
  std::vector<int64_t> begins(instance.sections + 1, 0);
  for (const Item& item : instance.items) ++begins[item.begin];
  // Two items meet where the later one begins.
  int64_t conflicts = 0, alive = 0;
  std::vector<int64_t> ends(instance.sections + 1, 0);
  for (const Item& item : instance.items) ++ends[item.end];
  for (int s = 0; s < instance.sections; ++s) {
    alive += begins[s] - ends[s];
    conflicts += begins[s] * alive;
  }
  return conflicts <= kMaxConflicts && instance.items.size() <= 20000;
}

}  // namespace plimsoll::memory
