// One rank's end of what ranks do together: the collectives of plan.proto. `local` joins threads of one process, on the
// CPU; `nccl` GPUs. What is above them knows only this.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "ir/plan/plan.pb.h"
#include "runtime/library/library.h"

namespace plimsoll::runtime::collective {

// One rank's calls come from one thread at a time; Abort may come from any. What is marked as *collective* is called by
// all ranks of the communicator, in the same order, and waits for them.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Whether it moves bytes of the host, before Run returns; else those of a device, in its streams.
  virtual bool is_host() const = 0;
  // How long it waits for the others. Whoever waits for a stream that has its work does so no longer.
  virtual absl::Duration timeout() const = 0;

  // Collective. The communicator of the part that this rank is in: `ranks` holds every rank once, part after part. Its
  // ranks are the positions in the part. Its end is its communicator's: Abort on either is Abort on both.
  virtual absl::StatusOr<std::shared_ptr<Communicator>> Split(absl::Span<const int> ranks, int part_size) = 0;

  // Collective, in the order of the streams on each rank. Does `collective` among all ranks of this communicator; its
  // group is not looked at. `elements` are those of one block (plan.proto). Allocates nothing on the host, and the
  // first time only, where the library connects ranks then, on the device. May be captured. kDeadlineExceeded where
  // ranks did not come, kAborted where one of them has given up, kFailedPrecondition where they ask for different
  // things; where work is in a stream, Check tells.
  virtual absl::Status Run(const plan::Collective& collective, const void* source, void* destination, int64_t elements,
                           StreamHandle stream) = 0;

  // What has gone wrong with collectives that are in streams, or with the communicator: on this rank or another.
  virtual absl::Status Check() = 0;
  // Asked when streams have done their work: not OK where it ended because this end was aborted, and gave nothing. What
  // other ranks have done since is no matter.
  virtual absl::Status CheckDone() = 0;

  // Ends the communicator, with all that were split from it and that it was split from: whoever waits in it, or comes
  // to it, on whatever rank, gets an error at once or (over NCCL) when its time is over. `reason` is why, for the
  // messages. Only the first call counts.
  virtual void Abort(const absl::Status& reason) = 0;
};

// For Split: the index in `ranks` at which `rank` is, of `size` ranks. kInvalidArgument where `ranks` are not as many, in
// whole parts, or do not hold it.
absl::StatusOr<int> PlaceOf(absl::Span<const int> ranks, int part_size, int rank, int size);

}  // namespace plimsoll::runtime::collective
