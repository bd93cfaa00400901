// [P3] Order: of the operands within one command, and of commands on several streams. [P5] Of collectives.
#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "ir/plan/collective.h"
#include "ir/plan/validator/checks.h"

namespace plimsoll::plan::validator {
namespace {

struct Range {
  int arena;
  int64_t begin;
  int64_t end;
  bool writes;
  bool reads;
  bool element_wise;  // a kind of command that may read and write the same place
};

// The bytes of arenas that a command touches.
std::vector<Range> Ranges(const ProgramView& view, const Command& command) {
  std::vector<Range> ranges;
  std::vector<bool> element_wise(command.operands_size(), command.has_launch() || command.has_host_call());
  if (command.has_collective()) {
    const Collective::Kind kind = command.collective().kind();
    element_wise.assign(command.operands_size(), kind == Collective::ALL_REDUCE || kind == Collective::BROADCAST);
  }
  if (command.has_library_call()) element_wise = MayShareWithResult(command.library_call().op());
  for (int i = 0; i < command.operands_size(); ++i) {
    const Operand& operand = command.operands(i);
    const Buffer& buffer = view.program.buffers(operand.buffer());
    if (buffer.has_weight() || operand.length() == 0) continue;
    const int64_t begin = buffer.offset() + operand.offset();
    ranges.push_back({buffer.arena(), begin, begin + operand.length(), operand.access() != Operand::READ,
                      operand.access() != Operand::WRITE, element_wise[i]});
  }
  return ranges;
}

// What went wrong with operands that share bytes, or null. Two of them may share bytes if neither writes, or if they
// are the same place, one reads, and the other writes.
const char* Conflict(std::vector<Range>& ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
    return std::tie(a.arena, a.begin, a.end) < std::tie(b.arena, b.begin, b.end);
  });
  int arena = -1;
  int64_t touched = 0, written = 0;  // ends of what came before
  for (size_t i = 0; i < ranges.size();) {
    const Range& place = ranges[i];
    if (place.arena != arena) {
      arena = place.arena;
      touched = written = 0;
    }
    int writers = 0, others = 0;
    bool element_wise = true;
    for (;
         i < ranges.size() && ranges[i].arena == arena && ranges[i].begin == place.begin && ranges[i].end == place.end;
         ++i) {
      if (ranges[i].writes) {
        ++writers;
      } else {
        ++others;
        element_wise &= ranges[i].element_wise;
      }
    }
    if (writers > 1) return "two operands that it writes are the same bytes";
    if (writers > 0 && others > 0 && !element_wise) return "it reads and writes the same bytes, which its kind cannot";
    if (written > place.begin || (writers > 0 && touched > place.begin)) {
      return "an operand that it writes and another one overlap without being the same place";
    }
    touched = std::max(touched, place.end);
    if (writers > 0) written = std::max(written, place.end);
  }
  return nullptr;
}

// The latest commands on some bytes: the writer, and the readers since, one a stream.
struct Accesses {
  int64_t end;
  int writer = -1;
  absl::InlinedVector<int, 2> readers;
};

class StreamCheck {
 public:
  StreamCheck(const ProgramView& view, Report& report)
      : view_(view),
        report_(report),
        streams_(std::max(1, view.program.streams())),
        clocks_(streams_, std::vector<int>(streams_, -1)),
        events_(view.program.events()),
        arenas_(view.plan.arenas_size()) {}

  void Check() {
    for (int c = 0; c < view_.count && !report_.full(); ++c) {
      const Command& command = view_.program.commands(c);
      std::vector<int>& clock = clocks_[command.stream()];
      if (command.has_event_wait()) {
        const std::vector<int>& event = events_[command.event_wait().event()];
        if (event.empty()) {
          report_.Add(3, view_.Command(c), ": waits for event ", command.event_wait().event(),
                      ", which nothing before it records");
          return;
        }
        for (int s = 0; s < streams_; ++s) clock[s] = std::max(clock[s], event[s]);
      }
      for (const Range& range : Ranges(view_, command)) {
        if (!Access(c, range)) return;
      }
      if (command.has_collective() && Communicates(command.collective().kind()) && !Collective(c)) return;
      clock[command.stream()] = c;
      if (command.has_event_record()) events_[command.event_record().event()] = clock;
    }
  }

 private:
  bool Before(int earlier, int later) const {
    return earlier == later ||
           clocks_[view_.program.commands(later).stream()][view_.program.commands(earlier).stream()] >= earlier;
  }

  bool Ordered(int earlier, int command, const Range& range) {
    if (earlier < 0 || Before(earlier, command)) return true;
    report_.Add(3, view_.Command(command), " on stream ", view_.program.commands(command).stream(), " and command ",
                earlier, " on stream ", view_.program.commands(earlier).stream(), " both touch bytes [", range.begin,
                ", ", range.end, ") of arena ", range.arena, ", one writes, and no event orders them");
    return false;
  }

  // Of one group, because ranks could issue them in another order; of two, because NVIDIA says that communicators which
  // are at work at once may wait for each other for ever. In order with the one before is in order with all.
  bool Collective(int command) {
    const int before = std::exchange(last_collective_, command);
    if (before < 0 || Before(before, command)) return true;
    report_.Add(5, view_.Command(command), " on stream ", view_.program.commands(command).stream(),
                " and the collective before it, command ", before, " on stream ",
                view_.program.commands(before).stream(),
                ": no event orders them, and ranks may come to them in another order");
    return false;
  }

  bool Access(int command, const Range& range) {
    std::map<int64_t, Accesses>& map = arenas_[range.arena];
    Split(map, range.begin);
    Split(map, range.end);
    int64_t free = range.begin;
    auto at = map.lower_bound(range.begin);
    while (free < range.end) {
      if (++steps_ > kMostSteps) {
        report_.Add(3, view_.name, ": the operands are cut in too many ways to check their order");
        return false;
      }
      if (at == map.end() || at->first > free) {
        const int64_t end = at == map.end() ? range.end : std::min(range.end, at->first);
        at = map.emplace_hint(at, free, Accesses{end, -1, {}});
      }
      Accesses& accesses = at->second;
      if (!Ordered(accesses.writer, command, range)) return false;
      if (range.writes) {
        for (const int reader : accesses.readers) {
          if (!Ordered(reader, command, range)) return false;
        }
        free = accesses.end;
        at = map.erase(at);
        continue;
      }
      const int stream = view_.program.commands(command).stream();
      auto reader = std::find_if(accesses.readers.begin(), accesses.readers.end(),
                                 [&](int r) { return view_.program.commands(r).stream() == stream; });
      if (reader == accesses.readers.end()) {
        accesses.readers.push_back(command);
      } else {
        *reader = command;
      }
      free = accesses.end;
      ++at;
    }
    if (range.writes) map.emplace_hint(at, range.begin, Accesses{range.end, command, {}});
    return true;
  }

  static void Split(std::map<int64_t, Accesses>& map, int64_t where) {
    auto at = map.lower_bound(where);
    if (at == map.begin()) return;
    --at;
    if (at->second.end <= where) return;
    map.emplace(where, at->second);
    at->second.end = where;
  }

  const ProgramView& view_;
  Report& report_;
  const int streams_;
  std::vector<std::vector<int>> clocks_;  // of each stream: the last command of every stream that is done before it
  std::vector<std::vector<int>> events_;  // the clock that was recorded last; empty: none
  std::vector<std::map<int64_t, Accesses>> arenas_;
  int last_collective_ = -1;
  int64_t steps_ = 0;
};

}  // namespace

void CheckOperandOverlaps(const ProgramView& view, Report& report) {
  for (int c = 0; c < view.count && !report.full(); ++c) {
    const Command& command = view.program.commands(c);
    if (command.operands_size() < 2) continue;
    std::vector<Range> ranges = Ranges(view, command);
    if (const char* conflict = Conflict(ranges)) report.Add(3, view.Command(c), ": ", conflict);
  }
}

void CheckStreams(const ProgramView& view, Report& report) {
  bool several = false, control = false;
  for (const Command& command : view.program.commands()) {
    several |= command.stream() != 0 || command.has_event_wait();
    control |= command.has_branch() || command.has_loop();
  }
  if (!several) return;
  if (control) {
    report.Add(3, view.name, ": branches or loops on several streams, whose order cannot be shown; use one stream");
    return;
  }
  StreamCheck(view, report).Check();
}

}  // namespace plimsoll::plan::validator
