#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/device/cpu/parallel.h"
#include "runtime/executor.h"

namespace plimsoll::runtime {
namespace {

// Of a segment that is worth a graph: launching one command costs no more than launching a graph of it.
constexpr int kLeastCaptured = 2;

}  // namespace

absl::Status Executor::Issue(StreamHandle stream, const std::atomic<bool>* cancel,
                             const std::function<void(int)>* after, bool ended) {
  main_ = stream;
  cancel_ = cancel;
  ended_ = ended;
  first_issued_ = last_issued_ = -1;
  return RunRange(0, static_cast<int>(steps_.size()), after != nullptr && *after ? after : nullptr);
}

absl::Status Executor::Finish() {
  absl::Status status = Await(main_);
  if (!status.ok()) status = AnnotateIssued(status);
  first_issued_ = last_issued_ = -1;
  return status;
}

absl::Status Executor::FinishAt(EventHandle event) {
  absl::Status status = AwaitEvent(event);
  if (!status.ok()) status = AnnotateIssued(status);
  first_issued_ = last_issued_ = -1;
  return status;
}

absl::Status Executor::Cancelled() const {
  if (cancel_ == nullptr || !cancel_->load(std::memory_order_relaxed)) return absl::OkStatus();
  return absl::CancelledError("the run was cancelled");
}

void Executor::Note(int first, int last) {
  if (first_issued_ < 0) first_issued_ = first;
  last_issued_ = last;
}

absl::Status Executor::RunRange(int begin, int end, const std::function<void(int)>* after) {
  for (int i = begin; i < end; ++i) {
    const Step& step = steps_[i];
    const plan::Command& command = *step.command;
    if (absl::Status status = Cancelled(); !status.ok()) return status;
    if (step.segment >= 0) {
      Segment& segment = segments_[step.segment];
      if (absl::Status status = RunSegment(segment, after); !status.ok()) return status;
      i = segment.end - 1;
      continue;
    }
    if (command.has_branch()) {
      const plan::Branch& branch = command.branch();
      const int then_end = i + 1 + branch.then_commands();
      const int else_end = then_end + branch.else_commands();
      auto taken = ReadCondition(step.first_operand);
      if (!taken.ok()) return Annotate(i, taken.status());
      absl::Status status = *taken ? RunRange(i + 1, then_end) : RunRange(then_end, else_end);
      if (!status.ok()) return status;
      i = else_end - 1;
    } else if (command.has_loop()) {
      if (absl::Status status = RunLoop(i); !status.ok()) return status;
      i += command.loop().body_commands();
    } else if (absl::Status status = RunStep(step); !status.ok()) {
      return Annotate(i, status);
    }
    if (after == nullptr) continue;
    if (ended_) {
      if (absl::Status status = Finish(); !status.ok()) return status;
    }
    (*after)(i);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Executor::ReadCondition(int pointer) {
  if (device_.is_host()) return *static_cast<const uint8_t*>(pointers_[pointer]) != 0;
  absl::Status status = device_.Copy(staging_.data, pointers_[pointer], 1, Device::Direction::kOut, main_);
  if (!status.ok()) return status;
  if (status = Finish(); !status.ok()) return status;
  return *staging_.data != std::byte{0};
}

absl::Status Executor::RunLoop(int index) {
  const plan::Loop& loop = steps_[index].command->loop();
  int operand = steps_[index].first_operand;
  const int condition = loop.has_condition() ? operand++ : -1;
  const int iteration = loop.has_iteration() ? operand++ : -1;
  int64_t trips = 0;
  for (; trips < loop.max_trips(); ++trips) {
    if (absl::Status status = Cancelled(); !status.ok()) return status;
    if (condition >= 0) {
      auto goes_on = ReadCondition(condition);
      if (!goes_on.ok()) return Annotate(index, goes_on.status());
      if (!*goes_on) break;
    }
    if (iteration >= 0) {
      // A fill takes the number with it: no memory of the host that would have to wait.
      absl::Status status = device_.Fill(pointers_[iteration], sizeof(trips),
                                         std::string_view(reinterpret_cast<const char*>(&trips), sizeof(trips)), main_);
      if (!status.ok()) return Annotate(index, status);
    }
    absl::Status status = RunRange(index + 1, index + 1 + loop.body_commands());
    if (!status.ok()) return status;
  }
  if (loop.trips_slot() > 0) slots_[loop.trips_slot() - 1] = trips;
  return absl::OkStatus();
}

absl::Status Executor::RunSegment(Segment& segment, const std::function<void(int)>* after) {
  if (after != nullptr || options_.check_every_command) return IssueSegment(segment, after);
  if (!segment.captured && !segment.changed && segment.capturable) {
    if (absl::Status status = Capture(segment); !status.ok()) return status;
  }
  segment.changed = false;
  if (!segment.captured) return IssueSegment(segment, nullptr);
  Note(segment.begin, segment.end - 1);
  absl::Status status = device_.LaunchGraph(segment.graph.get(), main_);
  return status.ok() ? status : AnnotateIssued(status);
}

absl::Status Executor::IssueSegment(const Segment& segment, const std::function<void(int)>* after) {
  if (!segment.side_streams.empty()) {
    if (absl::Status status = device_.Record(fork_.get(), main_); !status.ok()) return status;
    for (int side : segment.side_streams) {
      if (absl::Status status = device_.Wait(fork_.get(), StreamOf(side)); !status.ok()) return status;
    }
  }
  for (int i = segment.begin; i < segment.end; ++i) {
    if (absl::Status status = Cancelled(); !status.ok()) return status;
    absl::Status status = RunStep(steps_[i]);
    if (status.ok() && (options_.check_every_command || (after != nullptr && ended_))) {
      status = Await(StreamOf(program_.commands(i).stream()));
    }
    if (!status.ok()) return Annotate(i, status);
    Note(i, i);
    if (after != nullptr) (*after)(i);
  }
  for (int side : segment.side_streams) {
    if (absl::Status status = device_.Record(joins_[side].get(), StreamOf(side)); !status.ok()) return status;
    if (absl::Status status = device_.Wait(joins_[side].get(), main_); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Executor::Capture(Segment& segment) {
  if (!options_.graphs || options_.check_every_command || segment.end - segment.begin < kLeastCaptured) {
    segment.capturable = false;
    return absl::OkStatus();
  }
  const StreamHandle former_main = std::exchange(main_, stream());
  const std::atomic<bool>* const former_cancel = std::exchange(cancel_, nullptr);
  const std::pair<int, int> former_issued(first_issued_, last_issued_);
  absl::Status status = device_.BeginCapture(main_);
  if (status.ok()) {
    status = IssueSegment(segment, nullptr);
    auto graph = device_.EndCapture(main_);
    if (status.ok()) status = graph.status();
    if (status.ok()) segment.graph = *std::move(graph);
  }
  main_ = former_main;
  cancel_ = former_cancel;
  std::tie(first_issued_, last_issued_) = former_issued;
  segment.captured = status.ok();
  // A library may do what no graph can hold: the segment is then issued command by command.
  segment.capturable = status.ok();
  return status.code() == absl::StatusCode::kUnimplemented ? absl::OkStatus() : status;
}

absl::Status Executor::RunStep(const Step& step) {
  void* const* operands = pointers_.data() + step.first_operand;
  const plan::Command& command = *step.command;
  const StreamHandle stream = StreamOf(device_.is_host() ? 0 : command.stream());
  if (step.launch != nullptr) return device_.Launch(step.kernel, *step.launch, operands, step.operands, stream);
  switch (command.kind_case()) {
    case plan::Command::kLibraryCall:
      return step.library->Run(absl::MakeConstSpan(operands, static_cast<size_t>(command.operands_size())), stream);
    case plan::Command::kCopy:
      return RunCopy(step, operands[1], operands[0], command.operands(1).length(), stream);
    case plan::Command::kFill:
      return device_.Fill(operands[0], command.operands(0).length(), command.fill().pattern(), stream);
    case plan::Command::kHostCall:
      return RunHost(step);
    case plan::Command::kCollective:
      return RunCollective(step, operands, stream);
    case plan::Command::kEventRecord:
      return device_.is_host() ? absl::OkStatus()
                               : device_.Record(events_[command.event_record().event()].get(), stream);
    case plan::Command::kEventWait:
      if (device_.is_host() || step.skipped) return absl::OkStatus();
      return device_.Wait(events_[command.event_wait().event()].get(), stream);
    default:
      return absl::OkStatus();
  }
}

absl::Status Executor::RunCopy(const Step& step, void* to, const void* from, int64_t bytes, StreamHandle stream) {
  if (!step.uploads && !step.in_host) return device_.Copy(to, from, bytes, step.direction, stream);
  // The uploader waits for its memory, and so for what is in the stream, which may be other ranks' work. Between places of
  // the host the device's work must be done: it may read or write there.
  if (ranks_ || step.in_host) {
    if (absl::Status status = Await(stream); !status.ok()) return status;
  }
  if (step.uploads) return uploader_->Upload(to, from, bytes, stream);
  cpu::CopyBytes(static_cast<std::byte*>(to), static_cast<const std::byte*>(from), bytes);
  return absl::OkStatus();
}

absl::Status Executor::RunHost(const Step& step) {
  const plan::HostCall& call = step.command->host_call();
  const bool staged = !device_.is_host();
  const size_t count = static_cast<size_t>(call.operand_types_size());
  absl::Span<HostTensor> tensors(host_tensors_.data() + step.host_tensors, count);
  for (size_t i = 0; i < count; ++i) {
    void* address = pointers_[step.first_operand + i];
    const plan::Operand& operand = step.command->operands(static_cast<int>(i));
    tensors[i].data = staged ? staging_.data + staged_at_[step.host_tensors + i] : static_cast<std::byte*>(address);
    if (staged && operand.access() != plan::Operand::WRITE) {
      absl::Status status = device_.Copy(tensors[i].data, address, operand.length(), Device::Direction::kOut, main_);
      if (!status.ok()) return status;
    }
    const plan::TensorType& type = call.operand_types(static_cast<int>(i));
    if (static_cast<int>(i) >= call.inputs()) continue;
    for (int d = 0; d < type.slots_size(); ++d) {
      if (type.slots(d) > 0) tensors[i].dims[d] = slots_[type.slots(d) - 1];
    }
  }
  // Also for a call that reads nothing: copies of the call before may still read the staging area.
  if (staged) {
    if (absl::Status status = Finish(); !status.ok()) return status;
  }
  HostCallContext context(call, tensors.subspan(0, call.inputs()), tensors.subspan(call.inputs()),
                          absl::MakeSpan(slots_));
  if (absl::Status status = step.host(context); !status.ok() || !staged) return status;
  for (size_t i = 0; i < count; ++i) {
    const plan::Operand& operand = step.command->operands(static_cast<int>(i));
    if (operand.access() == plan::Operand::READ) continue;
    absl::Status status = device_.Copy(pointers_[step.first_operand + i], tensors[i].data, operand.length(),
                                       Device::Direction::kIn, main_);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::runtime
