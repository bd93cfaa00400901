// Collectives, and waiting for work that other ranks may never let end.
#include <cstddef>
#include <string_view>

#include "ir/plan/collective.h"
#include "ir/plan/types.h"
#include "runtime/collective/await.h"
#include "runtime/executor.h"

namespace plimsoll::runtime {
absl::Status Executor::PrepareCollective(Step& step) {
  const plan::Collective& collective = step.command->collective();
  if (groups_ == nullptr) return absl::FailedPreconditionError("a collective, and nobody to do it with");
  step.communicator = groups_->group(collective.group());
  step.position = groups_->position(collective.group());
  step.block_bytes = plan::BlockBytes(*step.command, plan_.groups(collective.group()).part_size());
  return absl::OkStatus();
}

absl::Status Executor::RunCollective(const Step& step, void* const* operands, StreamHandle stream) {
  const plan::Collective& collective = step.command->collective();
  const int64_t bytes = step.block_bytes;
  if (bytes == 0) return absl::OkStatus();
  if (step.communicator != nullptr && plan::Communicates(collective.kind())) {
    return step.communicator->Run(collective, operands[0], operands[1], bytes / plan::ElementSize(collective.dtype()),
                                  stream);
  }
  // This rank's own piece; or the only rank's, which is all there is.
  if (collective.kind() == plan::Collective::PERMUTE && plan::SourceOf(collective, step.position) < 0) {
    return device_.Fill(operands[1], bytes, std::string_view("\0", 1), stream);
  }
  const bool slice = collective.kind() == plan::Collective::ALL_SLICE;
  const std::byte* source = static_cast<const std::byte*>(operands[0]) + (slice ? step.position * bytes : 0);
  return RunCopy(step, operands[1], source, bytes, stream);
}

absl::Status Executor::Await(StreamHandle stream) {
  if (!ranks_) return device_.Synchronize(stream);
  return AwaitRanks([&] { return device_.IsDone(stream); });
}

absl::Status Executor::AwaitEvent(EventHandle event) {
  if (!ranks_) return device_.SynchronizeEvent(event);
  return AwaitRanks([&] { return device_.IsEventDone(event); });
}

absl::Status Executor::AwaitRanks(absl::FunctionRef<absl::StatusOr<bool>()> done) {
  return collective::Await(groups_->world()->timeout(), "work with collectives", [&]() -> absl::StatusOr<bool> {
    absl::StatusOr<bool> is_done = done();
    if (!is_done.ok()) return is_done;
    absl::Status status = *is_done ? groups_->world()->CheckDone() : groups_->Check();
    if (status.ok() && !*is_done) status = Cancelled();
    if (!status.ok()) return status;
    return is_done;
  });
}

void Executor::GiveUp(const absl::Status& reason) {
  if (ranks_) groups_->world()->Abort(reason);
  for (const Resource& stream : streams_) device_.Synchronize(stream.get()).IgnoreError();
  device_.Synchronize(main_).IgnoreError();
}

}  // namespace plimsoll::runtime
