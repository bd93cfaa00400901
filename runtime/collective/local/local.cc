#include "runtime/collective/local/local.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include "ir/plan/collective.h"
#include "ir/plan/types.h"
#include "runtime/collective/local/meeting.h"
#include "runtime/collective/reduction.h"

namespace plimsoll::runtime::collective {
namespace {

class LocalCommunicator : public Communicator {
 public:
  LocalCommunicator(std::shared_ptr<Meeting> meeting, int position)
      : meeting_(std::move(meeting)),
        position_(position),
        sources_(static_cast<size_t>(meeting_->size())),
        destinations_(static_cast<size_t>(meeting_->size())) {}

  int rank() const override { return position_; }
  int size() const override { return meeting_->size(); }
  bool is_host() const override { return true; }
  absl::Duration timeout() const override { return meeting_->timeout(); }

  absl::StatusOr<std::shared_ptr<Communicator>> Split(absl::Span<const int> ranks, int part_size) override {
    const absl::StatusOr<int> place = PlaceOf(ranks, part_size, position_, size());
    if (!place.ok()) return place.status();
    Request request;
    request.partition = ranks;
    request.part_size = part_size;
    if (absl::Status status = meeting_->Arrive(position_, request); !status.ok()) return status;
    auto part = meeting_->Part(request, *place / part_size);
    meeting_->Leave();
    return std::make_shared<LocalCommunicator>(std::move(part), *place % part_size);
  }

  absl::Status Run(const plan::Collective& collective, const void* source, void* destination, int64_t elements,
                   StreamHandle) override {
    block_ = elements * plan::ElementSize(collective.dtype());
    if (!plan::Communicates(collective.kind())) {
      CopyBlock(destination, 0, source, position_);
      return absl::OkStatus();
    }
    if (absl::Status status = meeting_->Arrive(position_, {&collective, source, destination, elements}); !status.ok()) {
      return status;
    }
    if (elements > 0) Work(collective, destination, elements);
    meeting_->Leave();
    return absl::OkStatus();
  }

  absl::Status Check() override {
    const std::lock_guard lock(meeting_->ending().mutex);
    return meeting_->ending().For(meeting_->world_rank(position_));
  }

  absl::Status CheckDone() override { return absl::OkStatus(); }  // Run has told

  void Abort(const absl::Status& reason) override {
    const std::lock_guard lock(meeting_->ending().mutex);
    meeting_->ending().End(meeting_->world_rank(position_), reason);
  }

 private:
  // Block numbers.
  void CopyBlock(void* to, int64_t to_block, const void* from, int64_t from_block) const {
    auto* target = static_cast<std::byte*>(to) + to_block * block_;
    const auto* origin = static_cast<const std::byte*>(from) + from_block * block_;
    if (target != origin && block_ > 0) std::memcpy(target, origin, static_cast<size_t>(block_));
  }

  void Work(const plan::Collective& collective, void* destination, int64_t elements) {
    switch (collective.kind()) {
      case plan::Collective::ALL_REDUCE: {
        // This rank's share, into everybody's destination, which may be the source: nobody else touches these elements.
        const int64_t share = elements / size(), longer = elements % size();
        const int64_t begin = position_ * share + std::min<int64_t>(position_, longer);
        ReduceFrom(collective, begin, share + (position_ < longer ? 1 : 0), nullptr);
        return;
      }
      case plan::Collective::REDUCE_SCATTER:
        ReduceFrom(collective, position_ * elements, elements, destination);
        return;
      case plan::Collective::ALL_GATHER:
        for (int q = 0; q < size(); ++q) CopyBlock(destination, q, meeting_->request(q).source, 0);
        return;
      case plan::Collective::ALL_TO_ALL:
        for (int q = 0; q < size(); ++q) CopyBlock(destination, q, meeting_->request(q).source, position_);
        return;
      case plan::Collective::BROADCAST:
        CopyBlock(destination, 0, meeting_->request(collective.root()).source, 0);
        return;
      default: {
        const int from = plan::SourceOf(collective, position_);
        if (from >= 0) {
          CopyBlock(destination, 0, meeting_->request(from).source, 0);
        } else {
          std::memset(destination, 0, static_cast<size_t>(block_));
        }
      }
    }
  }

  // Elements [begin, begin + count) of all sources, to the same of all destinations or to the start of `alone`.
  void ReduceFrom(const plan::Collective& collective, int64_t begin, int64_t count, void* alone) {
    const int64_t offset = begin * plan::ElementSize(collective.dtype());
    for (int q = 0; q < size(); ++q) {
      const Request& request = meeting_->request(q);
      sources_[static_cast<size_t>(q)] = static_cast<const std::byte*>(request.source) + offset;
      destinations_[static_cast<size_t>(q)] = static_cast<std::byte*>(request.destination) + offset;
    }
    if (alone != nullptr) destinations_[0] = alone;
    Reduce(collective.dtype(), collective.reduction(), sources_,
           absl::MakeConstSpan(destinations_).subspan(0, alone != nullptr ? 1 : destinations_.size()), count);
  }

  const std::shared_ptr<Meeting> meeting_;
  const int position_;
  int64_t block_ = 0;  // bytes, of the collective in progress
  std::vector<const void*> sources_;
  std::vector<void*> destinations_;
};

}  // namespace

LocalWorld::LocalWorld(int ranks, absl::Duration timeout) {
  std::vector<int> all(static_cast<size_t>(ranks));
  std::iota(all.begin(), all.end(), 0);
  meeting_ = std::make_shared<Meeting>(std::make_shared<Ending>(), std::move(all), timeout);
}

LocalWorld::~LocalWorld() = default;

int LocalWorld::size() const { return meeting_->size(); }

std::shared_ptr<Communicator> LocalWorld::communicator(int rank) const {
  return std::make_shared<LocalCommunicator>(meeting_, rank);
}

}  // namespace plimsoll::runtime::collective
