// The communicators of a plan's groups: made once a Program, used by all its executors.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ir/plan/plan.pb.h"
#include "runtime/collective/communicator.h"

namespace plimsoll::runtime::collective {

// Whether the program has a collective that ranks meet in.
bool Communicates(const plan::Program& program);

class Groups {
 public:
  // `world` joins the ranks of a validated plan; null: there is one rank, which has nobody to wait for. Collective;
  // makes communicators for the groups whose ranks meet, in load or in run.
  static absl::StatusOr<std::unique_ptr<Groups>> Create(const plan::Plan& plan, std::shared_ptr<Communicator> world);

  // What has gone wrong in any of the communicators.
  absl::Status Check() const;

  // Null: one rank alone.
  Communicator* world() const { return world_.get(); }
  // Of this rank's part; null where its ranks do not meet.
  Communicator* group(int index) const { return groups_[static_cast<size_t>(index)].get(); }
  // This rank's position in its part.
  int position(int index) const { return positions_[static_cast<size_t>(index)]; }

 private:
  std::shared_ptr<Communicator> world_;
  std::vector<std::shared_ptr<Communicator>> groups_;
  std::vector<int> positions_;
};

}  // namespace plimsoll::runtime::collective
