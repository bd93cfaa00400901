#include "runtime/collective/nccl/testing/emulated_nccl.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/collective/nccl/testing/emulated_clique.h"
#include "runtime/collective/nccl/testing/emulated_communicators.h"

namespace plimsoll::runtime::collective::nccl {
namespace {

using cuda::CUresult;
using cuda::testing::FakeGate;

// One Send or Recv of a group.
struct Errand {
  bool sends;
  int peer;
  void* place;
  size_t bytes;
};

struct Group {
  int depth = 0;
  Comm comm = nullptr;
  void* stream = nullptr;
  std::vector<Errand> errands;
};
thread_local Group group;

int GetVersion(int* version) {
  if (version == nullptr) return kInvalidArgument;
  *version = State().version;
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

// Where the host finds the memory; in place of what is not device memory, an error of the stream.
std::byte* Resolve(const Member& member, const void* address, size_t bytes) {
  return bytes == 0 ? nullptr : member.driver->HostAddress(address, bytes);
}

// Puts the work of `gate` into the stream when the communicator is asked for its state.
int Enqueue(Comm comm, const char* name, void* stream, std::function<FakeGate(std::shared_ptr<Member>)> gate) {
  ++State().collectives;
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
  SetState(configured);
  return &api;
}

}  // namespace plimsoll::runtime::collective::nccl
