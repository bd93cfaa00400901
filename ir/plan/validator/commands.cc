// [P6] The commands' operands and parameters.
#include <algorithm>
#include <cmath>
#include <set>

#include "ir/plan/types.h"
#include "ir/plan/validator/checks.h"

namespace plimsoll::plan::validator {
namespace {

bool Reads(const Operand& operand) { return operand.access() != Operand::WRITE; }
bool Writes(const Operand& operand) { return operand.access() != Operand::READ; }

class CommandCheck {
 public:
  CommandCheck(const ProgramView& view, Report& report) : view_(view), report_(report) {
    for (const Code& code : view.plan.code()) symbols_.emplace_back(code.symbols().begin(), code.symbols().end());
    if (!view.is_load) {
      for (const Binding& input : view.plan.signature().inputs()) {
        if (!input.fixed()) inputs_.insert(input.buffer());
      }
    }
  }

  void Check(int index) {
    const Command& command = view_.program.commands(index);
    index_ = index;
    if (command.stream() < 0 || command.stream() >= std::max(1, view_.program.streams())) {
      Fail("stream ", command.stream(), " of ", view_.program.streams());
    }
    if (!std::isfinite(command.flops()) || command.flops() < 0) Fail("its FLOPs are not a number of 0 or more");
    bool sound = true;
    for (int i = 0; i < command.operands_size(); ++i) sound &= CheckOperand(i, command.operands(i));
    if (!sound) return;
    switch (command.kind_case()) {
      case Command::kLaunch:
        return CheckLaunch(command.launch());
      case Command::kLibraryCall:
        if (command.library_call().has_fallback()) CheckLaunch(command.library_call().fallback());
        return CheckLibraryCall(view_, index, report_);
      case Command::kCopy:
        if (!Operands(command, {Operand::READ, Operand::WRITE})) return;
        if (command.operands(0).length() != command.operands(1).length()) {
          Fail("copies ", command.operands(0).length(), " bytes to ", command.operands(1).length());
        } else if (!view_.is_load && OnHost(command.operands(0)) && OnHost(command.operands(1))) {
          Fail("copies from the host to the host; in run one side is on the device");
        }
        return;
      case Command::kFill:
        if (Operands(command, {Operand::WRITE})) CheckFill(command);
        return;
      case Command::kHostCall:
        return CheckHostCall(command);
      case Command::kEventRecord:
        return CheckEvent(command, command.event_record().event());
      case Command::kEventWait:
        return CheckEvent(command, command.event_wait().event());
      case Command::kBranch:
        if (Operands(command, {Operand::READ}) && command.operands(0).length() != 1) {
          Fail("its condition has ", command.operands(0).length(), " bytes, 1 expected");
        }
        return;
      case Command::kLoop:
        return CheckLoop(command);
      case Command::kCollective:
        return CheckCollective(view_, index, report_);
      case Command::KIND_NOT_SET:
        return Fail("its kind is not one that this version knows");
    }
  }

 private:
  template <typename... Args>
  void Fail(const Args&... args) {
    report_.Add(6, view_.Command(index_), ": ", args...);
  }

  bool OnHost(const Operand& operand) const { return view_.OnHost(view_.program.buffers(operand.buffer())); }

  bool CheckOperand(int i, const Operand& operand) {
    if (operand.buffer() < 0 || operand.buffer() >= view_.program.buffers_size()) {
      Fail("operand ", i, " is buffer ", operand.buffer(), " of ", view_.program.buffers_size());
      return false;
    }
    if (!Operand::Access_IsValid(operand.access())) {
      Fail("operand ", i, " has the unknown access ", static_cast<int>(operand.access()));
      return false;
    }
    const Buffer& buffer = view_.program.buffers(operand.buffer());
    if (operand.offset() < 0 || operand.length() < 0 || operand.offset() > buffer.size_bytes() ||
        operand.length() > buffer.size_bytes() - operand.offset()) {
      Fail("operand ", i, " is bytes ", operand.offset(), " + ", operand.length(), " of ",
           view_.Buffer(operand.buffer()), ", which has ", buffer.size_bytes());
      return false;
    }
    const bool host_bytes = buffer.has_weight() && view_.plan.target().kind() == Target::CUDA;
    const Command& command = view_.program.commands(index_);
    const bool copies = command.has_copy() || command.collective().kind() == Collective::ALL_SLICE;
    if (host_bytes && !(view_.is_load && copies)) {
      Fail("operand ", i, " is ", view_.Buffer(operand.buffer()),
           ", a weight in the host's memory, which only copies of load read in a CUDA plan");
      return false;
    }
    if (view_.OnHost(buffer) && !view_.program.commands(index_).has_copy()) {
      Fail("operand ", i, " is ", view_.Buffer(operand.buffer()), " in an arena of the host, which only copies touch");
      return false;
    }
    if (!Writes(operand)) return true;
    if (buffer.has_weight()) {
      Fail("writes ", view_.Buffer(operand.buffer()), ", which is a weight of the model");
      return false;
    }
    if (!view_.is_load && view_.plan.arenas(buffer.arena()).scope() == Arena::PARAMETERS) {
      report_.Add(3, view_.Command(index_), ": writes ", view_.Buffer(operand.buffer()),
                  " of the PARAMETERS arena, which other sessions may be reading; only load may write there");
      return false;
    }
    if (inputs_.count(operand.buffer()) != 0) {
      report_.Add(3, view_.Command(index_), ": writes ", view_.Buffer(operand.buffer()),
                  ", an input, whose bytes may be the caller's own; copy it first");
      return false;
    }
    return true;
  }

  // Exactly these operands, read or written as given.
  bool Operands(const Command& command, std::initializer_list<Operand::Access> expected) {
    if (command.operands_size() != static_cast<int>(expected.size())) {
      Fail(command.operands_size(), " operands, ", expected.size(), " expected");
      return false;
    }
    int i = 0;
    for (const Operand::Access access : expected) {
      if (command.operands(i).access() != access) {
        Fail("operand ", i, " is ", Operand::Access_Name(command.operands(i).access()), ", ",
             Operand::Access_Name(access), " expected");
        return false;
      }
      ++i;
    }
    return true;
  }

  void CheckLaunch(const Launch& launch) {
    if (launch.code() < 0 || launch.code() >= static_cast<int>(symbols_.size())) {
      return Fail("launches from code ", launch.code(), " of ", symbols_.size());
    }
    if (symbols_[launch.code()].count(launch.symbol()) == 0) {
      Fail("launches ", Quote(launch.symbol()), ", which ", Quote(view_.plan.code(launch.code()).member()),
           " does not declare");
    }
    if (launch.tiles() < 0 || launch.tiles_per_task() < 0 || launch.shared_bytes() < 0) {
      Fail(launch.tiles(), " tiles, ", launch.tiles_per_task(), " a task, ", launch.shared_bytes(),
           " bytes of shared memory; none may be negative");
    }
    const bool is_cuda = view_.plan.target().kind() == Target::CUDA;
    for (const auto* sizes : {&launch.grid(), &launch.block()}) {
      if (sizes->size() != (is_cuda ? 3 : 0)) {
        Fail("a grid or block of ", sizes->size(), " dimensions, ", is_cuda ? 3 : 0, " expected");
      }
      for (const int64_t size : *sizes) {
        if (size < 1 || size > INT32_MAX) Fail("a grid or block of size ", size);
      }
    }
    constexpr int64_t kMostThreads = 1024;  // CUDA's own limit, which every GPU has
    int64_t threads = 1;
    for (const int64_t size : launch.block()) {
      if (threads <= kMostThreads) threads *= std::clamp<int64_t>(size, 1, kMostThreads + 1);
    }
    if (threads > kMostThreads) Fail("a block of more than 1,024 threads");
  }

  void CheckFill(const Command& command) {
    const int64_t pattern = static_cast<int64_t>(command.fill().pattern().size());
    const int64_t length = command.operands(0).length();
    if (pattern == 0 || length % pattern != 0) {
      Fail("fills ", length, " bytes with a pattern of ", pattern, ", which must divide that");
    }
  }

  void CheckHostCall(const Command& command) {
    const HostCall& call = command.host_call();
    if (call.function().empty()) Fail("a host call without a function");
    if (call.operand_types_size() != command.operands_size() || call.inputs() < 0 ||
        call.inputs() > command.operands_size()) {
      return Fail(command.operands_size(), " operands, ", call.operand_types_size(), " types of operands, ",
                  call.inputs(), " inputs");
    }
    for (int i = 0; i < command.operands_size(); ++i) {
      const Operand& operand = command.operands(i);
      if (operand.length() == 0) continue;  // absent, or no elements
      const int64_t bytes = CheckType(absl::StrCat(view_.Command(index_), ": operand ", i), call.operand_types(i),
                                      view_.program, report_);
      if (bytes > operand.length()) {
        Fail("operand ", i, " has ", operand.length(), " bytes, ", ToString(call.operand_types(i)), " takes ", bytes);
      }
      if (i < call.inputs() ? Writes(operand) : !Writes(operand)) {
        Fail("operand ", i, " is ", Operand::Access_Name(operand.access()), ", but one of the ",
             i < call.inputs() ? "inputs" : "outputs");
      }
    }
  }

  void CheckEvent(const Command& command, int event) {
    if (event < 0 || event >= view_.program.events()) Fail("event ", event, " of ", view_.program.events());
    if (command.operands_size() != 0) Fail("an event has no operands");
  }

  void CheckLoop(const Command& command) {
    const Loop& loop = command.loop();
    if (loop.max_trips() < 0) Fail(loop.max_trips(), " trips at most");
    if (loop.trips_slot() < 0 || loop.trips_slot() > view_.program.shape_slots_size()) {
      Fail("shape slot ", loop.trips_slot(), " of ", view_.program.shape_slots_size());
    } else if (loop.trips_slot() > 0 &&
               view_.program.shape_slots(loop.trips_slot() - 1).upper_bound() < loop.max_trips()) {
      Fail(loop.max_trips(), " trips at most, but their shape slot goes up to ",
           view_.program.shape_slots(loop.trips_slot() - 1).upper_bound());
    }
    int expected = 0;
    if (loop.has_condition()) {
      ++expected;
      if (command.operands_size() < 1 || !Reads(command.operands(0)) || Writes(command.operands(0)) ||
          command.operands(0).length() != 1) {
        return Fail("its first operand must be the condition: 1 byte, READ");
      }
    }
    if (loop.has_iteration()) {
      ++expected;
      if (command.operands_size() < expected || command.operands(expected - 1).access() != Operand::WRITE ||
          command.operands(expected - 1).length() != 8) {
        return Fail("operand ", expected - 1, " must be the iteration number: 8 bytes, WRITE");
      }
    }
    if (command.operands_size() != expected) Fail(command.operands_size(), " operands, ", expected, " expected");
  }

  const ProgramView& view_;
  Report& report_;
  std::vector<std::set<std::string>> symbols_;  // by code
  std::set<int> inputs_;                        // buffers of the signature's inputs
  int index_ = 0;
};

}  // namespace

void CheckCommands(const ProgramView& view, Report& report) {
  CommandCheck check(view, report);
  for (int i = 0; i < view.count && !report.full(); ++i) check.Check(i);
}

}  // namespace plimsoll::plan::validator
