#include "passes/memory/packing_state.h"

#include <algorithm>
#include <numeric>

namespace plimsoll::memory {
namespace {

constexpr int64_t kNever = INT64_MAX / 2;

}  // namespace

PackingState::PackingState(const Instance& instance) : sections_(instance.sections) {
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

bool PackingState::Start(int64_t height) {
  height_ = height;
  left_ = count_;
  placed_.assign(count_, 0);
  supported_.assign(count_, 0);
  reason_.assign(count_, {});
  remaining_ = loads_;
  open_count_ = member_count_;
  floor_.assign(sections_, 0);
  trail_.clear();
  for (int i = 0; i < count_; ++i) supported_[i] = Clear(i, 0);
  lower_ = supported_;
  for (int i = 0; i < count_; ++i) {
    if (lower_[i] > height_ - size_[i]) {
      ForgetTouched();
      return false;
    }
    Touch(i);
  }
  return CheckSections();
}

int64_t PackingState::Clear(int i, int64_t offset) const {
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

void PackingState::Raise(int i, int64_t supported, int64_t lower, const Range& reason) {
  trail_.push_back({i, false, supported_[i], lower_[i], reason_[i]});
  supported_[i] = supported;
  lower_[i] = lower;
  reason_[i] = reason;
}

void PackingState::Touch(int i) {
  for (int s = begin_[i]; s < end_[i]; ++s) {
    if (is_touched_[s]) continue;
    is_touched_[s] = 1;
    touched_.push_back(s);
  }
}

void PackingState::ForgetTouched() {
  for (int s : touched_) is_touched_[s] = 0;
  touched_.clear();
}

bool PackingState::FailItem(int item) {
  conflict_ = {begin_[item], end_[item]};
  conflict_.Add(reason_[item]);
  return false;
}

// The bound of one section: each item from its own lower bound on, one after another, in the order of these bounds.
bool PackingState::CheckSection(int section) {
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

bool PackingState::CheckSections() {
  bool fits = true;
  for (int s : touched_) {
    is_touched_[s] = 0;
    fits = fits && CheckSection(s);
  }
  touched_.clear();
  return fits;
}

bool PackingState::Place(int item) {
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

// The other branch: the item is not at `lower_`. Why not is in conflict_.
bool PackingState::Postpone(int item) {
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

// A waiting item is not at `supported_`, so something that is not placed yet will lie across the place that it would
// have there; and it lies above that.
bool PackingState::RaiseByBlockers(int item) {
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

// Brings the lower bounds of all waiting items up to date.
bool PackingState::RaiseWaiting() {
  for (int i = 0; i < count_; ++i) {
    if (placed_[i] || !Waiting(i) || RaiseByBlockers(i)) continue;
    ForgetTouched();
    return false;
  }
  return CheckSections();
}

void PackingState::Undo(int item, size_t mark) {
  while (trail_.size() > mark) {
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
  placed_[item] = 0;
  ++left_;
  for (int s = begin_[item]; s < end_[item]; ++s) {
    remaining_[s] += size_[item];
    ++open_count_[s];
  }
}

uint64_t PackingState::Hash() const {
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

}  // namespace plimsoll::memory
