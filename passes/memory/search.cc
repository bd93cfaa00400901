#include "passes/memory/search.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace plimsoll::memory {
namespace {

constexpr int64_t kNever = INT64_MAX / 2;
constexpr int64_t kMaxConflicts = 8'000'000;

// A range of sections [begin, end); empty if begin >= end.
struct Range {
  int begin = INT32_MAX;
  int end = 0;

  void Add(int other_begin, int other_end) {
    begin = std::min(begin, other_begin);
    end = std::max(end, other_end);
  }
  void Add(const Range& other) { Add(other.begin, other.end); }
  bool Meets(int other_begin, int other_end) const { return other_begin < end && begin < other_end; }
};

}  // namespace

class PackingSearch::Impl {
 public:
  explicit Impl(const Instance& instance);

  SearchOutcome Run(int64_t height, const SearchOrder& order, int64_t max_steps, Limits& limits,
                    std::vector<int64_t>& offsets);
  const std::vector<int64_t>& failures() const { return failures_; }

 private:
  struct Decision {
    int item;
    int trail;  // Size of the trail before it.
    uint64_t state;
  };
  // What a change overwrote: the state of an item, or the floor of a section.
  struct Change {
    int index;
    bool is_floor;
    int64_t supported;
    int64_t lower;
    Range reason;
  };

  bool Waiting(int i) const { return lower_[i] != supported_[i]; }
  // The lowest offset >= `offset` at which item i is aligned and clear of what is fixed.
  int64_t Clear(int i, int64_t offset) const;
  bool Start(int64_t height);
  int Select(const SearchOrder& order) const;
  int SelectTightest(const SearchOrder& order) const;
  bool Place(int item);
  bool Postpone(int item);
  bool RaiseByBlockers(int item);
  bool RaiseWaiting();
  bool CheckSections();
  bool CheckSection(int section);
  bool FailItem(int item);
  void Undo(const Decision& decision);
  void Raise(int i, int64_t supported, int64_t lower, const Range& reason);
  void Touch(int i);
  void ForgetTouched();
  uint64_t StateHash() const;
  bool KnownDeadEnd(uint64_t state);

  struct DeadEnd {
    uint64_t state = 0;
    Range conflict;
  };
  std::vector<DeadEnd> dead_ends_;
  int64_t dead_height_ = -1;

 public:
  int64_t hits_ = 0, looks_ = 0;

 private:
  int count_;  // Items that are not fixed.
  int sections_;
  std::vector<int> item_of_;  // Index in the instance.
  std::vector<int> begin_, end_;
  std::vector<int64_t> size_, alignment_;
  std::vector<std::vector<int>> conflicts_;                          // By item: those alive at once with it.
  std::vector<std::vector<std::pair<int64_t, int64_t>>> obstacles_;  // By item: fixed [begin, end), by begin.
  // By section: the items alive, from open_begin_ on; the first open_count_ of them are not placed.
  std::vector<int> open_, open_begin_, open_count_, member_count_;
  std::vector<int64_t> loads_, failures_;
  bool has_obstacles_ = false;

  // The state.
  int64_t height_ = 0;
  int left_ = 0;
  std::vector<char> placed_;
  std::vector<int64_t> supported_;  // By item: the lowest offset on top of what is placed.
  std::vector<int64_t> lower_;      // By item: no solution below this node has it lower; >= supported.
  std::vector<Range> reason_;       // By waiting item: decisions outside of this range do not bear on `lower_`.
  std::vector<int64_t> remaining_;  // By section: the sizes not placed.
  std::vector<int64_t> floor_;      // By section: the least `lower_` of what is not placed.
  std::vector<Change> trail_;
  std::vector<Decision> decisions_;
  Range conflict_;  // Why the last failure came about.

  std::vector<char> is_touched_;
  std::vector<int> touched_;
};

PackingSearch::Impl::Impl(const Instance& instance) : sections_(instance.sections) {
  for (int i = 0; i < static_cast<int>(instance.items.size()); ++i) {
    const Item& item = instance.items[i];
    if (item.is_fixed()) continue;
    item_of_.push_back(i);
    begin_.push_back(item.begin);
    end_.push_back(item.end);
    size_.push_back(item.size);
    alignment_.push_back(item.alignment);
  }
  count_ = static_cast<int>(item_of_.size());
  conflicts_.resize(count_);
  obstacles_.resize(count_);
  member_count_.assign(sections_, 0);
  loads_.assign(sections_, 0);
  failures_.assign(sections_, 0);
  is_touched_.assign(sections_, 0);
  for (int i = 0; i < count_; ++i) {
    for (int s = begin_[i]; s < end_[i]; ++s) {
      ++member_count_[s];
      loads_[s] += size_[i];
    }
    for (int j = 0; j < count_; ++j) {
      if (i != j && begin_[i] < end_[j] && begin_[j] < end_[i]) conflicts_[i].push_back(j);
    }
  }
  open_begin_.assign(sections_, 0);
  std::partial_sum(member_count_.begin(), member_count_.end() - 1, open_begin_.begin() + 1);
  open_.resize(open_begin_.back() + member_count_.back());
  open_count_.assign(sections_, 0);
  for (int i = 0; i < count_; ++i) {
    for (int s = begin_[i]; s < end_[i]; ++s) open_[open_begin_[s] + open_count_[s]++] = i;
  }
  for (const Item& item : instance.items) {
    if (!item.is_fixed()) continue;
    has_obstacles_ = true;
    for (int i = 0; i < count_; ++i) {
      if (begin_[i] < item.end && item.begin < end_[i]) obstacles_[i].push_back({item.fixed, item.fixed + item.size});
    }
  }
  for (auto& obstacles : obstacles_) std::sort(obstacles.begin(), obstacles.end());
}

int64_t PackingSearch::Impl::Clear(int i, int64_t offset) const {
  const int64_t alignment = alignment_[i];
  const auto align = [&](int64_t at) { return alignment == 1 ? at : (at + alignment - 1) / alignment * alignment; };
  offset = align(offset);
  if (!has_obstacles_) return offset;
  for (const auto& [begin, end] : obstacles_[i]) {
    if (begin >= offset + size_[i]) break;
    if (end > offset) offset = align(end);
  }
  return offset;
}

void PackingSearch::Impl::Raise(int i, int64_t supported, int64_t lower, const Range& reason) {
  trail_.push_back({i, false, supported_[i], lower_[i], reason_[i]});
  supported_[i] = supported;
  lower_[i] = lower;
  reason_[i] = reason;
}

void PackingSearch::Impl::ForgetTouched() {
  for (int s : touched_) is_touched_[s] = 0;
  touched_.clear();
}

void PackingSearch::Impl::Touch(int i) {
  for (int s = begin_[i]; s < end_[i]; ++s) {
    if (is_touched_[s]) continue;
    is_touched_[s] = 1;
    touched_.push_back(s);
  }
}

bool PackingSearch::Impl::FailItem(int item) {
  conflict_ = {begin_[item], end_[item]};
  conflict_.Add(reason_[item]);
  return false;
}

// The bound of one section: each item from its own lower bound on, one after another, in the order of these bounds.
bool PackingSearch::Impl::CheckSection(int section) {
  const int* const first = open_.data() + open_begin_[section];
  const int* const last = first + open_count_[section];
  if (first == last) return true;
  int64_t floor = kNever, highest = 0;
  for (const int* i = first; i != last; ++i) {
    floor = std::min(floor, lower_[*i]);
    highest = std::max(highest, lower_[*i]);
  }
  if (floor != floor_[section]) {
    trail_.push_back({section, true, 0, floor_[section], {}});
    floor_[section] = floor;
  }
  // The bytes that may stay empty. Without sorting: few of the bounds differ.
  const int64_t slack = height_ - remaining_[section];
  bool fits = floor <= slack;
  int64_t idle = floor, top = floor;
  while (fits && highest > slack && highest > top) {
    int64_t reached = idle, next = kNever;
    for (const int* i = first; i != last; ++i) {
      if (lower_[*i] <= top) {
        reached += size_[*i];
      } else {
        next = std::min(next, lower_[*i]);
      }
    }
    if (reached == top) {
      idle += next - top;
      fits = idle <= slack;
      reached = next;
    }
    top = reached;
  }
  if (fits) return true;
  ++failures_[section];
  conflict_ = {section, section + 1};
  for (const int* i = first; i != last; ++i) {
    conflict_.Add(begin_[*i], end_[*i]);
    conflict_.Add(reason_[*i]);
  }
  return false;
}

bool PackingSearch::Impl::CheckSections() {
  bool fits = true;
  for (int s : touched_) {
    is_touched_[s] = 0;
    fits = fits && CheckSection(s);
  }
  touched_.clear();
  return fits;
}

// A waiting item is not at `supported_`, so something that is not placed yet will lie across the place that it would
// have there; and it lies above that.
bool PackingSearch::Impl::RaiseByBlockers(int item) {
  const int64_t top = supported_[item] + size_[item];
  int64_t above = kNever;
  Range reason = reason_[item];
  reason.Add(begin_[item], end_[item]);
  for (int c : conflicts_[item]) {
    if (placed_[c]) continue;
    reason.Add(begin_[c], end_[c]);
    reason.Add(reason_[c]);
    if (lower_[c] < top) above = std::min(above, lower_[c] + size_[c]);
  }
  const int64_t lower = above == kNever ? kNever : Clear(item, above);
  if (lower == kNever || lower > height_ - size_[item]) {
    conflict_ = reason;
    return false;
  }
  if (lower > lower_[item]) {
    Raise(item, supported_[item], lower, reason);
    Touch(item);
  }
  return true;
}

bool PackingSearch::Impl::Place(int item) {
  placed_[item] = 1;
  --left_;
  const int64_t top = lower_[item] + size_[item];
  for (int s = begin_[item]; s < end_[item]; ++s) {
    remaining_[s] -= size_[item];
    // To the end of the open ones, where Undo finds it.
    int* const first = open_.data() + open_begin_[s];
    std::swap(*std::find(first, first + open_count_[s], item), first[open_count_[s] - 1]);
    --open_count_[s];
  }
  Touch(item);
  bool fits = true;
  for (int c : conflicts_[item]) {
    if (placed_[c] || supported_[c] >= top) continue;
    const int64_t supported = Clear(c, top);
    if (supported >= lower_[c]) {
      if (supported > lower_[c]) Touch(c);
      Raise(c, supported, supported, {});
      if (supported > height_ - size_[c]) {
        fits = FailItem(c);
        break;
      }
    } else {
      // It waits on for a place above `lower_`, which rests on the same reasons.
      Raise(c, supported, lower_[c], reason_[c]);
    }
  }
  fits = CheckSections() && fits;
  return fits && RaiseWaiting();
}

// Brings the lower bounds of all waiting items up to date.
bool PackingSearch::Impl::RaiseWaiting() {
  for (int i = 0; i < count_; ++i) {
    if (placed_[i] || !Waiting(i) || RaiseByBlockers(i)) continue;
    ForgetTouched();
    return false;
  }
  return CheckSections();
}

// The other branch: the item is not at `lower_`. Why not is in conflict_.
bool PackingSearch::Impl::Postpone(int item) {
  Range reason = conflict_;
  // That nothing fits below it is part of why its first branch was complete.
  reason.Add(begin_[item], end_[item]);
  for (int c : conflicts_[item]) {
    if (placed_[c] || size_[c] > lower_[item]) continue;
    reason.Add(begin_[c], end_[c]);
    reason.Add(reason_[c]);
  }
  Raise(item, supported_[item], lower_[item] + 1, reason);
  Touch(item);
  if (RaiseByBlockers(item)) return CheckSections();
  ForgetTouched();
  return false;
}

void PackingSearch::Impl::Undo(const Decision& decision) {
  while (static_cast<int>(trail_.size()) > decision.trail) {
    const Change& change = trail_.back();
    if (change.is_floor) {
      floor_[change.index] = change.lower;
    } else {
      supported_[change.index] = change.supported;
      lower_[change.index] = change.lower;
      reason_[change.index] = change.reason;
    }
    trail_.pop_back();
  }
  placed_[decision.item] = 0;
  ++left_;
  for (int s = begin_[decision.item]; s < end_[decision.item]; ++s) {
    remaining_[s] += size_[decision.item];
    ++open_count_[s];
  }
}

// Of what is not waiting, the lowest, then the largest key. Nothing fits below it: what is not waiting and lower does
// not exist, and what waits rests on something that does not wait.
int PackingSearch::Impl::Select(const SearchOrder& order) const {
  int best = -1;
  for (int i = 0; i < count_; ++i) {
    if (placed_[i] || Waiting(i)) continue;
    if (best < 0 || lower_[i] < lower_[best] ||
        (lower_[i] == lower_[best] && order.keys[item_of_[i]] > order.keys[item_of_[best]])) {
      best = i;
    }
  }
  return best;
}

int PackingSearch::Impl::SelectTightest(const SearchOrder& order) const {
  // Nothing ends below `limit`, so whatever begins below it has nothing fitting beneath.
  int64_t limit = kNever;
  for (int i = 0; i < count_; ++i) {
    if (!placed_[i] && !Waiting(i)) limit = std::min(limit, lower_[i] + size_[i]);
  }
  int best_section = -1;
  int64_t best_slack = kNever;
  for (int s = 0; s < sections_; ++s) {
    if (remaining_[s] == 0 || floor_[s] >= limit) continue;
    const int64_t slack = height_ - floor_[s] - remaining_[s];
    if (slack >= best_slack) continue;
    for (int k = 0; k < open_count_[s]; ++k) {
      const int i = open_[open_begin_[s] + k];
      if (Waiting(i) || lower_[i] >= limit) continue;
      best_slack = slack;
      best_section = s;
      break;
    }
  }
  if (best_section < 0) return -1;
  int best = -1;
  for (int k = 0; k < open_count_[best_section]; ++k) {
    const int i = open_[open_begin_[best_section] + k];
    if (Waiting(i) || lower_[i] >= limit) continue;
    if (best < 0 || lower_[i] < lower_[best] ||
        (lower_[i] == lower_[best] &&
         std::pair(order.keys[item_of_[i]], best) > std::pair(order.keys[item_of_[best]], i))) {
      best = i;
    }
  }
  return best;
}

uint64_t PackingSearch::Impl::StateHash() const {
  uint64_t hash = 0;
  for (int i = 0; i < count_; ++i) {
    if (placed_[i]) continue;
    uint64_t x = static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15u + static_cast<uint64_t>(lower_[i]);
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u + static_cast<uint64_t>(supported_[i]);
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    hash += x ^ (x >> 31);
  }
  return hash;
}

bool PackingSearch::Impl::KnownDeadEnd(uint64_t state) {
  const DeadEnd& entry = dead_ends_[state % dead_ends_.size()];
  ++looks_;
  if (entry.state != state) return false;
  ++hits_;
  conflict_ = entry.conflict;
  for (int i = 0; i < count_; ++i) {
    if (!placed_[i] && entry.conflict.Meets(begin_[i], end_[i])) {
      conflict_.Add(begin_[i], end_[i]);
      conflict_.Add(reason_[i]);
    }
  }
  return true;
}

bool PackingSearch::Impl::Start(int64_t height) {
  if (height != dead_height_) dead_ends_.assign(1 << 18, {});
  dead_height_ = height;
  height_ = height;
  left_ = count_;
  placed_.assign(count_, 0);
  supported_.assign(count_, 0);
  reason_.assign(count_, {});
  remaining_ = loads_;
  open_count_ = member_count_;
  floor_.assign(sections_, 0);
  trail_.clear();
  decisions_.clear();
  for (int i = 0; i < count_; ++i) supported_[i] = Clear(i, 0);
  lower_ = supported_;
  for (int i = 0; i < count_; ++i) {
    if (lower_[i] > height_ - size_[i]) return false;
    Touch(i);
  }
  return CheckSections();
}

SearchOutcome PackingSearch::Impl::Run(int64_t height, const SearchOrder& order, int64_t max_steps, Limits& limits,
                                       std::vector<int64_t>& offsets) {
  bool fits = Start(height);
  if (!fits) {
    ForgetTouched();
    return SearchOutcome::kInfeasible;
  }
  for (int64_t steps = 0;;) {
    if (fits && left_ == 0) {
      for (int i = 0; i < count_; ++i) offsets[item_of_[i]] = lower_[i];
      return SearchOutcome::kFound;
    }
    if (fits) {
      const int item = order.tightest_first ? SelectTightest(order) : Select(order);
      if (item < 0) {
        conflict_ = {0, sections_};  // All wait for one another.
        fits = false;
      } else {
        if (steps > max_steps || !limits.Spend()) return SearchOutcome::kLimit;
        ++steps;
        const uint64_t state = StateHash();
        if (KnownDeadEnd(state)) {
          fits = false;
        } else {
          decisions_.push_back({item, static_cast<int>(trail_.size()), state});
          fits = Place(item);
          continue;
        }
      }
    }
    while (!fits) {
      if (decisions_.empty()) return SearchOutcome::kInfeasible;
      const Decision decision = decisions_.back();
      decisions_.pop_back();
      Undo(decision);
      ++steps;
      limits.Spend();
      if (conflict_.Meets(begin_[decision.item], end_[decision.item])) fits = Postpone(decision.item);
      if (!fits) dead_ends_[decision.state % dead_ends_.size()] = {decision.state, conflict_};
    }
  }
}

PackingSearch::PackingSearch(const Instance& instance) : impl_(std::make_unique<Impl>(instance)) {}
PackingSearch::~PackingSearch() {
  if (getenv("V")) fprintf(stderr, "hits %ld of %ld\n", impl_->hits_, impl_->looks_);
}

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
