#include "passes/checkpoint/timeline.h"

#include <algorithm>
#include <cmath>

namespace plimsoll::checkpoint {
namespace {

// Adds `bytes` to each of `memory`; returns by how much more they are above `budget` in sum, `charge` for each. The
// loop in which nearly all time goes. Sums of whole numbers below 2^53 do not depend on their order.
__attribute__((target_clones("avx2", "default"))) double AddAndCount(double* memory, int count, double bytes,
                                                                     double budget, double charge) {
#pragma clang fp reassociate(on)
  double change = 0;
  for (int i = 0; i < count; ++i) {
    const double before = memory[i], after = before + bytes;
    memory[i] = after;
    change += (after > budget ? after - budget + charge : 0.0) - (before > budget ? before - budget + charge : 0.0);
  }
  return change;
}

}  // namespace

Timeline::Timeline(const Graph& graph, int64_t budget, absl::Span<const int> sequence)
    : graph_(&graph), budget_(static_cast<double>(budget)), copies_(graph.nodes()), ends_(graph.nodes()) {
  double total = 0;
  for (int64_t size : graph.size) total += static_cast<double>(size);
  charge_ = std::floor(1 + total / (20 * std::max(1, graph.nodes())));
  at_.assign(sequence.begin(), sequence.end());
  Spread();
}

std::vector<int> Timeline::Sequence() const {
  std::vector<int> sequence;
  for (int v : at_) {
    if (v >= 0) sequence.push_back(v);
  }
  return sequence;
}

void Timeline::Spread() {
  const std::vector<int> sequence = Sequence();
  length_ = static_cast<int>(sequence.size());
  at_.assign(2 * length_ + 2, -1);
  for (std::vector<int>& copies : copies_) copies.clear();
  for (int i = 0; i < length_; ++i) {
    at_[2 * i + 1] = sequence[i];
    copies_[sequence[i]].push_back(2 * i + 1);
  }
  memory_.assign(at_.size() + 1, 0);
  for (int v = 0; v < graph_->nodes(); ++v) {
    ComputeEnds(v, ends_[v]);
    const double size = static_cast<double>(graph_->size[v]);
    for (size_t i = 0; i < copies_[v].size(); ++i) {
      memory_[copies_[v][i]] += size;
      memory_[ends_[v][i] + 1] -= size;
      memory_[copies_[v][i]] += static_cast<double>(graph_->workspace[v]);
      memory_[copies_[v][i] + 1] -= static_cast<double>(graph_->workspace[v]);
    }
  }
  overload_ = 0;
  for (size_t s = 0; s < at_.size(); ++s) {
    if (s > 0) memory_[s] += memory_[s - 1];
    if (memory_[s] > budget_) overload_ += memory_[s] - budget_ + charge_;
  }
  memory_.pop_back();
  cost_ = CostOf(*graph_, sequence);
  work_ += 4 * slots();
  log_.clear();
}

int Timeline::CopyAt(int v, int slot) const {
  const std::vector<int>& copies = copies_[v];
  int i = static_cast<int>(copies.size()) - 1;
  while (i >= 0 && copies[i] > slot) --i;
  return i >= 0 && ends_[v][i] >= slot ? i : -1;
}

int Timeline::EmptyNear(int slot, int low, int high) const {
  constexpr int kReach = 24;
  low = std::max(low, -1);
  high = std::min(high, slots());
  slot = std::min(std::max(slot, low + 1), high - 1);
  for (int s = slot; s > low && s > slot - kReach; --s) {
    if (at_[s] < 0) return s;
  }
  for (int s = slot + 1; s < high && s < slot + kReach; ++s) {
    if (at_[s] < 0) return s;
  }
  return -1;
}

bool Timeline::ComputeEnds(int v, std::vector<int>& ends) {
  const std::vector<int>& copies = copies_[v];
  const int last = static_cast<int>(copies.size()) - 1;
  ends = copies;
  for (int user : graph_->users[v]) {
    for (int slot : copies_[user]) {
      int i = last;
      while (i >= 0 && copies[i] > slot) --i;
      if (i < 0) return false;
      ends[i] = std::max(ends[i], slot);
    }
  }
  work_ += 2 * static_cast<int>(graph_->users[v].size());
  if (graph_->output[v] && last >= 0) ends[last] = slots() - 1;
  return true;
}

void Timeline::AddMemory(int first, int last, double bytes) {
  overload_ += AddAndCount(memory_.data() + first, last - first + 1, bytes, budget_, charge_);
  work_ += 8 + (last - first) / 8;
}

// Adds what v is held now and was not before, takes away the reverse.
void Timeline::Apply(int v, const std::vector<int>& old_copies, const std::vector<int>& old_ends) {
  events_.clear();
  for (size_t i = 0; i < old_copies.size(); ++i) {
    events_.emplace_back(old_copies[i], -1);
    events_.emplace_back(old_ends[i] + 1, 1);
  }
  for (size_t i = 0; i < copies_[v].size(); ++i) {
    events_.emplace_back(copies_[v][i], 1);
    events_.emplace_back(ends_[v][i] + 1, -1);
  }
  std::sort(events_.begin(), events_.end());
  int level = 0;
  for (size_t i = 0; i + 1 < events_.size(); ++i) {
    level += events_[i].second;
    if (level != 0 && events_[i].first < events_[i + 1].first) {
      AddMemory(events_[i].first, events_[i + 1].first - 1, level * static_cast<double>(graph_->size[v]));
    }
  }
}

bool Timeline::Replace(int v, const std::vector<int>& copies) {
  const std::vector<int> old_copies = copies_[v];
  copies_[v] = copies;
  // All ends first, so that a change that does not work touches no memory.
  const std::vector<int>& inputs = graph_->inputs[v];
  new_ends_.resize(std::max(new_ends_.size(), inputs.size() + 1));
  bool valid = ComputeEnds(v, new_ends_[inputs.size()]);
  for (size_t i = 0; valid && i < inputs.size(); ++i) valid = ComputeEnds(inputs[i], new_ends_[i]);
  if (!valid) {
    copies_[v] = old_copies;
    return false;
  }
  cost_ += graph_->cost[v] * (static_cast<double>(copies.size()) - static_cast<double>(old_copies.size()));
  length_ += static_cast<int>(copies.size()) - static_cast<int>(old_copies.size());
  if (graph_->workspace[v] > 0) {
    for (int s : old_copies) AddMemory(s, s, -static_cast<double>(graph_->workspace[v]));
    for (int s : copies) AddMemory(s, s, static_cast<double>(graph_->workspace[v]));
  }
  for (int s : old_copies) at_[s] = -1;
  for (int s : copies) at_[s] = v;
  std::swap(ends_[v], new_ends_[inputs.size()]);
  Apply(v, old_copies, new_ends_[inputs.size()]);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const int u = inputs[i];
    if (ends_[u] == new_ends_[i]) continue;
    std::swap(ends_[u], new_ends_[i]);
    Apply(u, copies_[u], new_ends_[i]);
  }
  log_.push_back({v, old_copies});
  return true;
}

bool Timeline::Add(int v, int slot) {
  if (graph_->once[v]) return false;
  std::vector<int> copies = copies_[v];
  const auto at = std::upper_bound(copies.begin(), copies.end(), slot);
  if (graph_->fixed && at == copies.begin()) return false;
  copies.insert(at, slot);
  return Replace(v, copies);
}

bool Timeline::Remove(int v, int copy) {
  if (copies_[v].size() < 2 || (graph_->fixed && copy == 0)) return false;
  std::vector<int> copies = copies_[v];
  copies.erase(copies.begin() + copy);
  return Replace(v, copies);
}

bool Timeline::Shift(int v, int copy, int slot) {
  std::vector<int> copies = copies_[v];
  copies[copy] = slot;
  std::sort(copies.begin(), copies.end());
  if (graph_->fixed && copies[0] != copies_[v][0]) return false;
  return Replace(v, copies);
}

void Timeline::Undo(int mark) {
  while (Mark() > mark) {
    const Change change = std::move(log_.back());
    log_.pop_back();
    Replace(change.v, change.copies);
    log_.pop_back();
  }
}

}  // namespace plimsoll::checkpoint
