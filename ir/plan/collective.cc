#include "ir/plan/collective.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace plimsoll::plan {

const char* Name(Collective::Kind kind) {
  switch (kind) {
    case Collective::ALL_REDUCE:
      return "all_reduce";
    case Collective::ALL_GATHER:
      return "all_gather";
    case Collective::REDUCE_SCATTER:
      return "reduce_scatter";
    case Collective::ALL_TO_ALL:
      return "all_to_all";
    case Collective::BROADCAST:
      return "broadcast";
    case Collective::PERMUTE:
      return "permute";
    case Collective::ALL_SLICE:
      return "all_slice";
    default:
      return "unknown";
  }
}

const char* Name(Collective::Reduction reduction) {
  switch (reduction) {
    case Collective::SUM:
      return "sum";
    case Collective::MAX:
      return "max";
    case Collective::MIN:
      return "min";
    case Collective::AVERAGE:
      return "average";
    default:
      return "unknown";
  }
}

bool Reduces(Collective::Kind kind) { return kind == Collective::ALL_REDUCE || kind == Collective::REDUCE_SCATTER; }

bool HasReduction(DataType dtype, Collective::Reduction reduction) {
  switch (dtype) {
    case F16:
    case BF16:
    case F32:
    case F64:
      return reduction >= Collective::SUM && reduction <= Collective::AVERAGE;
    case I8:
    case U8:
    case I32:
    case U32:
    case I64:
    case U64:
      return reduction >= Collective::SUM && reduction <= Collective::MIN;
    default:
      return false;
  }
}

bool Communicates(Collective::Kind kind) { return kind != Collective::ALL_SLICE; }

int64_t BlockBytes(const Command& command, int part_size) {
  const int64_t source = command.operands(0).length(), destination = command.operands(1).length();
  return command.collective().kind() == Collective::ALL_TO_ALL ? source / part_size : std::min(source, destination);
}

int PlaceOf(const Group& group, int rank) {
  const auto found = std::find(group.ranks().begin(), group.ranks().end(), rank);
  return found == group.ranks().end() ? -1 : static_cast<int>(found - group.ranks().begin());
}

int SourceOf(const Collective& collective, int target) {
  for (const Collective::Pair& pair : collective.pairs()) {
    if (pair.target() == target) return pair.source();
  }
  return -1;
}

int TargetOf(const Collective& collective, int source) {
  for (const Collective::Pair& pair : collective.pairs()) {
    if (pair.source() == source) return pair.target();
  }
  return -1;
}

std::string ToString(const Plan& plan, const Collective& collective) {
  return absl::StrCat(Name(collective.kind()), Reduces(collective.kind()) ? " " : "",
                      Reduces(collective.kind()) ? Name(collective.reduction()) : "", " along '",
                      plan.groups(collective.group()).name(), "'");
}

std::vector<CollectiveUse> CollectivesOf(const Program& program) {
  std::vector<CollectiveUse> uses;
  for (const Command& command : program.commands()) {
    if (!command.has_collective()) continue;
    const Collective& collective = command.collective();
    auto use = std::find_if(uses.begin(), uses.end(), [&](const CollectiveUse& u) {
      return u.kind == collective.kind() && u.reduction == collective.reduction() && u.group == collective.group();
    });
    if (use == uses.end()) {
      use = uses.insert(uses.end(), {collective.kind(), collective.reduction(), collective.group(), 0, 0});
    }
    ++use->commands;
    use->bytes += std::max(command.operands(0).length(), command.operands(1).length());
  }
  return uses;
}

}  // namespace plimsoll::plan
