// Ranks that are GPUs, joined by NVIDIA's NCCL: each a thread, or a process on any machine that the others reach.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/collective/communicator.h"
#include "runtime/device/device.h"

namespace plimsoll::runtime::collective::nccl {

// What the ranks of one communicator know each other by: 128 bytes that one of them makes and hands to all, by whatever
// means the program has. The maker's process must live until all have connected.
absl::StatusOr<std::string> NewId();

// Collective among `ranks` callers with the same id. Each has a CUDA device of its own, which the communicator keeps.
// kUnavailable where there is no NCCL, kDeadlineExceeded where not all come within `timeout`, which is also how long
// the communicator waits later.
//
// Communicators do not block in NCCL (ncclConfig_t.blocking = 0): every call is asked for its end, so that time and
// Abort count everywhere. What Abort cannot reach are ranks of other processes, which learn of it from NCCL, if the
// network tells it, or by their own timeout.
absl::StatusOr<std::shared_ptr<Communicator>> Connect(std::shared_ptr<Device> device, const std::string& id, int ranks,
                                                      int rank, absl::Duration timeout = absl::Minutes(10));

}  // namespace plimsoll::runtime::collective::nccl
