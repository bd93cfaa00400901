// A packing in the making, and what can be concluded about it.
#ifndef PLIMSOLL_PASSES_MEMORY_PACKING_STATE_H_
#define PLIMSOLL_PASSES_MEMORY_PACKING_STATE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "passes/memory/instance.h"

namespace plimsoll::memory {

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

// The items of an instance that are not fixed, numbered from 0; some are placed, the others have lower bounds on their
// offsets. What changes is undone in the reverse order.
//
// An item waits if it is known not to lie at its `supported` offset, right on top of what is placed: something that is
// not placed yet must then come between. Each bound knows the range of sections whose decisions it rests on.
class PackingState {
 public:
  explicit PackingState(const Instance& instance);

  // Nothing is placed; false if no packing is within `height`.
  bool Start(int64_t height);
  // Places an item at its lower bound. False if that leads nowhere; the state is to be undone then.
  bool Place(int item);
  // The item, not placed, lies above its lower bound, since `conflict` followed from it. False as for Place.
  bool Postpone(int item);
  // Undoes the placement of an item, and all since the trail had the length `mark`.
  void Undo(int item, size_t mark);

  int count() const { return count_; }
  int left() const { return left_; }  // Items not placed.
  int sections() const { return sections_; }
  int64_t height() const { return height_; }
  size_t trail() const { return trail_.size(); }
  int index(int i) const { return item_of_[i]; }  // In the instance.
  int begin(int i) const { return begin_[i]; }
  int end(int i) const { return end_[i]; }
  int64_t size(int i) const { return size_[i]; }
  int64_t lower(int i) const { return lower_[i]; }
  const Range& reason(int i) const { return reason_[i]; }
  bool placed(int i) const { return placed_[i]; }
  bool Waiting(int i) const { return lower_[i] != supported_[i]; }
  // By section: the items not placed, the sum of their sizes, and the least of their lower bounds.
  absl::Span<const int> open(int s) const { return {open_.data() + open_begin_[s], size_t(open_count_[s])}; }
  int64_t remaining(int s) const { return remaining_[s]; }
  int64_t floor(int s) const { return floor_[s]; }

  // Why the last failure came about: decisions outside of this range do not bear on it.
  const Range& conflict() const { return conflict_; }
  void set_conflict(const Range& conflict) { conflict_ = conflict; }
  // By section, how often it was the one that failed.
  const std::vector<int64_t>& failures() const { return failures_; }
  // Equal for equal states of what is not placed.
  uint64_t Hash() const;

 private:
  // What a change overwrote: the state of an item, or the floor of a section.
  struct Change {
    int index;
    bool is_floor;
    int64_t supported;
    int64_t lower;
    Range reason;
  };

  // The lowest offset >= `offset` at which item i is aligned and clear of what is fixed.
  int64_t Clear(int i, int64_t offset) const;
  void Raise(int i, int64_t supported, int64_t lower, const Range& reason);
  void Touch(int i);
  void ForgetTouched();
  bool FailItem(int item);
  bool CheckSection(int section);
  bool CheckSections();
  bool RaiseByBlockers(int item);
  bool RaiseWaiting();

  int count_;
  int sections_;
  std::vector<int> item_of_;
  std::vector<int> begin_, end_;
  std::vector<int64_t> size_, alignment_;
  std::vector<std::vector<int>> conflicts_;                          // By item: those alive at once with it.
  std::vector<std::vector<std::pair<int64_t, int64_t>>> obstacles_;  // By item: fixed [begin, end), by begin.
  std::vector<int64_t> loads_, failures_;
  bool has_obstacles_ = false;
  // By section: the items alive, from open_begin_ on; the first open_count_ of them are not placed.
  std::vector<int> open_, open_begin_, open_count_, member_count_;

  int64_t height_ = 0;
  int left_ = 0;
  std::vector<char> placed_;
  std::vector<int64_t> supported_;  // By item: the lowest offset on top of what is placed.
  std::vector<int64_t> lower_;      // By item: no solution below this node has it lower; >= supported.
  std::vector<Range> reason_;       // By waiting item: decisions outside of this range do not bear on `lower_`.
  std::vector<int64_t> remaining_;  // By section: the sizes not placed.
  std::vector<int64_t> floor_;      // By section: the least `lower_` of what is not placed.
  std::vector<Change> trail_;
  Range conflict_;
  std::vector<char> is_touched_;  // By section: its bound is to be checked.
  std::vector<int> touched_;
};

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_PACKING_STATE_H_
