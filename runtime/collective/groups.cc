#include "runtime/collective/groups.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ir/plan/collective.h"

namespace plimsoll::runtime::collective {
namespace {

bool Meets(const plan::Command& command) {
  return command.has_collective() && plan::Communicates(command.collective().kind());
}

// All ranks, in their order: what `world` is.
bool IsWorld(const plan::Group& group) {
  if (group.part_size() != group.ranks_size()) return false;
  for (int i = 0; i < group.ranks_size(); ++i) {
    if (group.ranks(i) != i) return false;
  }
  return true;
}

}  // namespace

bool Communicates(const plan::Program& program) {
  return std::any_of(program.commands().begin(), program.commands().end(), Meets);
}

absl::StatusOr<std::unique_ptr<Groups>> Groups::Create(const plan::Plan& plan, std::shared_ptr<Communicator> world) {
  auto groups = std::make_unique<Groups>();
  groups->world_ = std::move(world);
  std::vector<bool> meets(static_cast<size_t>(plan.groups_size()), false);
  for (const plan::Program* program : {&plan.load(), &plan.run()}) {
    for (const plan::Command& command : program->commands()) {
      if (Meets(command)) meets[static_cast<size_t>(command.collective().group())] = true;
    }
  }
  const int rank = groups->world_ == nullptr ? 0 : groups->world_->rank();
  groups->groups_.resize(meets.size());
  for (int g = 0; g < plan.groups_size(); ++g) {
    const plan::Group& group = plan.groups(g);
    groups->positions_.push_back(plan::PlaceOf(group, rank) % group.part_size());
    if (groups->world_ == nullptr || !meets[static_cast<size_t>(g)]) continue;
    if (IsWorld(group)) {
      groups->groups_[static_cast<size_t>(g)] = groups->world_;
      continue;
    }
    auto part = groups->world_->Split(group.ranks(), group.part_size());
    if (!part.ok()) {
      return absl::Status(part.status().code(),
                          absl::StrCat("group '", group.name(), "': ", std::string(part.status().message())));
    }
    groups->groups_[static_cast<size_t>(g)] = *std::move(part);
  }
  return groups;
}

absl::Status Groups::Check() const {
  if (world_ != nullptr) {
    if (absl::Status status = world_->Check(); !status.ok()) return status;
  }
  for (const std::shared_ptr<Communicator>& group : groups_) {
    if (group == nullptr || group == world_) continue;
    if (absl::Status status = group->Check(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::runtime::collective
