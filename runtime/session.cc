#include "runtime/session.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/arenas.h"

namespace plimsoll::runtime {

absl::StatusOr<std::unique_ptr<Session>> Session::Create(std::shared_ptr<const Program> program) {
  std::unique_ptr<Session> session(new Session(std::move(program)));
  absl::Status status = session->TakeRanks();
  if (!status.ok()) return status;
  status = session->Prepare();
  if (status.ok()) return session;
  if (session->has_ranks_) session->program_->EndRanks(status);  // others may be waiting for this one
  return status;
}

absl::Status Session::TakeRanks() {
  const collective::Groups* groups = program_->groups_.get();
  if (groups == nullptr || groups->world() == nullptr || !collective::Communicates(program_->plan().run())) {
    return absl::OkStatus();
  }
  has_ranks_ = program_->TakeRanks();
  if (has_ranks_) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "a program whose ranks meet in its run has one session at a time, and it has one");
}

absl::Status Session::Prepare() {
  const plan::Plan& plan = program_->plan();
  DeviceScope scope(device_, plan.target());
  Memory memory = program_->memory_;
  std::byte* base = program_->TakeSessionPlace();
  has_program_place_ = base != nullptr;
  ArenaLayout layout = LayOut(plan, plan::Arena::SESSION);
  if (has_program_place_) {
    layout = LayOut(plan, plan::Arena::SESSION, LayOut(plan, plan::Arena::PARAMETERS).end);
  } else {
    auto block = device_.Allocate(layout.end, layout.alignment);
    if (!block.ok()) {
      return absl::Status(block.status().code(), absl::StrCat("a session takes ", layout.end,
                                                              " bytes: ", std::string(block.status().message())));
    }
    block_ = *std::move(block);
    base = block_.data;
  }
  layout.Resolve(base, memory.arenas);
  arena_bytes_ = layout.arena_bytes;
  auto host = AllocateHostArenas(device_, plan, plan::Arena::SESSION, memory.arenas);
  if (!host.ok()) return host.status();
  host_block_ = *std::move(host);
  auto executor = Executor::Create(device_, plan, plan.run(), memory, program_->executor_options_);
  if (!executor.ok()) return executor.status();
  executor_ = *std::move(executor);
  auto done = device_.CreateEvent();
  if (!done.ok()) return done.status();
  done_ = *std::move(done);
  if (absl::Status status = program_->MeasureReserve(); !status.ok()) return status;
  return MakePorts();
}

Session::~Session() {
  {
    DeviceScope scope(device_, program_->plan().target());
    if (pending_) {
      if (absl::Status status = executor_->FinishAt(done_.get()); !status.ok()) executor_->GiveUp(status);
    }
    executor_.reset();
  }
  if (has_ranks_) program_->ReturnRanks();
  if (has_program_place_) program_->ReturnSessionPlace();
}

absl::Status Session::CopyIn(StreamHandle stream) {
  for (const Port& port : inputs_) {
    if (port.fixed != nullptr) continue;
    const plan::TensorType& type = port.binding->type();
    for (int i = 0; i < type.slots_size(); ++i) {
      if (type.slots(i) > 0) executor_->slot(type.slots(i) - 1) = port.dims[i];
    }
    if (!port.copied) continue;
    const auto direction = port.place == Device::Place::kDevice ? Device::Direction::kWithin : Device::Direction::kIn;
    absl::Status status = device_.Copy(executor_->planned_address(port.binding->buffer()), port.bound,
                                       ActualBytes(port), direction, stream);
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("input '", port.binding->name(), "': ", std::string(status.message())));
    }
  }
  return absl::OkStatus();
}

void Session::Cancel() {
  cancelled_.store(true, std::memory_order_relaxed);
  // The run may be waiting for another rank.
  if (has_ranks_ && running_.load()) program_->EndRanks(absl::CancelledError("the run was cancelled"));
}

absl::Status Session::CopyOut(StreamHandle stream) {
  const bool waits = std::any_of(outputs_.begin(), outputs_.end(), [](const Port& port) {
    return port.copied && port.place == Device::Place::kHost;
  });
  if (executor_->has_ranks() && waits) {
    if (absl::Status status = executor_->Finish(); !status.ok()) return status;
  }
  for (const Port& port : outputs_) {
    if (!port.copied) continue;
    const auto direction = port.place == Device::Place::kDevice ? Device::Direction::kWithin : Device::Direction::kOut;
    absl::Status status =
        device_.Copy(port.bound, executor_->address(port.binding->buffer()), ActualBytes(port), direction, stream);
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("output '", port.binding->name(), "': ", std::string(status.message())));
    }
  }
  return absl::OkStatus();
}

void Session::ResolveOutputDims() {
  for (Port& port : outputs_) {
    const plan::TensorType& type = port.binding->type();
    for (int i = 0; i < type.slots_size(); ++i) {
      if (type.slots(i) > 0) port.dims[i] = executor_->slot(type.slots(i) - 1);
    }
  }
}

absl::Status Session::Issue(StreamHandle stream, const std::function<void(int)>* after) {
  cancelled_.store(false, std::memory_order_relaxed);
  if (pending_) {
    // Copies that come next may block the host: not behind a collective that another rank never comes to.
    absl::Status status = has_ranks_ ? executor_->FinishAt(done_.get()) : device_.Wait(done_.get(), stream);
    if (!status.ok()) return status;
  }
  if (absl::Status status = CopyIn(stream); !status.ok()) return status;
  if (absl::Status status = executor_->Issue(stream, &cancelled_, after); !status.ok()) return status;
  ResolveOutputDims();
  has_run_ = true;
  return CopyOut(stream);
}

absl::Status Session::Run() {
  static const std::function<void(int)> kNothing;
  return Run(kNothing);
}

absl::Status Session::Run(const std::function<void(int)>& after) {
  if (running_.exchange(true, std::memory_order_acquire)) {
    return absl::FailedPreconditionError("the session is running: one run at a time; create a second session");
  }
  absl::Status status;
  {
    DeviceScope scope(device_, program_->plan().target());
    status = Issue(executor_->stream(), &after);
    if (status.ok()) status = executor_->Finish();
    if (!status.ok()) executor_->GiveUp(status);
    pending_ = false;
  }
  running_.store(false, std::memory_order_release);
  return status;
}

absl::Status Session::CheckPinned() const {
  for (const std::vector<Port>& ports : {std::cref(inputs_), std::cref<std::vector<Port>>(outputs_)}) {
    for (const Port& port : ports) {
      if (!port.copied || port.place != Device::Place::kHost) continue;
      return absl::FailedPreconditionError(absl::StrCat(
          "'", port.binding->name(), "' is bound to memory of the host that is not pinned, which a run in a ",
          "stream cannot use: bind pinned memory or the device's, or call Run"));
    }
  }
  return absl::OkStatus();
}

absl::Status Session::RunAsync(StreamHandle stream) {
  if (device_.is_host()) {
    if (stream != nullptr) return absl::InvalidArgumentError("the CPU has no streams");
    return Run();
  }
  if (running_.exchange(true, std::memory_order_acquire)) {
    return absl::FailedPreconditionError("the session is running: one run at a time; create a second session");
  }
  absl::Status status = CheckPinned();
  if (status.ok()) {
    DeviceScope scope(device_, program_->plan().target());
    if (stream == nullptr) stream = executor_->stream();
    status = Issue(stream, nullptr);
    if (status.ok()) status = device_.Record(done_.get(), stream);
    pending_ = status.ok();
    if (!status.ok()) executor_->GiveUp(status);
  }
  running_.store(false, std::memory_order_release);
  return status;
}

absl::Status Session::Wait() {
  if (running_.exchange(true, std::memory_order_acquire)) {
    return absl::FailedPreconditionError("the session is running: wait on the thread that runs it");
  }
  absl::Status status;
  if (pending_) {
    DeviceScope scope(device_, program_->plan().target());
    status = executor_->FinishAt(done_.get());
    if (!status.ok() && has_ranks_) executor_->GiveUp(status);
    pending_ = false;
  }
  running_.store(false, std::memory_order_release);
  return status;
}

}  // namespace plimsoll::runtime
