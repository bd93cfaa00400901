#include "runtime/collective/nccl/testing/emulated_nccl.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/collective/nccl/testing/emulated_clique.h"
#include "runtime/library/nvidia/testing/emulation.h"

namespace plimsoll::runtime::collective::nccl {
namespace {

using cuda::CUresult;
using cuda::testing::FakeDriver;
using cuda::testing::FakeGate;

constexpr int kMostWaits = 20000;  // milliseconds: for ever, to a test

EmulatedNccl* state = nullptr;
// Taken by work that has its driver's lock, so that no call has this lock when it goes to a driver.
std::mutex& Mutex() {
  static auto& mutex = *new std::mutex;
  return mutex;
}

// A rank, longer than its communicator: work in streams belongs to it.
struct Member {
  std::shared_ptr<Clique> clique;
  int rank = 0;
  FakeDriver* driver = nullptr;
  bool aborted = false;
};

// One Send or Recv of a group.
struct Errand {
  bool sends;
  int peer;
  void* place;
  size_t bytes;
};

// Ranks on their way to one communicator: of an id, or of a color of a split.
struct Gathering {
  std::map<int, CommStruct*> members;  // by key, or rank
  int expected = 0;
};

}  // namespace

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

namespace {

struct Group {
  int depth = 0;
  Comm comm = nullptr;
  void* stream = nullptr;
  std::vector<Errand> errands;
};
thread_local Group group;

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

int Fail(const std::string& why, int result = kInvalidArgument) {
  state->last_error = why;
  return result;
}
void Note(const std::string& wrong) {
  if (!wrong.empty() && state->last_error.empty()) state->last_error = wrong;
}

// What may be said to the communicator now.
int Ready(Comm comm) {
  if (!Live().Has(comm)) return Fail("a communicator that does not live");
  if (comm->state == kInProgress) return Fail("a call on a communicator that is in progress", kInvalidUsage);
  return comm->state;
}

// Nothing is done before the communicator is asked for its state. `progress` is called without the lock.
int Begin(Comm comm, std::function<bool()> progress) {
  comm->progress = std::move(progress);
  comm->state = kInProgress;
  return kInProgress;
}

Comm NewComm(FakeDriver* driver, int rank) {
  Comm comm = Live().Make<CommStruct>();
  comm->member->driver = driver;
  comm->member->rank = rank;
  comm->state = kInProgress;
  ++state->live_communicators;
  return comm;
}

int GetVersion(int* version) {
  if (version == nullptr) return kInvalidArgument;
  *version = state->version;
  return kSuccess;
}

int GetUniqueId(UniqueId* id) {
  if (id == nullptr) return kInvalidArgument;
  static uint64_t made = 0;
  const std::lock_guard lock(Mutex());
  std::memset(id->internal, 0x5A, sizeof(id->internal));
  std::memcpy(id->internal, &++made, sizeof(made));
  return kSuccess;
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

const char* GetErrorString(int result) {
  constexpr const char* kNames[] = {"no error",
                                    "unhandled cuda error",
                                    "unhandled system error",
                                    "internal error",
                                    "invalid argument",
                                    "invalid usage",
                                    "remote process exited or there was a network error",
                                    "NCCL operation in progress"};
  return result >= 0 && result < 8 ? kNames[result] : "unknown result code";
}

const char* GetLastError(Comm comm) {
  const std::lock_guard lock(Mutex());
  return Live().Has(comm) ? comm->error.c_str() : "";
}

// Where the host finds the memory; in place of what is not device memory, an error of the stream.
std::byte* Resolve(const Member& member, const void* address, size_t bytes) {
  return bytes == 0 ? nullptr : member.driver->HostAddress(address, bytes);
}

// Puts the work of `gate` into the stream when the communicator is asked for its state.
int Enqueue(Comm comm, const char* name, void* stream, std::function<FakeGate(std::shared_ptr<Member>)> gate) {
  ++state->collectives;
  const std::shared_ptr<Member> member = comm->member;
  return Begin(comm, [comm, name, stream, member, gate = std::move(gate), held = std::weak_ptr<int>(comm->held)] {
    const auto gates = [member, gate, hold = held.lock()] { return gate(member); };
    const absl::Status status = member->driver->EnqueueGated(static_cast<cuda::CUstream>(stream), name, gates);
    if (status.ok()) return true;
    const std::lock_guard lock(Mutex());
    comm->error = std::string(status.message());
    comm->state = kUnhandledCudaError;
    return true;
  });
}

int Collective(const char* name, Comm comm, void* stream, Part part, const void* from, void* to) {
  const std::lock_guard lock(Mutex());
  if (int ready = Ready(comm); ready != kSuccess) return ready;
  if (group.depth > 0) return Fail("a collective in a group: not emulated", kInvalidUsage);
  if (part.type < 0 || part.type > kBfloat16 || part.op < 0 || part.op > kAvg)
    return Fail("a type or operation that is none");
  const int ranks = comm->member->clique->ranks();
  if (part.root < 0 || part.root >= ranks) return Fail("a root that is no rank");
  if (part.count > 0 && (from == nullptr || to == nullptr)) return Fail("no memory");
  const auto *source = static_cast<const std::byte*>(from), *target = static_cast<const std::byte*>(to);
  const size_t rank = static_cast<size_t>(comm->member->rank), block = part.count * ElementBytes(part.type);
  const std::byte* in_place = part.verb == Verb::kReduceScatter ? source + rank * block : source;
  const std::byte* target_in_place = part.verb == Verb::kAllGather ? target + rank * block : target;
  const bool apart = source + BytesFrom(part, ranks) <= target || target + BytesTo(part, ranks) <= source;
  if (!apart && in_place != target_in_place) Note(absl::StrCat(name, ": source and destination overlap"));
  return Enqueue(comm, name, stream, [part, from, to, ranks](std::shared_ptr<Member> member) -> FakeGate {
    return [member, part, from, to, ranks, number = int64_t{-1}]() mutable -> CUresult {
      if (number < 0) {
        part.from = Resolve(*member, from, BytesFrom(part, ranks));
        part.to = Resolve(*member, to, BytesTo(part, ranks));
        if (part.count > 0 && (part.from == nullptr || part.to == nullptr)) return cuda::kErrorIllegalAddress;
      }
      const std::lock_guard held(Mutex());
      if (member->aborted) return cuda::kSuccess;
      if (number < 0) {
        std::string wrong;
        number = static_cast<int64_t>(member->clique->Arrive(member->rank, part, &wrong));
        Note(wrong);
      }
      return member->clique->IsDone(static_cast<uint64_t>(number)) ? cuda::kSuccess : cuda::kErrorNotReady;
    };
  });
}

int AllReduce(const void* from, void* to, size_t count, int type, int op, Comm comm, void* stream) {
  return Collective("ncclAllReduce", comm, stream, {Verb::kAllReduce, nullptr, nullptr, count, type, op}, from, to);
}
int AllGather(const void* from, void* to, size_t count, int type, Comm comm, void* stream) {
  return Collective("ncclAllGather", comm, stream, {Verb::kAllGather, nullptr, nullptr, count, type}, from, to);
}
int ReduceScatter(const void* from, void* to, size_t count, int type, int op, Comm comm, void* stream) {
  return Collective("ncclReduceScatter", comm, stream, {Verb::kReduceScatter, nullptr, nullptr, count, type, op}, from,
                    to);
}
int Broadcast(const void* from, void* to, size_t count, int type, int root, Comm comm, void* stream) {
  return Collective("ncclBroadcast", comm, stream, {Verb::kBroadcast, nullptr, nullptr, count, type, 0, root}, from,
                    to);
}

int AddErrand(Comm comm, void* stream, Errand errand, int type) {
  const std::lock_guard lock(Mutex());
  if (int ready = Ready(comm); ready != kSuccess) return ready;
  if (group.depth == 0) return Fail("a send or a receive outside of a group: not emulated", kInvalidUsage);
  if (group.comm != nullptr && (group.comm != comm || group.stream != stream)) {
    return Fail("a group of two communicators or streams: not emulated", kInvalidUsage);
  }
  if (type < 0 || type > kBfloat16) return Fail("a type that is none");
  if (errand.peer < 0 || errand.peer >= comm->member->clique->ranks()) return Fail("a peer that is no rank");
  if (errand.place == nullptr && errand.bytes > 0) return Fail("no memory");
  group.comm = comm;
  group.stream = stream;
  errand.bytes *= ElementBytes(type);
  group.errands.push_back(errand);
  return kSuccess;
}
int Send(const void* from, size_t count, int type, int peer, Comm comm, void* stream) {
  return AddErrand(comm, stream, {true, peer, const_cast<void*>(from), count}, type);
}
int Recv(void* to, size_t count, int type, int peer, Comm comm, void* stream) {
  return AddErrand(comm, stream, {false, peer, to, count}, type);
}

int GroupStart() {
  ++group.depth;
  return kSuccess;
}

int GroupEnd() {
  const std::lock_guard lock(Mutex());
  if (group.depth == 0) return Fail("the end of no group", kInvalidUsage);
  if (--group.depth > 0) return kSuccess;
  const Group ended = std::exchange(group, Group());
  if (ended.errands.empty()) return kSuccess;
  for (const Errand& a : ended.errands) {
    for (const Errand& b : ended.errands) {
      const auto *x = static_cast<const std::byte*>(a.place), *y = static_cast<const std::byte*>(b.place);
      if (a.sends && !b.sends && x < y + b.bytes && y < x + a.bytes) Note("what is sent and what is received overlap");
    }
  }
  return Enqueue(
      ended.comm, "ncclGroup", ended.stream, [errands = ended.errands](std::shared_ptr<Member> member) -> FakeGate {
        return [member, errands, letters = std::vector<std::shared_ptr<Letter>>()]() mutable -> CUresult {
          const bool begins = letters.empty();
          for (size_t i = 0; begins && i < errands.size(); ++i) {
            letters.push_back(std::make_shared<Letter>());
            letters[i]->place = Resolve(*member, errands[i].place, errands[i].bytes);
            letters[i]->bytes = errands[i].bytes;
            if (letters[i]->place == nullptr && errands[i].bytes > 0) return cuda::kErrorIllegalAddress;
          }
          const std::lock_guard held(Mutex());
          if (member->aborted) return cuda::kSuccess;
          for (size_t i = 0; begins && i < errands.size(); ++i) {
            const bool sends = errands[i].sends;
            std::string wrong;
            member->clique->Post(sends ? member->rank : errands[i].peer, sends ? errands[i].peer : member->rank,
                                 letters[i], sends, &wrong);
            Note(wrong);
          }
          const bool done = std::all_of(letters.begin(), letters.end(), [](const auto& l) { return l->done; });
          return done ? cuda::kSuccess : cuda::kErrorNotReady;
        };
      });
}

}  // namespace

const Api* Emulate(EmulatedNccl* configured) {
  static Api api;
  api = Api{GetVersion,    GetUniqueId,       CommInitRankConfig,
            CommSplit,     CommFinalize,      CommDestroy,
            CommAbort,     CommGetAsyncError, GetErrorString,
            GetLastError,  AllReduce,         AllGather,
            ReduceScatter, Broadcast,         Send,
            Recv,          GroupStart,        GroupEnd};
  const std::lock_guard lock(Mutex());
  state = configured;
  Gatherings().clear();
  Splits().clear();
  return &api;
}

}  // namespace plimsoll::runtime::collective::nccl
