// The communicators of the emulated NCCL: how ranks meet, split, and part. For emulated_nccl.cc alone.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "runtime/collective/nccl/testing/emulated_clique.h"
#include "runtime/collective/nccl/testing/emulated_nccl.h"

namespace plimsoll::runtime::collective::nccl {

// A rank, longer than its communicator: work in streams belongs to it.
struct Member {
  std::shared_ptr<Clique> clique;
  int rank = 0;
  cuda::testing::FakeDriver* driver = nullptr;
  bool aborted = false;
};

struct CommStruct {
  std::shared_ptr<Member> member = std::make_shared<Member>();
  int state = kSuccess;
  // What the communicator has yet to do before it is no longer in progress; true: done.
  std::function<bool()> progress;
  std::shared_ptr<int> held = std::make_shared<int>(0);  // by graphs
  int splits = 0;
  Comm splitting = nullptr;  // what a split in progress will give
  std::string error;
};

// Of all that follows. Taken by work that has its driver's lock, so that no call has this lock when it goes to a
// driver.
std::mutex& Mutex();

// What the emulation is configured by and tells. Given another one, it forgets the ranks that had not met.
EmulatedNccl& State();
void SetState(EmulatedNccl* configured);

// Tells why and returns the result.
int Fail(const std::string& why, int result = kInvalidArgument);
// Tells what is wrong, unless nothing is.
void Note(const std::string& wrong);

// What may be said to the communicator now.
int Ready(Comm comm);

// Nothing is done before the communicator is asked for its state. `progress` is called without the lock.
int Begin(Comm comm, std::function<bool()> progress);

// As NCCL has them.
int CommInitRankConfig(Comm* comm, int ranks, UniqueId id, int rank, Config* config);
int CommSplit(Comm comm, int color, int key, Comm* part, Config* config);
int CommFinalize(Comm comm);
int CommDestroy(Comm comm);
int CommAbort(Comm comm);
int CommGetAsyncError(Comm comm, int* result);
const char* GetLastError(Comm comm);

}  // namespace plimsoll::runtime::collective::nccl
