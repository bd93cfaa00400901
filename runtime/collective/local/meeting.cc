#include "runtime/collective/local/meeting.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ir/plan/collective.h"
#include "ir/plan/types.h"

namespace plimsoll::runtime::collective {
namespace {

constexpr absl::Duration kLongest = absl::Hours(24 * 365);

std::string Describe(const Request& request) {
  if (request.collective == nullptr) return absl::StrCat("a split into parts of ", request.part_size);
  return absl::StrCat(plan::Name(request.collective->kind()), " of ", request.elements, " ",
                      plan::Name(request.collective->dtype()));
}

bool Same(const Request& a, const Request& b) {
  if (a.elements != b.elements || a.part_size != b.part_size || a.partition != b.partition) return false;
  if (a.collective == nullptr || b.collective == nullptr) return a.collective == b.collective;
  const plan::Collective &x = *a.collective, &y = *b.collective;
  return x.kind() == y.kind() && x.dtype() == y.dtype() && x.reduction() == y.reduction() && x.root() == y.root() &&
         std::equal(x.pairs().begin(), x.pairs().end(), y.pairs().begin(), y.pairs().end(),
                    [](const auto& p, const auto& q) { return p.source() == q.source() && p.target() == q.target(); });
}

}  // namespace

absl::Status Ending::For(int world_rank) const {
  if (reason.ok() || world_rank == by) return reason;
  return absl::AbortedError(absl::StrCat("rank ", by, " gave up: ", reason.ToString()));
}

void Ending::End(int world_rank, const absl::Status& why) {
  if (!reason.ok()) return;
  reason = why.ok() ? absl::CancelledError("the communicator was ended") : why;
  by = world_rank;
  changed.notify_all();
}

Meeting::Meeting(std::shared_ptr<Ending> ending, std::vector<int> ranks, absl::Duration timeout)
    : ending_(std::move(ending)),
      ranks_(std::move(ranks)),
      timeout_(timeout),
      requests_(ranks_.size()),
      here_(ranks_.size()) {}

absl::Status Meeting::Arrive(int position, const Request& request) {
  std::unique_lock lock(ending_->mutex);
  if (!ending_->reason.ok()) return ending_->For(ranks_[position]);
  requests_[position] = request;
  here_[position] = true;
  if (++arrived_ == size()) {
    verdict_ = Compare();
    started_ = true;
    ending_->changed.notify_all();
  } else {
    const auto until = std::chrono::steady_clock::now() + absl::ToChronoMilliseconds(std::min(timeout_, kLongest));
    while (!started_ && ending_->reason.ok()) {
      if (ending_->changed.wait_until(lock, until) == std::cv_status::no_timeout) continue;
      if (started_ || !ending_->reason.ok()) break;
      ending_->End(ranks_[position],
                   absl::DeadlineExceededError(absl::StrCat(Describe(request), ": ", Absent(), " did not come within ",
                                                            absl::FormatDuration(timeout_))));
    }
    // Once all are here all do their work, whatever has ended since: the others read this rank's memory.
    if (!started_) return ending_->For(ranks_[position]);
  }
  if (verdict_.ok()) return absl::OkStatus();
  absl::Status verdict = verdict_;
  LeaveLocked(lock);
  return verdict;
}

void Meeting::Leave() {
  std::unique_lock lock(ending_->mutex);
  LeaveLocked(lock);
}

void Meeting::LeaveLocked(std::unique_lock<std::mutex>& lock) {
  const uint64_t round = round_;
  if (++left_ == size()) {
    arrived_ = left_ = 0;
    started_ = false;
    std::fill(here_.begin(), here_.end(), false);
    parts_.clear();
    ++round_;
    ending_->changed.notify_all();
    return;
  }
  while (round_ == round) ending_->changed.wait(lock);
}

absl::Status Meeting::Compare() const {
  for (int i = 1; i < size(); ++i) {
    if (Same(requests_[0], requests_[i])) continue;
    return absl::FailedPreconditionError(absl::StrCat("rank ", ranks_[0], " asks for ", Describe(requests_[0]),
                                                      ", rank ", ranks_[i], " for ", Describe(requests_[i]),
                                                      " (or another reduction, root, pairs or parts)"));
  }
  return absl::OkStatus();
}

std::string Meeting::Absent() const {
  std::string names;
  for (int i = 0; i < size(); ++i) {
    if (!here_[i]) absl::StrAppend(&names, names.empty() ? "rank " : ", ", ranks_[i]);
  }
  return names;
}

std::shared_ptr<Meeting> Meeting::Part(const Request& split, int index) {
  const std::lock_guard lock(ending_->mutex);
  if (parts_.empty()) {
    for (size_t begin = 0; begin < split.partition.size(); begin += static_cast<size_t>(split.part_size)) {
      std::vector<int> members;
      for (const int rank : split.partition.subspan(begin, static_cast<size_t>(split.part_size))) {
        members.push_back(ranks_[rank]);
      }
      parts_.push_back(std::make_shared<Meeting>(ending_, std::move(members), timeout_));
    }
  }
  return parts_[static_cast<size_t>(index)];
}

}  // namespace plimsoll::runtime::collective
