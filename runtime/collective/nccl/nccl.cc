#include "runtime/collective/nccl/nccl.h"

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "ir/plan/collective.h"
#include "ir/plan/types.h"
#include "runtime/collective/await.h"
#include "runtime/collective/nccl/api.h"

namespace plimsoll::runtime::collective::nccl {
namespace {

// How long the end of a communicator waits for the others, which may have no reason to come.
constexpr absl::Duration kLongestFarewell = absl::Seconds(10);

plan::Target CudaTarget() {
  plan::Target target;
  target.set_kind(plan::Target::CUDA);
  return target;
}

// Of types that have reductions.
DataType TypeOf(plan::DataType type) {
  switch (type) {
    case plan::I8:
      return kInt8;
    case plan::I32:
      return kInt32;
    case plan::U32:
      return kUint32;
    case plan::I64:
      return kInt64;
    case plan::U64:
      return kUint64;
    case plan::F16:
      return kFloat16;
    case plan::BF16:
      return kBfloat16;
    case plan::F32:
      return kFloat32;
    case plan::F64:
      return kFloat64;
    default:
      return kUint8;
  }
}

RedOp OpOf(plan::Collective::Reduction reduction) {
  switch (reduction) {
    case plan::Collective::MAX:
      return kMax;
    case plan::Collective::MIN:
      return kMin;
    case plan::Collective::AVERAGE:
      return kAvg;
    default:
      return kSum;
  }
}

// What a communicator and those split from it share: they end together. Calls to NCCL are made one at a time, under the
// mutex, so that Abort may come from any thread; none of them blocks, but for ncclCommAbort, which has threads of its
// own: it ends what is in streams at once, then waits until the graphs that hold the communicator's work are gone, and
// other communicators of the device may have to be aborted too before it can free memory.
class Family {
 public:
  Family(const Api* api, std::shared_ptr<Device> device, absl::Duration timeout)
      : api_(api), device_(std::move(device)), timeout_(timeout) {}

  // Graphs are gone by now: executors live no longer than their communicators.
  ~Family() {
    std::unique_lock lock(farewells_->mutex);
    farewells_->ended.wait_for(lock, absl::ToChronoMilliseconds(kLongestFarewell),
                               [&] { return farewells_->left == 0; });
  }

  Device& device() const { return *device_; }
  absl::Duration timeout() const { return timeout_; }

  // Calls NCCL and waits until it has done what was asked of `comm`. What is waited for too
  // long ends the family.
  absl::Status Call(const char* name, Comm comm, absl::FunctionRef<int(const Api&)> call) {
    {
      const std::lock_guard lock(mutex_);
      if (!reason_.ok()) return reason_;
      const int result = call(*api_);
      if (absl::Status status = ToStatus(*api_, result, name, comm); !status.ok() || result == kSuccess) return status;
    }
    return Settle(name, comm, timeout_);
  }

  absl::Status Settle(const char* name, Comm comm, absl::Duration timeout) {
    absl::Status status = Await(timeout, name, [&]() -> absl::StatusOr<bool> {
      const std::lock_guard lock(mutex_);
      if (!reason_.ok()) return reason_;
      return IsSettled(name, comm);
    });
    if (status.code() == absl::StatusCode::kDeadlineExceeded) Abort(status);
    return status;
  }

  absl::Status Check(Comm comm) {
    const std::lock_guard lock(mutex_);
    if (!reason_.ok()) return reason_;
    return IsSettled("a collective", comm).status();
  }

  absl::Status CheckDone() {
    const std::lock_guard lock(mutex_);
    return reason_;
  }

  void Add(Comm comm) {
    const std::lock_guard lock(mutex_);
    comms_.push_back(comm);
  }

  void Abort(const absl::Status& reason) {
    const std::lock_guard lock(mutex_);
    if (!reason_.ok()) return;
    reason_ = reason.ok() ? absl::CancelledError("the communicator was ended") : reason;
    for (Comm comm : comms_) BeginAbort(comm);
    comms_.clear();
  }

  // Gives the communicator back, with the others' consent where they give it in time.
  void Destroy(Comm comm) {
    const DeviceScope scope(*device_, CudaTarget());
    const auto finalize = [&] {
      {
        const std::lock_guard lock(mutex_);
        if (!reason_.ok()) return false;
        std::erase(comms_, comm);
        const int result = api_->CommFinalize(comm);
        if (result == kSuccess) return true;
        if (result != kInProgress) return false;
      }
      return Await(std::min(timeout_, kLongestFarewell), "ncclCommFinalize",
                   [&]() -> absl::StatusOr<bool> {
                     const std::lock_guard lock(mutex_);
                     return IsSettled("ncclCommFinalize", comm);
                   })
          .ok();
    };
    if (!Has(comm)) return;  // aborted
    const bool quiet = finalize();
    const std::lock_guard lock(mutex_);
    if (quiet) {
      api_->CommDestroy(comm);
    } else {
      BeginAbort(comm);
    }
  }

 private:
  // The mutex is held. Whether NCCL has done what was asked of the communicator, by the call of that name; its errors.
  absl::StatusOr<bool> IsSettled(const char* name, Comm comm) const {
    int state = kSuccess;
    const int asked = api_->CommGetAsyncError(comm, &state);
    if (absl::Status failed = ToStatus(*api_, asked, "ncclCommGetAsyncError", comm); !failed.ok()) return failed;
    if (absl::Status failed = ToStatus(*api_, state, name, comm); !failed.ok()) return failed;
    return state == kSuccess;
  }

  // Aborts that have not returned.
  struct Farewells {
    std::mutex mutex;
    std::condition_variable ended;
    int left = 0;
  };

  void BeginAbort(Comm comm) {
    {
      const std::lock_guard lock(farewells_->mutex);
      ++farewells_->left;
    }
    // The device's context is there until it is done.
    std::thread([api = api_, comm, farewells = farewells_, device = device_]() mutable {
      api->CommAbort(comm);
      device.reset();
      const std::lock_guard lock(farewells->mutex);
      --farewells->left;
      farewells->ended.notify_all();
    }).detach();
  }

  bool Has(Comm comm) {
    const std::lock_guard lock(mutex_);
    return std::find(comms_.begin(), comms_.end(), comm) != comms_.end();
  }

  const Api* const api_;
  const std::shared_ptr<Device> device_;
  const absl::Duration timeout_;
  std::mutex mutex_;
  absl::Status reason_;
  std::vector<Comm> comms_;
  const std::shared_ptr<Farewells> farewells_ = std::make_shared<Farewells>();
};

class NcclCommunicator : public Communicator {
 public:
  NcclCommunicator(std::shared_ptr<Family> family, Comm comm, int size, int rank)
      : family_(std::move(family)), comm_(comm), size_(size), rank_(rank) {}
  ~NcclCommunicator() override { family_->Destroy(comm_); }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  bool is_host() const override { return false; }
  absl::Duration timeout() const override { return family_->timeout(); }

  absl::StatusOr<std::shared_ptr<Communicator>> Split(absl::Span<const int> ranks, int part_size) override {
    const absl::StatusOr<int> place = PlaceOf(ranks, part_size, rank_, size_);
    if (!place.ok()) return place.status();
    const DeviceScope scope(family_->device(), CudaTarget());
    Comm part = nullptr;
    absl::Status status = family_->Call("ncclCommSplit", comm_, [&](const Api& api) {
      return api.CommSplit(comm_, *place / part_size, *place % part_size, &part, nullptr);
    });
    if (part != nullptr) family_->Add(part);
    if (!status.ok()) return status;
    if (part == nullptr) return absl::InternalError("ncclCommSplit gave no communicator");
    auto made = std::make_shared<NcclCommunicator>(family_, part, part_size, *place % part_size);
    if (status = family_->Settle("ncclCommSplit", part, family_->timeout()); !status.ok()) return status;
    return made;
  }

  absl::Status Run(const plan::Collective& collective, const void* source, void* destination, int64_t elements,
                   StreamHandle stream) override {
    const int64_t block = elements * plan::ElementSize(collective.dtype());
    if (block == 0) return absl::OkStatus();
    const int type = TypeOf(collective.dtype()), op = OpOf(collective.reduction());
    const auto count = static_cast<size_t>(elements), bytes = static_cast<size_t>(block);
    // What is not reduced is moved as bytes, whatever its type.
    switch (collective.kind()) {
      case plan::Collective::ALL_REDUCE:
        return family_->Call("ncclAllReduce", comm_, [&](const Api& api) {
          return api.AllReduce(source, destination, count, type, op, comm_, stream);
        });
      case plan::Collective::REDUCE_SCATTER:
        return family_->Call("ncclReduceScatter", comm_, [&](const Api& api) {
          return api.ReduceScatter(source, destination, count, type, op, comm_, stream);
        });
      case plan::Collective::ALL_GATHER:
        return family_->Call("ncclAllGather", comm_, [&](const Api& api) {
          return api.AllGather(source, destination, bytes, kUint8, comm_, stream);
        });
      case plan::Collective::BROADCAST:
        return family_->Call("ncclBroadcast", comm_, [&](const Api& api) {
          return api.Broadcast(source, destination, bytes, kUint8, collective.root(), comm_, stream);
        });
      case plan::Collective::ALL_TO_ALL:
        return AllToAll(source, destination, bytes, stream);
      case plan::Collective::PERMUTE:
        return Permute(collective, source, destination, bytes, stream);
      default:
        return family_->device().Copy(destination, static_cast<const std::byte*>(source) + rank_ * block, block,
                                      Device::Direction::kWithin, stream);
    }
  }

  absl::Status Check() override { return family_->Check(comm_); }
  absl::Status CheckDone() override { return family_->CheckDone(); }
  void Abort(const absl::Status& reason) override { family_->Abort(reason); }

 private:
  absl::Status AllToAll(const void* source, void* destination, size_t bytes, StreamHandle stream) {
    return family_->Call("ncclGroupEnd (all_to_all)", comm_, [&](const Api& api) {
      return Grouped(api, [&] {
        for (int q = 0; q < size_; ++q) {
          const size_t at = static_cast<size_t>(q) * bytes;
          int result = api.Send(static_cast<const std::byte*>(source) + at, bytes, kUint8, q, comm_, stream);
          if (!IsFine(result)) return result;
          result = api.Recv(static_cast<std::byte*>(destination) + at, bytes, kUint8, q, comm_, stream);
          if (!IsFine(result)) return result;
        }
        return static_cast<int>(kSuccess);
      });
    });
  }

  absl::Status Permute(const plan::Collective& collective, const void* source, void* destination, size_t bytes,
                       StreamHandle stream) {
    const int from = plan::SourceOf(collective, rank_), to = plan::TargetOf(collective, rank_);
    if (from < 0) {
      absl::Status status =
          family_->device().Fill(destination, static_cast<int64_t>(bytes), std::string_view("\0", 1), stream);
      if (!status.ok() || to < 0) return status;
    }
    return family_->Call("ncclGroupEnd (permute)", comm_, [&](const Api& api) {
      return Grouped(api, [&] {
        int result = to < 0 ? kSuccess : api.Send(source, bytes, kUint8, to, comm_, stream);
        if (IsFine(result) && from >= 0) result = api.Recv(destination, bytes, kUint8, from, comm_, stream);
        return result;
      });
    });
  }

  static bool IsFine(int result) { return result == kSuccess || result == kInProgress; }

  // All that `calls` asks for is done at once: no rank waits for another in between.
  static int Grouped(const Api& api, absl::FunctionRef<int()> calls) {
    if (const int result = api.GroupStart(); result != kSuccess) return result;
    const int called = calls();
    const int ended = api.GroupEnd();
    return IsFine(called) ? ended : called;
  }

  const std::shared_ptr<Family> family_;
  const Comm comm_;
  const int size_;
  const int rank_;
};

}  // namespace

absl::StatusOr<std::string> NewId() {
  auto api = Open();
  if (!api.ok()) return api.status();
  UniqueId id;
  absl::Status status = ToStatus(**api, (*api)->GetUniqueId(&id), "ncclGetUniqueId", nullptr);
  if (!status.ok()) return status;
  return std::string(id.internal, sizeof(id.internal));
}

absl::StatusOr<std::shared_ptr<Communicator>> Connect(std::shared_ptr<Device> device, const std::string& id, int ranks,
                                                      int rank, absl::Duration timeout) {
  UniqueId unique;
  if (id.size() != sizeof(unique.internal) || rank < 0 || rank >= ranks) {
    return absl::InvalidArgumentError(absl::StrCat("rank ", rank, " of ", ranks, " with an id of ", id.size(),
                                                   " bytes; an id of ", sizeof(unique.internal), " was expected"));
  }
  if (device == nullptr || device->is_host()) {
    return absl::InvalidArgumentError("NCCL joins GPUs: a CUDA device was expected");
  }
  auto api = Open();
  if (!api.ok()) return api.status();
  std::memcpy(unique.internal, id.data(), id.size());
  const DeviceScope scope(*device, CudaTarget());
  auto family = std::make_shared<Family>(*api, device, timeout);
  Config config;
  config.blocking = 0;
  Comm comm = nullptr;
  int result = kSuccess;
  result = (*api)->CommInitRankConfig(&comm, ranks, unique, rank, &config);
  if (absl::Status status = ToStatus(**api, result, "ncclCommInitRankConfig", nullptr); !status.ok()) return status;
  if (comm == nullptr) return absl::InternalError("ncclCommInitRankConfig gave no communicator");
  family->Add(comm);
  auto communicator = std::make_shared<NcclCommunicator>(family, comm, ranks, rank);
  if (absl::Status status = family->Settle("ncclCommInitRankConfig", comm, timeout); !status.ok()) {
    family->Abort(status);
    return status;
  }
  return communicator;
}

}  // namespace plimsoll::runtime::collective::nccl
