#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/device/cpu/parallel.h"
#include "runtime/executor.h"

namespace plimsoll::runtime {
namespace {

constexpr int64_t kCopyTileBytes = int64_t{1} << 20;

void Copy(std::byte* to, const std::byte* from, int64_t bytes) {
  if (to == from) return;
  if (to < from + bytes && from < to + bytes) {
    std::memmove(to, from, static_cast<size_t>(bytes));
    return;
  }
  cpu::ParallelFor((bytes + kCopyTileBytes - 1) / kCopyTileBytes, 1, [&](int64_t begin, int64_t end) {
    const int64_t first = begin * kCopyTileBytes;
    std::memcpy(to + first, from + first, static_cast<size_t>(std::min(bytes, end * kCopyTileBytes) - first));
  });
}

void Fill(std::byte* to, int64_t bytes, const std::string& pattern) {
  if (bytes == 0 || pattern.empty()) return;
  if (pattern.size() == 1) {
    std::memset(to, pattern[0], static_cast<size_t>(bytes));
    return;
  }
  int64_t done = std::min<int64_t>(bytes, static_cast<int64_t>(pattern.size()));
  std::memcpy(to, pattern.data(), static_cast<size_t>(done));
  // Doubles what is there: a whole number of patterns each time.
  while (done < bytes) {
    const int64_t more = std::min(done, bytes - done);
    std::memcpy(to + done, to, static_cast<size_t>(more));
    done += more;
  }
}

}  // namespace

absl::Status Executor::Run() {
  static const std::function<void(int)> kNothing;
  return Run(kNothing);
}

absl::Status Executor::Run(const std::function<void(int)>& after) {
  const int former = cpu::MaxThreads();
  cpu::SetMaxThreads(plan_.target().threads() > 0 ? plan_.target().threads() : cpu::HardwareThreads());
  absl::Status status = RunRange(0, static_cast<int>(steps_.size()), after ? &after : nullptr);
  cpu::SetMaxThreads(former);
  return status;
}

absl::Status Executor::RunRange(int begin, int end, const std::function<void(int)>* after) {
  for (int i = begin; i < end; ++i) {
    const plan::Command& command = *steps_[i].command;
    if (command.has_branch()) {
      const plan::Branch& branch = command.branch();
      const int then_end = i + 1 + branch.then_commands();
      const int else_end = then_end + branch.else_commands();
      const bool taken = *static_cast<const uint8_t*>(pointers_[steps_[i].first_operand]) != 0;
      absl::Status status = taken ? RunRange(i + 1, then_end) : RunRange(then_end, else_end);
      if (!status.ok()) return status;
      i = else_end - 1;
    } else if (command.has_loop()) {
      if (absl::Status status = RunLoop(i); !status.ok()) return status;
      i += command.loop().body_commands();
    } else if (absl::Status status = RunStep(steps_[i]); !status.ok()) {
      return Annotate(i, status);
    }
    if (after != nullptr) (*after)(i);
  }
  return absl::OkStatus();
}

absl::Status Executor::RunLoop(int index) {
  const plan::Loop& loop = steps_[index].command->loop();
  int operand = steps_[index].first_operand;
  const int condition = loop.has_condition() ? operand++ : -1;
  const int iteration = loop.has_iteration() ? operand++ : -1;
  int64_t trips = 0;
  for (; trips < loop.max_trips(); ++trips) {
    if (condition >= 0 && *static_cast<const uint8_t*>(pointers_[condition]) == 0) break;
    if (iteration >= 0) std::memcpy(pointers_[iteration], &trips, sizeof(trips));
    absl::Status status = RunRange(index + 1, index + 1 + loop.body_commands());
    if (!status.ok()) return status;
  }
  if (loop.trips_slot() > 0) slots_[loop.trips_slot() - 1] = trips;
  return absl::OkStatus();
}

absl::Status Executor::RunStep(const Step& step) {
  void* const* operands = pointers_.data() + step.first_operand;
  const plan::Command& command = *step.command;
  switch (command.kind_case()) {
    case plan::Command::kLaunch: {
      const cpu::Kernel kernel = step.kernel;
      cpu::ParallelFor(command.launch().tiles(), command.launch().tiles_per_task(),
                       [&](int64_t begin, int64_t end) { kernel(operands, begin, end); });
      return absl::OkStatus();
    }
    case plan::Command::kLibraryCall:
      return step.library->Run(absl::MakeConstSpan(operands, static_cast<size_t>(command.operands_size())), nullptr);
    case plan::Command::kCopy:
      Copy(static_cast<std::byte*>(operands[1]), static_cast<const std::byte*>(operands[0]),
           command.operands(1).length());
      return absl::OkStatus();
    case plan::Command::kFill:
      Fill(static_cast<std::byte*>(operands[0]), command.operands(0).length(), command.fill().pattern());
      return absl::OkStatus();
    case plan::Command::kHostCall: return RunHost(step);
    default: return absl::OkStatus();  // events: one stream of commands runs in order
  }
}

absl::Status Executor::RunHost(const Step& step) {
  const plan::HostCall& call = step.command->host_call();
  const size_t count = static_cast<size_t>(call.operand_types_size());
  absl::Span<HostTensor> tensors(host_tensors_.data() + step.host_tensors, count);
  for (size_t i = 0; i < count; ++i) {
    tensors[i].data = static_cast<std::byte*>(pointers_[step.first_operand + i]);
    const plan::TensorType& type = call.operand_types(static_cast<int>(i));
    if (static_cast<int>(i) >= call.inputs()) continue;
    for (int d = 0; d < type.slots_size(); ++d) {
      if (type.slots(d) > 0) tensors[i].dims[d] = slots_[type.slots(d) - 1];
    }
  }
  HostCallContext context(call, tensors.subspan(0, call.inputs()), tensors.subspan(call.inputs()),
                          absl::MakeSpan(slots_));
  return step.host(context);
}

}  // namespace plimsoll::runtime
