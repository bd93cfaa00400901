// Ranks that are threads of one process, on the CPU: for tests, and for trying plans for several ranks on one machine.
#pragma once

#include <memory>

#include "absl/time/time.h"
#include "runtime/collective/communicator.h"

namespace plimsoll::runtime::collective {

class Meeting;

// Where the ranks meet. Each copies and reduces its share of every collective, straight from the others' memory.
// Reductions are in the order of positions: the same bytes each time, on every rank.
class LocalWorld {
 public:
  // `timeout`: how long a rank waits for the others in one collective.
  explicit LocalWorld(int ranks, absl::Duration timeout = absl::Minutes(10));
  ~LocalWorld();
  LocalWorld(const LocalWorld&) = delete;
  LocalWorld& operator=(const LocalWorld&) = delete;

  int size() const;
  // The end of that rank, 0 <= rank < size; usable longer than this object. kDeadlineExceeded of a wait names the ranks
  // that did not come, and ends the communicator.
  std::shared_ptr<Communicator> communicator(int rank) const;

 private:
  std::shared_ptr<Meeting> meeting_;
};

}  // namespace plimsoll::runtime::collective
