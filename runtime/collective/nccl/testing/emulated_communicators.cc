#include "runtime/collective/nccl/testing/emulated_communicators.h"

#include <chrono>
#include <cstring>
#include <map>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/library/nvidia/testing/emulation.h"

namespace plimsoll::runtime::collective::nccl {
namespace {

using cuda::testing::FakeDriver;

constexpr int kMostWaits = 20000;  // milliseconds: for ever, to a test

EmulatedNccl* state = nullptr;

// Ranks on their way to one communicator: of an id, or of a color of a split.
struct Gathering {
  std::map<int, CommStruct*> members;  // by key, or rank
  int expected = 0;
};

// By the id's bytes; by the clique and the number of the split there.
std::map<std::string, Gathering>& Gatherings() {
  static auto& gatherings = *new std::map<std::string, Gathering>;
  return gatherings;
}
struct SplitCaller {
  int color;
  int key;
  CommStruct* made;
};
std::map<std::pair<const Clique*, int>, std::vector<SplitCaller>>& Splits() {
  static auto& splits = *new std::map<std::pair<const Clique*, int>, std::vector<SplitCaller>>;
  return splits;
}
nvidia::LiveObjects& Live() {
  static auto& live = *new nvidia::LiveObjects;
  return live;
}

Comm NewComm(FakeDriver* driver, int rank) {
  Comm comm = Live().Make<CommStruct>();
  comm->member->driver = driver;
  comm->member->rank = rank;
  comm->state = kInProgress;
  ++state->live_communicators;
  return comm;
}

// The ranks that have come to one place: a communicator once all are there.
void Join(const std::vector<CommStruct*>& members) {
  std::set<FakeDriver*> drivers;
  for (CommStruct* member : members) drivers.insert(member->member->driver);
  const bool unique = drivers.size() == members.size();
  if (!unique) Note("two ranks of a communicator have one device");
  const auto clique = std::make_shared<Clique>(static_cast<int>(members.size()));
  for (size_t rank = 0; rank < members.size(); ++rank) {
    members[rank]->member->clique = clique;
    members[rank]->member->rank = static_cast<int>(rank);
    members[rank]->state = unique ? kSuccess : kInvalidUsage;
  }
}

}  // namespace

std::mutex& Mutex() {
  static auto& mutex = *new std::mutex;
  return mutex;
}

EmulatedNccl& State() { return *state; }
void SetState(EmulatedNccl* configured) {
  const std::lock_guard lock(Mutex());
  state = configured;
  Gatherings().clear();
  Splits().clear();
}

int Fail(const std::string& why, int result) {
  state->last_error = why;
  return result;
}
void Note(const std::string& wrong) {
  if (!wrong.empty() && state->last_error.empty()) state->last_error = wrong;
}

int Ready(Comm comm) {
  if (!Live().Has(comm)) return Fail("a communicator that does not live");
  if (comm->state == kInProgress) return Fail("a call on a communicator that is in progress", kInvalidUsage);
  return comm->state;
}

int Begin(Comm comm, std::function<bool()> progress) {
  comm->progress = std::move(progress);
  comm->state = kInProgress;
  return kInProgress;
}

int CommInitRankConfig(Comm* comm, int ranks, UniqueId id, int rank, Config* config) {
  FakeDriver* driver = state->current ? state->current() : nullptr;
  const std::lock_guard lock(Mutex());
  if (comm == nullptr || ranks < 1 || rank < 0 || rank >= ranks) return Fail("a rank that is none");
  if (config == nullptr || config->magic != Config().magic || config->blocking != 0) {
    return Fail("a configuration that was not initialized, or blocks: not emulated");
  }
  if (driver == nullptr) return Fail("no device is current", kUnhandledCudaError);
  Gathering& gathering = Gatherings()[std::string(id.internal, sizeof(id.internal))];
  if (gathering.expected != 0 && gathering.expected != ranks) return Fail("ranks differ in their number");
  if (gathering.members.count(rank) != 0) return Fail("a rank that is there already", kInvalidUsage);
  gathering.expected = ranks;
  *comm = gathering.members[rank] = NewComm(driver, rank);
  if (static_cast<int>(gathering.members.size()) == ranks) {
    std::vector<CommStruct*> members;
    for (const auto& [key, member] : gathering.members) members.push_back(member);
    Join(members);
    Gatherings().erase(std::string(id.internal, sizeof(id.internal)));
  }
  return kInProgress;
}

// Once all ranks of the parent have called: one communicator a color, its ranks by key.
int CommSplit(Comm comm, int color, int key, Comm* part, Config*) {
  const std::lock_guard lock(Mutex());
  if (int ready = Ready(comm); ready != kSuccess) return ready;
  if (part == nullptr || color < 0) return Fail("a split without a color, or without a place for its result");
  const Clique* clique = comm->member->clique.get();
  const int number = comm->splits++;
  auto& callers = Splits()[{clique, number}];
  CommStruct* made = NewComm(comm->member->driver, key);
  callers.push_back({color, key, made});
  if (static_cast<int>(callers.size()) == clique->ranks()) {
    std::map<int, std::map<int, CommStruct*>> colors;
    for (const SplitCaller& caller : callers) {
      if (!colors[caller.color].emplace(caller.key, caller.made).second)
        return Fail("two ranks of a split have one color and key: not emulated");
    }
    for (const auto& [c, by_key] : colors) {
      std::vector<CommStruct*> members;
      for (const auto& [k, member] : by_key) members.push_back(member);
      Join(members);
    }
    Splits().erase({clique, number});
    ++state->splits;
  }
  // Until the parent has done it, the result is not there.
  comm->splitting = made;
  return Begin(comm, [comm, made, part] {
    const std::lock_guard held(Mutex());
    if (made->state == kInProgress) return false;
    *part = made;
    comm->splitting = nullptr;
    return true;
  });
}

int CommFinalize(Comm comm) {
  const std::lock_guard lock(Mutex());
  if (int ready = Ready(comm); ready != kSuccess) return ready;
  return Begin(comm, [held = std::weak_ptr<int>(comm->held)] { return held.use_count() == 1; });
}

int CommDestroy(Comm comm) {
  const std::lock_guard lock(Mutex());
  if (!Live().Has(comm)) return Fail("destroyed what does not live");
  if (comm->state == kInProgress) return Fail("destroyed before it was finalized", kInvalidUsage);
  if (comm->held.use_count() != 1) Note("a communicator was destroyed while graphs hold its work");
  Live().Drop(comm);
  --state->live_communicators;
  ++state->destroyed;
  return kSuccess;
}

// Ends what is in streams at once, then waits until graphs that hold work are gone.
int CommAbort(Comm comm) {
  std::unique_lock lock(Mutex());
  if (!Live().Has(comm)) return Fail("aborted what does not live");
  comm->member->aborted = true;
  if (comm->member->clique != nullptr) comm->member->clique->broken = true;
  for (auto& [id, gathering] : Gatherings()) {
    std::erase_if(gathering.members, [&](const auto& member) { return member.second == comm; });
  }
  comm->progress = nullptr;
  for (int waits = 0; comm->held.use_count() != 1; ++waits) {
    if (waits == kMostWaits) return Fail("an abort waits for graphs that are not destroyed");
    lock.unlock();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    lock.lock();
  }
  if (Comm part = comm->splitting; part != nullptr) {  // goes with it
    for (auto& [split, callers] : Splits()) std::erase_if(callers, [&](const auto& c) { return c.made == part; });
    Live().Drop(part);
    --state->live_communicators;
  }
  Live().Drop(comm);
  --state->live_communicators;
  ++state->aborted;
  return kSuccess;
}

int CommGetAsyncError(Comm comm, int* result) {
  std::function<bool()> progress;
  {
    const std::lock_guard lock(Mutex());
    if (!Live().Has(comm) || result == nullptr) return Fail("the state of a communicator that does not live");
    progress = comm->progress;
  }
  if (progress && progress()) {
    const std::lock_guard lock(Mutex());
    comm->progress = nullptr;
    if (comm->state == kInProgress) comm->state = kSuccess;
  }
  const std::lock_guard lock(Mutex());
  *result = comm->state;
  if (state->tells_others && comm->state == kSuccess && comm->member->clique->broken) {
    comm->error = "a rank has aborted";
    *result = comm->state = kRemoteError;
  }
  return kSuccess;
}

const char* GetLastError(Comm comm) {
  const std::lock_guard lock(Mutex());
  return Live().Has(comm) ? comm->error.c_str() : "";
}

}  // namespace plimsoll::runtime::collective::nccl
