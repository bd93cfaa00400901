#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ir/plan/collective.h"
#include "runtime/executor.h"
#include "runtime/tuner.h"

namespace plimsoll::runtime {
namespace {

constexpr int64_t kStagingAlignment = 64;
constexpr int64_t kConditionBytes = 64;

const char* KindName(const plan::Command& command) {
  switch (command.kind_case()) {
    case plan::Command::kLaunch:
      return "launch";
    case plan::Command::kLibraryCall:
      return "library call";
    case plan::Command::kCopy:
      return "copy";
    case plan::Command::kFill:
      return "fill";
    case plan::Command::kHostCall:
      return "host call";
    case plan::Command::kEventRecord:
      return "event record";
    case plan::Command::kEventWait:
      return "event wait";
    case plan::Command::kBranch:
      return "branch";
    case plan::Command::kLoop:
      return "loop";
    case plan::Command::kCollective:
      return plan::Name(command.collective().kind());
    default:
      return "nothing";
  }
}

int64_t RoundUp(int64_t bytes) { return (bytes + kStagingAlignment - 1) / kStagingAlignment * kStagingAlignment; }

}  // namespace

absl::StatusOr<std::unique_ptr<Executor>> Executor::Create(Device& device, const plan::Plan& plan,
                                                           const plan::Program& program, const Memory& memory,
                                                           const ExecutorOptions& options) {
  std::unique_ptr<Executor> executor(new Executor(device, plan, program, options));
  if (absl::Status status = executor->ResolveBuffers(memory); !status.ok()) return status;
  executor->groups_ = memory.groups;
  executor->ranks_ =
      memory.groups != nullptr && memory.groups->world() != nullptr && collective::Communicates(program);
  executor->steps_.resize(program.commands_size());
  for (int i = 0; i < program.commands_size(); ++i) {
    absl::Status status = executor->PrepareStep(i, memory);
    if (!status.ok()) return executor->Annotate(i, status);
  }
  for (const plan::ShapeSlot& slot : program.shape_slots()) executor->slots_.push_back(slot.upper_bound());
  if (!device.is_host()) executor->CutSegments();
  if (absl::Status status = executor->CreateStreams(); !status.ok()) return status;
  if (device.is_host()) return executor;
  if (absl::Status status = executor->AllocateStaging(); !status.ok()) return status;
  executor->main_ = executor->stream();
  for (Segment& segment : executor->segments_) {
    if (absl::Status status = executor->Capture(segment); !status.ok()) return status;
  }
  return executor;
}

absl::Status Executor::ResolveBuffers(const Memory& memory) {
  for (const plan::Buffer& buffer : program_.buffers()) {
    std::byte* address = nullptr;
    if (buffer.has_weight()) {
      address = const_cast<std::byte*>(memory.weights[buffer.weight()]);
    } else if (memory.arenas[buffer.arena()] != nullptr) {
      address = memory.arenas[buffer.arena()] + buffer.offset();
    }
    planned_.push_back(address);
  }
  addresses_ = planned_;
  written_.resize(planned_.size());
  uses_.resize(planned_.size());
  return absl::OkStatus();
}

absl::Status Executor::PrepareStep(int index, const Memory& memory) {
  const plan::Command& command = program_.commands(index);
  Step& step = steps_[index];
  step.command = &command;
  step.first_operand = static_cast<int>(pointers_.size());
  for (const plan::Operand& operand : command.operands()) {
    uses_[operand.buffer()].push_back({static_cast<int>(pointers_.size()), operand.offset(), index});
    std::byte* address = addresses_[operand.buffer()];
    pointers_.push_back(address == nullptr ? nullptr : address + operand.offset());
    if (operand.access() != plan::Operand::READ) written_[operand.buffer()] = true;
  }
  if (absl::Status status = FindPlaces(step); !status.ok()) return status;
  switch (command.kind_case()) {
    case plan::Command::kLaunch:
      return PrepareLaunch(step, command.launch(), command.operands_size(), memory);
    case plan::Command::kLibraryCall:
      return PrepareLibraryCall(index, memory);
    case plan::Command::kHostCall:
      return PrepareHostCall(step);
    case plan::Command::kCollective:
      return PrepareCollective(step);
    case plan::Command::kCopy:
    case plan::Command::kFill:
    case plan::Command::kEventRecord:
    case plan::Command::kEventWait:
    case plan::Command::kBranch:
    case plan::Command::kLoop:
      return absl::OkStatus();
    default:
      return absl::DataLossError("a command of no kind");
  }
}

absl::Status Executor::FindPlaces(Step& step) {
  if (device_.is_host()) return absl::OkStatus();
  const auto buffer = [&](int operand) -> const plan::Buffer& {
    return program_.buffers(step.command->operands(operand).buffer());
  };
  const auto on_host = [&](int operand) {
    return buffer(operand).has_weight() || plan_.arenas(buffer(operand).arena()).space() == plan::Arena::HOST;
  };
  if (step.command->has_copy() || step.command->collective().kind() == plan::Collective::ALL_SLICE) {
    const bool from = on_host(0), to = on_host(1);
    step.in_host = from && to;
    step.uploads = buffer(0).has_weight() && !to;
    step.direction = from ? Device::Direction::kIn : to ? Device::Direction::kOut : Device::Direction::kWithin;
    if (&program_ == &plan_.load() || !(step.in_host || step.uploads)) return absl::OkStatus();
    return absl::DataLossError("a copy that only load does");
  }
  for (int i = 0; i < step.command->operands_size(); ++i) {
    if (!on_host(i)) continue;
    return absl::DataLossError(
        absl::StrCat("the bytes of '", buffer(i).name(), "' are the host's: on this device only copies touch them"));
  }
  return absl::OkStatus();
}

absl::Status Executor::PrepareLaunch(Step& step, const plan::Launch& launch, int operands, const Memory& memory) {
  const Code* code = memory.code[launch.code()];
  if (code == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat(plan_.code(launch.code()).member(), " holds no kernels for ", device_.name()));
  }
  auto kernel = code->Find(launch, operands);
  if (!kernel.ok()) return kernel.status();
  step.kernel = *kernel;
  step.launch = &launch;
  step.operands = operands;
  return absl::OkStatus();
}

absl::Status Executor::PrepareLibraryCall(int index, const Memory& memory) {
  Step& step = steps_[index];
  const plan::Command& command = *step.command;
  const plan::LibraryCall& call = command.library_call();
  const bool has_workspace = call.op().workspace_bytes() > 0;
  const int fallback_operands = command.operands_size() - (has_workspace ? 1 : 0);
  if (call.op().library().empty() && call.has_fallback()) {
    return PrepareLaunch(step, call.fallback(), fallback_operands, memory);  // no library was meant
  }
  auto library = PrepareLibrary(call.op(), absl::MakeConstSpan(pointers_).subspan(step.first_operand));
  if (!library.ok()) {
    const absl::StatusCode code = library.status().code();
    const bool can_do_without = code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kUnimplemented ||
                                code == absl::StatusCode::kFailedPrecondition;
    if (!can_do_without || !call.has_fallback()) return library.status();
    fallbacks_.push_back({index, library.status()});
    return PrepareLaunch(step, call.fallback(), fallback_operands, memory);
  }
  if ((*library)->operand_count() != command.operands_size()) {
    return absl::DataLossError(absl::StrCat("the library takes ", (*library)->operand_count(),
                                            " operands, the command has ", command.operands_size()));
  }
  step.library = *library;
  return absl::OkStatus();
}

absl::Status Executor::PrepareHostCall(Step& step) {
  const plan::Command& command = *step.command;
  const plan::HostCall& call = command.host_call();
  step.host = FindHostFunction(call.function());
  if (step.host == nullptr) {
    return absl::UnimplementedError(absl::StrCat("this runtime has no host function '", call.function(), "'"));
  }
  if (call.operand_types_size() != command.operands_size() || call.inputs() < 0 ||
      call.inputs() > command.operands_size()) {
    return absl::DataLossError("a host call's operands and operand_types differ in number");
  }
  step.host_tensors = static_cast<int>(host_tensors_.size());
  int64_t offset = kConditionBytes;
  for (int i = 0; i < command.operands_size(); ++i) {
    const plan::TensorType& type = call.operand_types(i);
    HostTensor tensor;
    tensor.dtype = type.dtype();
    tensor.dims.assign(type.dims().begin(), type.dims().end());
    tensor.bytes = command.operands(i).length();
    // Length 0 is a left-out operand, or a tensor of no elements.
    if (tensor.bytes == 0 && tensor.count() != 0) tensor.dtype = plan::DATA_TYPE_UNDEFINED;
    host_tensors_.push_back(std::move(tensor));
    staged_at_.push_back(offset);
    offset = RoundUp(offset + command.operands(i).length());
  }
  return absl::OkStatus();
}

absl::StatusOr<PreparedOp*> Executor::PrepareLibrary(const plan::LibraryOp& op, absl::Span<void* const> operands) {
  std::string key = op.SerializeAsString();
  for (auto& [known, prepared] : libraries_) {
    if (known == key) return prepared.get();
  }
  PrepareOptions options;
  options.device = device_.ordinal();
  Resource stream;
  if (options_.tune && !device_.is_host()) {
    auto made = device_.CreateStream();
    if (!made.ok()) return made.status();
    stream = *std::move(made);
  }
  DeviceTuner tuner(device_, stream.get(), operands);
  if (stream.get() != nullptr) options.tuner = &tuner;
  auto prepared = Prepare(op, plan_.target(), options);
  if (!prepared.ok()) return prepared.status();
  libraries_.emplace_back(std::move(key), *std::move(prepared));
  return libraries_.back().second.get();
}

void Executor::CutSegments() {
  std::vector<bool> begins_body(program_.commands_size() + 1, false);
  for (int i = 0; i < program_.commands_size(); ++i) {
    const plan::Command& command = program_.commands(i);
    if (command.has_branch()) {
      const int then_end = i + 1 + command.branch().then_commands();
      begins_body[then_end] = begins_body[then_end + command.branch().else_commands()] = true;
    } else if (command.has_loop()) {
      begins_body[i + 1 + command.loop().body_commands()] = true;
    }
  }
  std::vector<int> recorded_in(program_.events(), -1);  // the segment of an event's last record
  bool open = false;
  for (int i = 0; i < program_.commands_size(); ++i) {
    const plan::Command& command = program_.commands(i);
    if (begins_body[i]) open = false;
    if (command.has_branch() || command.has_loop() || command.has_host_call()) {
      open = false;
      continue;
    }
    if (!open) segments_.emplace_back().begin = i;
    open = true;
    const int segment = static_cast<int>(segments_.size()) - 1;
    segments_[segment].end = i + 1;
    steps_[i].segment = segment;
    std::vector<int>& side = segments_[segment].side_streams;
    if (command.stream() != 0 && std::find(side.begin(), side.end(), command.stream()) == side.end()) {
      side.push_back(command.stream());
    }
    // What was recorded in an earlier segment is done: segments join their streams.
    if (command.has_event_record()) recorded_in[command.event_record().event()] = segment;
    if (command.has_event_wait()) steps_[i].skipped = recorded_in[command.event_wait().event()] != segment;
  }
}

absl::Status Executor::CreateStreams() {
  const auto create = [](absl::StatusOr<Resource> made, Resource& place) {
    if (made.ok()) place = *std::move(made);
    return made.status();
  };
  streams_.resize(std::max(1, device_.is_host() ? 1 : program_.streams()));
  for (Resource& stream : streams_) {
    if (absl::Status status = create(device_.CreateStream(), stream); !status.ok()) return status;
  }
  if (device_.is_host()) return absl::OkStatus();
  events_.resize(program_.events());
  for (const plan::Command& command : program_.commands()) {
    if (!command.has_event_record() || events_[command.event_record().event()].get() != nullptr) continue;
    absl::Status status = create(device_.CreateEvent(), events_[command.event_record().event()]);
    if (!status.ok()) return status;
  }
  if (streams_.size() == 1) return absl::OkStatus();
  if (absl::Status status = create(device_.CreateEvent(), fork_); !status.ok()) return status;
  joins_.resize(streams_.size());
  for (Resource& join : joins_) {
    if (absl::Status status = create(device_.CreateEvent(), join); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Executor::AllocateStaging() {
  int64_t bytes = kConditionBytes, upload = 0;
  bool needed = false;
  for (const Step& step : steps_) {
    needed |= step.command->has_branch() || step.command->has_loop() || step.host != nullptr;
    if (step.uploads) upload = std::max(upload, step.command->operands(1).length());
    if (step.host == nullptr) continue;
    for (int i = 0; i < step.command->operands_size(); ++i) {
      bytes = std::max(bytes, RoundUp(staged_at_[step.host_tensors + i] + step.command->operands(i).length()));
    }
  }
  if (needed) {
    auto staging = device_.AllocateHost(bytes);
    if (!staging.ok()) return staging.status();
    staging_ = *std::move(staging);
  }
  if (upload > 0) {
    auto uploader = Uploader::Create(device_, std::min(upload, Uploader::kChunkBytes));
    if (!uploader.ok()) return uploader.status();
    uploader_ = *std::move(uploader);
  }
  return absl::OkStatus();
}

void Executor::Rebind(int buffer, std::byte* address) {
  if (addresses_[buffer] == address) return;
  addresses_[buffer] = address;
  for (const OperandPlace& use : uses_[buffer]) {
    pointers_[use.pointer] = address == nullptr ? nullptr : address + use.offset;
    if (steps_[use.command].segment < 0) continue;
    Segment& segment = segments_[steps_[use.command].segment];
    segment.changed = true;
    segment.captured = false;
  }
}

int Executor::captured_segments() const {
  return static_cast<int>(
      std::count_if(segments_.begin(), segments_.end(), [](const Segment& s) { return s.captured; }));
}

absl::Status Executor::Annotate(int index, const absl::Status& status) const {
  const plan::Command& command = program_.commands(index);
  return absl::Status(status.code(), absl::StrCat(program_name(), " command ", index, " (", KindName(command),
                                                  ", node '", command.node(), "'): ", std::string(status.message())));
}

absl::Status Executor::AnnotateIssued(const absl::Status& status) const {
  if (first_issued_ < 0) return status;
  if (first_issued_ == last_issued_) return Annotate(first_issued_, status);
  return absl::Status(status.code(),
                      absl::StrCat("one of the ", program_name(), " commands ", first_issued_, " (node '",
                                   program_.commands(first_issued_).node(), "') to ", last_issued_, " (node '",
                                   program_.commands(last_issued_).node(), "'): ", std::string(status.message()),
                                   "; loaded with check_every_command, the plan tells which"));
}

}  // namespace plimsoll::runtime
