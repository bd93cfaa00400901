// NCCL on the host: the functions of api.h by what NVIDIA documents of them, for ranks that are threads, each with a
// fake driver of its own. Strict: another call on a communicator that is still in progress, a second rank on one
// device, ranks that differ in what they ask for, memory that overlaps where NVIDIA has no operation in place,
// communicators that go while graphs hold their work are errors. A collective is enqueued when its communicator is
// asked for its state, as a communicator that does not block may do it; once its turn in the stream has come, it waits
// there for the others, and for ever if they do not come.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "runtime/collective/nccl/api.h"
#include "runtime/device/cuda/testing/fake_driver.h"

namespace plimsoll::runtime::collective::nccl {

struct EmulatedNccl {
  // The driver whose context is current on the calling thread; null: none.
  std::function<cuda::testing::FakeDriver*()> current;
  int version = 22809;
  // Whether ranks learn that another has aborted (ncclRemoteError), as over a network; else they wait.
  bool tells_others = true;

  // What happened. Written by the calls.
  int64_t live_communicators = 0;  // neither destroyed nor aborted
  int64_t destroyed = 0;
  int64_t aborted = 0;
  int64_t splits = 0;       // by all ranks
  int64_t collectives = 0;  // calls, groups of sends and receives count once
  std::string last_error;   // why a call failed, or what was wrong that no call could tell
};

// The table of the one emulation of the process, which `state` configures until the next call of this; it must live on.
const Api* Emulate(EmulatedNccl* state);

}  // namespace plimsoll::runtime::collective::nccl
