#ifndef PLIMSOLL_PASSES_CHECKPOINT_TIMELINE_H_
#define PLIMSOLL_PASSES_CHECKPOINT_TIMELINE_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "passes/checkpoint/graph.h"

namespace plimsoll::checkpoint {

// A sequence under change: computations sit in slots, some slots are empty, and the memory at each slot is kept up to
// date, so that one computation more, less or elsewhere costs time in the number of users and slots that it touches.
// A slot that is empty holds no more than the next that is not, so that it never binds.
class Timeline {
 public:
  // `budget` in bytes; overload is counted above it.
  Timeline(const Graph& graph, int64_t budget, absl::Span<const int> sequence);

  int slots() const { return static_cast<int>(at_.size()); }
  int at(int slot) const { return at_[slot]; }                        // node, or -1
  const std::vector<int>& copies(int v) const { return copies_[v]; }  // slots at which v is computed, ascending
  int end(int v, int copy) const { return ends_[v][copy]; }           // the last slot at which this copy is held
  double memory(int slot) const { return memory_[slot]; }             // bytes
  double budget() const { return budget_; }
  double cost() const { return cost_; }
  // Sum over slots of bytes above the budget, and a twentieth of the mean output for each slot above it, so that a slot
  // a few bytes too high does not go for nothing. Zero exactly where the sequence is within the budget.
  double overload() const { return overload_; }
  int length() const { return length_; }
  int64_t work() const { return work_; }  // slots and users touched so far
  std::vector<int> Sequence() const;

  // The copy of v held at `slot`, or -1.
  int CopyAt(int v, int slot) const;
  // The nearest empty slot in (low, high) at or below `slot`, else above it; -1 where there is none nearby.
  int EmptyNear(int slot, int low, int high) const;

  // Changes, each of which returns false and leaves everything as it was where an input would not be there (or, with a
  // fixed order, where first computations would change places). The slot is empty.
  bool Add(int v, int slot);
  bool Remove(int v, int copy);
  bool Shift(int v, int copy, int slot);

  // Changes can be taken back to a mark in reverse order, until Commit.
  int Mark() const { return static_cast<int>(log_.size()); }
  void Undo(int mark);
  void Commit() { log_.clear(); }

  // Lays the slots out anew, an empty one before each computation. Commits.
  void Spread();

 private:
  struct Change {
    int v = 0;
    std::vector<int> copies;
  };
  using Ranges = std::vector<std::pair<int, int>>;

  bool Replace(int v, const std::vector<int>& copies);
  bool ComputeEnds(int v, std::vector<int>& ends);
  void Apply(int v, const std::vector<int>& old_copies, const std::vector<int>& old_ends);
  void AddMemory(int first, int last, double bytes);

  const Graph* graph_;
  double budget_, charge_ = 1, cost_ = 0, overload_ = 0;  // charge_: of a slot above the budget, bytes
  int length_ = 0;
  int64_t work_ = 0;
  std::vector<int> at_;
  std::vector<double> memory_;
  std::vector<std::vector<int>> copies_, ends_;
  std::vector<Change> log_;
  std::vector<std::vector<int>> new_ends_;  // scratch: by input of the node that changes, and itself
  std::vector<std::pair<int, int>> events_;
};

}  // namespace plimsoll::checkpoint

#endif  // PLIMSOLL_PASSES_CHECKPOINT_TIMELINE_H_
