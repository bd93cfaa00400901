// [P2] No two live buffers of one arena overlap, in-place pairs apart. A sweep over the commands keeps, for each arena,
// the map of its bytes to the buffers that hold them now.
#include <algorithm>
#include <map>
#include <tuple>

#include "absl/container/inlined_vector.h"
#include "ir/plan/validator/checks.h"

namespace plimsoll::plan::validator {
namespace {

using Owners = absl::InlinedVector<int, 2>;  // ascending

struct Segment {
  int64_t end;
  Owners owners;
};

bool Touches(const Command& command, int buffer, bool writing) {
  return std::any_of(command.operands().begin(), command.operands().end(), [&](const Operand& operand) {
    return operand.buffer() == buffer && operand.length() > 0 &&
           (writing ? operand.access() != Operand::READ : operand.access() != Operand::WRITE);
  });
}

// Whether `later` may take over bytes of `earlier` while both are alive: at one command, the last of the one and the
// first of the other, which reads the one and writes the other. (That it does so at the same place is checked with the
// other overlaps within a command.) In a loop, the earlier must come from the same iteration: the next would find it
// overwritten.
bool TakesOver(const ProgramView& view, int later, int earlier) {
  const Buffer& to = view.program.buffers(later);
  const Buffer& from = view.program.buffers(earlier);
  if (!to.has_in_place_of() || to.in_place_of() != earlier) return false;
  const int command = to.first();
  if (from.last() != command + 1 || from.first() > command || command >= view.count) return false;
  const Command& taking = view.program.commands(command);
  if (taking.has_branch() || taking.has_loop()) return false;
  if (from.first() <= view.EnclosingLoop(command)) return false;
  return Touches(taking, earlier, false) && Touches(taking, later, true);
}

class ArenaMap {
 public:
  ArenaMap(const ProgramView& view, Report& report) : view_(view), report_(report) {}

  void Insert(int index) {
    const Buffer& buffer = view_.program.buffers(index);
    const int64_t begin = buffer.offset(), end = begin + buffer.size_bytes();
    auto at = FirstOverlap(begin);
    for (; at != segments_.end() && at->first < end; ++at) {
      for (const int owner : at->second.owners) {
        if (TakesOver(view_, index, owner) || TakesOver(view_, owner, index)) continue;
        const Buffer& other = view_.program.buffers(owner);
        report_.Add(2, view_.Buffer(index), " at ", begin, " + ", buffer.size_bytes(), " of arena ", buffer.arena(),
                    ", alive in [", buffer.first(), ", ", buffer.last(), "), overlaps buffer ", owner, " (",
                    Quote(other.name()), ") at ", other.offset(), " + ", other.size_bytes(), ", alive in [",
                    other.first(), ", ", other.last(), ")");
        return;  // and stays out of the map
      }
    }
    Split(begin);
    Split(end);
    int64_t free = begin;
    for (at = segments_.lower_bound(begin); at != segments_.end() && at->first < end; ++at) {
      if (free < at->first) segments_.emplace_hint(at, free, Segment{at->first, {index}});
      Owners& owners = at->second.owners;
      owners.insert(std::upper_bound(owners.begin(), owners.end(), index), index);
      free = at->second.end;
    }
    if (free < end) segments_.emplace_hint(at, free, Segment{end, {index}});
    inserted_[index] = true;
  }

  void Remove(int index) {
    if (!inserted_[index]) return;
    const Buffer& buffer = view_.program.buffers(index);
    const int64_t end = buffer.offset() + buffer.size_bytes();
    auto at = FirstOverlap(buffer.offset());
    while (at != segments_.end() && at->first < end) {
      Owners& owners = at->second.owners;
      owners.erase(std::remove(owners.begin(), owners.end(), index), owners.end());
      if (owners.empty()) {
        at = segments_.erase(at);
        continue;
      }
      Join(at);
      ++at;
    }
    if (at != segments_.end()) Join(at);
  }

  void Resize(int buffers) { inserted_.assign(buffers, false); }

 private:
  using Map = std::map<int64_t, Segment>;

  // The first segment that ends after `begin`.
  Map::iterator FirstOverlap(int64_t begin) {
    auto at = segments_.upper_bound(begin);
    if (at != segments_.begin() && std::prev(at)->second.end > begin) --at;
    return at;
  }

  void Split(int64_t where) {
    auto at = segments_.lower_bound(where);
    if (at == segments_.begin()) return;
    --at;
    if (at->second.end <= where) return;
    segments_.emplace(where, at->second);
    at->second.end = where;
  }

  // Makes one of this segment and the one before, if the same buffers hold both: the map stays as small as what is
  // alive.
  void Join(Map::iterator& at) {
    if (at == segments_.begin()) return;
    const auto before = std::prev(at);
    if (before->second.end != at->first || before->second.owners != at->second.owners) return;
    before->second.end = at->second.end;
    segments_.erase(at);
    at = before;
  }

  const ProgramView& view_;
  Report& report_;
  Map segments_;  // by begin, disjoint
  std::vector<bool> inserted_;
};

}  // namespace

void CheckOverlaps(const ProgramView& view, Report& report) {
  struct Event {
    int arena;
    int command;
    bool begins;  // what ends at a command goes before what begins there
    int buffer;
  };
  std::vector<Event> events;
  for (int i = 0; i < view.program.buffers_size(); ++i) {
    const Buffer& buffer = view.program.buffers(i);
    const int first = view.First(buffer), last = view.Last(buffer);
    if (buffer.has_weight() || buffer.size_bytes() == 0 || first >= last) continue;
    events.push_back({buffer.arena(), first, true, i});
    events.push_back({buffer.arena(), last, false, i});
  }
  std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
    return std::tie(a.arena, a.command, a.begins, a.buffer) < std::tie(b.arena, b.command, b.begins, b.buffer);
  });
  ArenaMap map(view, report);
  map.Resize(view.program.buffers_size());
  // Every buffer of an arena is removed before the next arena begins, so that one map serves all.
  for (const Event& event : events) {
    if (report.full()) return;
    if (event.begins) {
      map.Insert(event.buffer);
    } else {
      map.Remove(event.buffer);
    }
  }
}

}  // namespace plimsoll::plan::validator
