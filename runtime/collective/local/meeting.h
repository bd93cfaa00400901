// Where the threads of one communicator's ranks come together for each collective: all arrive, all work, all leave.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "ir/plan/plan.pb.h"

namespace plimsoll::runtime::collective {

// What all meetings of one world share.
struct Ending {
  std::mutex mutex;
  std::condition_variable changed;
  absl::Status reason;  // OK: it goes on
  int by = -1;          // the rank of the world that ended it

  // The mutex is held. What the rank is told.
  absl::Status For(int world_rank) const;
  void End(int world_rank, const absl::Status& why);
};

// What one rank brings: a collective, or the partition of a split.
struct Request {
  const plan::Collective* collective = nullptr;
  const void* source = nullptr;
  void* destination = nullptr;
  int64_t elements = 0;
  absl::Span<const int> partition = {};
  int part_size = 0;
};

class Meeting {
 public:
  // `ranks`: those of the world, by position.
  Meeting(std::shared_ptr<Ending> ending, std::vector<int> ranks, absl::Duration timeout);

  int size() const { return static_cast<int>(ranks_.size()); }
  int world_rank(int position) const { return ranks_[position]; }
  absl::Duration timeout() const { return timeout_; }
  Ending& ending() const { return *ending_; }

  // Waits until all are here. OK: their requests stand, and their memory is where they say, until Leave, which must
  // follow. kFailedPrecondition where they want different things.
  absl::Status Arrive(int position, const Request& request);
  const Request& request(int position) const { return requests_[position]; }
  // Waits until all have done their work.
  void Leave();

  // Between Arrive and Leave of a split: where the ranks of that part will meet.
  std::shared_ptr<Meeting> Part(const Request& split, int index);

 private:
  absl::Status Compare() const;
  std::string Absent() const;
  void LeaveLocked(std::unique_lock<std::mutex>& lock);

  const std::shared_ptr<Ending> ending_;
  const std::vector<int> ranks_;
  const absl::Duration timeout_;
  std::vector<Request> requests_;
  std::vector<bool> here_;
  std::vector<std::shared_ptr<Meeting>> parts_;  // that the split in progress makes
  int arrived_ = 0, left_ = 0;
  bool started_ = false;
  uint64_t round_ = 0;
  absl::Status verdict_;
};

}  // namespace plimsoll::runtime::collective
