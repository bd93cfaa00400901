#include "compiler/emit/streams.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "ir/plan/certificate.h"

namespace plimsoll::compiler {
namespace {

// Who touched some bytes of an arena last.
struct Touched {
  int64_t end = 0;
  int writer = -1;
  std::vector<int> readers;   // since then
};

// The commands that each command must come after, directly: those that wrote what it reads, and those that touched what it
// writes.
class Dependencies {
 public:
  explicit Dependencies(const plan::Program& program) : before_(program.commands_size()) {
    for (int c = 0; c < program.commands_size(); ++c) {
      for (const plan::Operand& operand : program.commands(c).operands()) {
        const plan::Buffer& buffer = program.buffers(operand.buffer());
        if (buffer.has_weight() || operand.length() == 0) continue;
        const int64_t begin = buffer.offset() + operand.offset();
        Touch(c, bytes_[buffer.arena()], begin, begin + operand.length(), operand.access() != plan::Operand::READ);
      }
      std::sort(before_[c].begin(), before_[c].end());
      before_[c].erase(std::unique(before_[c].begin(), before_[c].end()), before_[c].end());
    }
  }
  const std::vector<int>& before(int command) const { return before_[command]; }

 private:
  using Bytes = std::map<int64_t, Touched>;   // by first byte; without overlaps

  static void Split(Bytes& bytes, int64_t where) {
    auto at = bytes.lower_bound(where);
    if (at == bytes.begin()) return;
    --at;
    if (at->second.end <= where) return;
    Touched rest = at->second;
    at->second.end = where;
    bytes.emplace(where, std::move(rest));
  }

  void After(int command, int earlier) {
    if (earlier >= 0 && earlier != command) before_[command].push_back(earlier);
  }

  void Touch(int command, Bytes& bytes, int64_t begin, int64_t end, bool writes) {
    Split(bytes, begin);
    Split(bytes, end);
    auto at = bytes.lower_bound(begin);
    for (int64_t free = begin; free < end;) {
      if (at == bytes.end() || at->first > free) {
        const int64_t stop = at == bytes.end() ? end : std::min(end, at->first);
        at = bytes.emplace_hint(at, free, Touched{stop, -1, {}});
      }
      Touched& touched = at->second;
      free = touched.end;
      After(command, touched.writer);
      if (writes) {
        for (int reader : touched.readers) After(command, reader);
        touched.writer = command;
        touched.readers.clear();
      } else if (touched.readers.empty() || touched.readers.back() != command) {
        touched.readers.push_back(command);
      }
      ++at;
    }
  }

  std::vector<std::vector<int>> before_;
  std::map<int, Bytes> bytes_;   // by arena
};

// Streams one command after another, each where it can begin first.
class Assignment {
 public:
  Assignment(const Dependencies& dependencies, int commands, int most_streams)
      : dependencies_(dependencies), most_streams_(most_streams), stream_of_(commands), end_(commands) {}

  void Add(int command, const CommandCost& cost) {
    double ready = 0;
    for (int earlier : dependencies_.before(command)) ready = std::max(ready, end_[earlier]);
    int best = -1;
    for (int s = 0; s < streams(); ++s) {
      if (best < 0 || Better(command, s, best, ready)) best = s;
    }
    const bool crowded = best < 0 || std::max(ready, last_end_[best]) > ready;
    if (crowded && streams() < most_streams_) {
      best = streams();
      last_end_.push_back(0);
      last_.push_back(-1);
    }
    stream_of_[command] = best;
    end_[command] = std::max(ready, last_end_[best]) + cost.seconds;
    last_end_[best] = end_[command];
    last_[best] = command;
    makespan_ = std::max(makespan_, end_[command]);
    area_ += cost.seconds * cost.share;
  }

  int streams() const { return static_cast<int>(last_.size()); }
  int stream_of(int command) const { return stream_of_[command]; }
  // No less than the work that the GPU has to do with all of its multiprocessors.
  double seconds() const { return std::max(makespan_, area_); }

 private:
  bool Better(int command, int stream, int other, double ready) const {
    const double mine = std::max(ready, last_end_[stream]), theirs = std::max(ready, last_end_[other]);
    if (mine != theirs) return mine < theirs;
    return Follows(command, stream) && !Follows(command, other);
  }
  bool Follows(int command, int stream) const {
    const std::vector<int>& before = dependencies_.before(command);
    return std::binary_search(before.begin(), before.end(), last_[stream]);
  }

  const Dependencies& dependencies_;
  const int most_streams_;
  std::vector<int> stream_of_;
  std::vector<double> end_;
  std::vector<double> last_end_;   // by stream
  std::vector<int> last_;          // by stream: its last command
  double makespan_ = 0, area_ = 0;
};

// Which commands record an event, and which wait for which: no more than the order needs.
struct Events {
  std::vector<bool> recorded;             // by command
  std::vector<std::vector<int>> waits;    // by command: the commands waited for
};

Events FindEvents(const Dependencies& dependencies, const Assignment& assignment, int commands) {
  Events events{std::vector<bool>(commands, false), std::vector<std::vector<int>>(commands)};
  const int streams = assignment.streams();
  // By stream: the last command of each stream that is known to be done before its next one. And the same at each command.
  std::vector<std::vector<int>> known(streams, std::vector<int>(streams, -1)), at(commands);
  for (int c = 0; c < commands; ++c) {
    std::vector<int>& clock = known[assignment.stream_of(c)];
    const std::vector<int>& before = dependencies.before(c);
    for (auto earlier = before.rbegin(); earlier != before.rend(); ++earlier) {
      const int stream = assignment.stream_of(*earlier);
      if (stream == assignment.stream_of(c) || clock[stream] >= *earlier) continue;
      events.waits[c].push_back(*earlier);
      events.recorded[*earlier] = true;
      for (int s = 0; s < streams; ++s) clock[s] = std::max(clock[s], at[*earlier][s]);
    }
    clock[assignment.stream_of(c)] = c;
    at[c] = clock;
  }
  return events;
}

// The program with streams and events; `numbers` gets each old command's new number.
plan::Program Rewritten(const plan::Program& program, const Assignment& assignment, const Events& events,
                        std::vector<int>& numbers) {
  plan::Program result = program;
  result.clear_commands();
  result.set_streams(assignment.streams());
  std::map<int, int> event_of;
  for (int c = 0; c < program.commands_size(); ++c) {
    const int stream = assignment.stream_of(c);
    for (int earlier : events.waits[c]) {
      plan::Command& wait = *result.add_commands();
      wait.set_node(program.commands(c).node());
      wait.set_stream(stream);
      wait.mutable_event_wait()->set_event(event_of.at(earlier));
    }
    numbers[c] = result.commands_size();
    *result.add_commands() = program.commands(c);
    result.mutable_commands(numbers[c])->set_stream(stream);
    if (!events.recorded[c]) continue;
    plan::Command& record = *result.add_commands();
    record.set_node(program.commands(c).node());
    record.set_stream(stream);
    const int event = static_cast<int>(event_of.size());
    record.mutable_event_record()->set_event(event);
    event_of[c] = event;
  }
  result.set_events(static_cast<int>(event_of.size()));
  return result;
}

bool OrderIsTheHosts(const plan::Program& program) {
  return std::any_of(program.commands().begin(), program.commands().end(), [](const plan::Command& command) {
    return command.has_branch() || command.has_loop() || command.has_host_call() || command.has_event_record() ||
           command.has_event_wait();
  });
}

}  // namespace

StreamEstimate AssignStreams(plan::Plan& plan, const std::function<CommandCost(const plan::Command&)>& cost,
                             const StreamOptions& options) {
  const plan::Program& run = plan.run();
  const int commands = run.commands_size();
  StreamEstimate estimate;
  const Dependencies dependencies(run);
  Assignment assignment(dependencies, commands, options.most_streams);
  for (int c = 0; c < commands; ++c) {
    const CommandCost of_command = cost(run.commands(c));
    estimate.serial_seconds += of_command.seconds;
    assignment.Add(c, of_command);
  }
  estimate.seconds = estimate.serial_seconds;
  if (OrderIsTheHosts(run) || assignment.streams() < 2 ||
      assignment.seconds() > (1 - options.least_gain) * estimate.serial_seconds) {
    return estimate;
  }
  const Events events = FindEvents(dependencies, assignment, commands);
  std::vector<int> numbers(commands + 1);
  plan::Program rewritten = Rewritten(run, assignment, events, numbers);
  constexpr int kMostEvents = 65536;   // the validator's limit
  if (rewritten.events() > kMostEvents) return estimate;
  numbers[commands] = rewritten.commands_size();
  for (plan::Buffer& buffer : *rewritten.mutable_buffers()) {
    const bool is_empty = buffer.first() == buffer.last();
    const bool to_end = buffer.last() == commands;
    const int last = is_empty ? 0 : to_end ? rewritten.commands_size() : numbers[buffer.last() - 1] + 1;
    buffer.set_first(buffer.first() == 0 || is_empty ? 0 : numbers[buffer.first()]);
    buffer.set_last(last);
  }
  *plan.mutable_run() = std::move(rewritten);
  const bool optimal = plan.certificate().session_proven_optimal();
  *plan.mutable_certificate() = plan::ComputeCertificate(plan);
  plan.mutable_certificate()->set_session_proven_optimal(optimal);
  estimate.streams = assignment.streams();
  estimate.seconds = assignment.seconds();
  return estimate;
}

}  // namespace plimsoll::compiler
