// [P5] Collectives match across ranks. All ranks run one program, so that kinds, groups and bytes match where each
// command is sound in itself; that they come to their collectives in one order is shown here for branches and loops,
// and in order.cc for streams.
#include <set>
#include <string>
#include <vector>

#include "ir/plan/collective.h"
#include "ir/plan/types.h"
#include "ir/plan/validator/checks.h"

namespace plimsoll::plan::validator {
namespace {

// More than any machine has; sums and products of two such numbers are far from overflow.
constexpr int kMostRanks = 1 << 20;

class CollectiveCheck {
 public:
  CollectiveCheck(const ProgramView& view, int command, Report& report)
      : view_(view),
        index_(command),
        command_(view.program.commands(command)),
        collective_(command_.collective()),
        report_(report) {}

  void Check() {
    if (collective_.kind() == Collective::KIND_UNSPECIFIED || !Collective::Kind_IsValid(collective_.kind())) {
      return Fail("its kind, ", static_cast<int>(collective_.kind()), ", is not one that this version knows");
    }
    if (collective_.group() < 0 || collective_.group() >= view_.plan.groups_size()) {
      return Fail("group ", collective_.group(), " of ", view_.plan.groups_size());
    }
    if (command_.operands_size() != 2 || command_.operands(0).access() != Operand::READ ||
        command_.operands(1).access() != Operand::WRITE) {
      return Fail("two operands were expected: a source, READ, and a destination, WRITE");
    }
    CheckReduction();
    CheckRoot();
    CheckPairs();
    CheckLengths();
    CheckControl();
  }

 private:
  template <typename... Args>
  void Fail(const Args&... args) {
    report_.Add(5, view_.Command(index_), ": ", args...);
  }

  int part_size() const { return view_.plan.groups(collective_.group()).part_size(); }

  void CheckReduction() {
    if (!Reduces(collective_.kind())) {
      if (collective_.reduction() != Collective::REDUCTION_UNSPECIFIED) {
        Fail("a reduction, which ", Name(collective_.kind()), " has not");
      }
    } else if (!HasReduction(collective_.dtype(), collective_.reduction())) {
      Fail("no reduction of ", plan::Name(collective_.dtype()), " is '", Name(collective_.reduction()), "'");
    }
  }

  void CheckRoot() {
    const int end = collective_.kind() == Collective::BROADCAST ? part_size() : 1;
    if (collective_.root() < 0 || collective_.root() >= end) {
      Fail("root ", collective_.root(), "; 0 to ", end - 1, " were expected");
    }
  }

  void CheckPairs() {
    if (collective_.kind() != Collective::PERMUTE && collective_.pairs_size() != 0) {
      Fail("pairs, which ", Name(collective_.kind()), " has not");
      return;
    }
    std::set<int> sources, targets;
    for (const Collective::Pair& pair : collective_.pairs()) {
      for (const int position : {pair.source(), pair.target()}) {
        if (position < 0 || position >= part_size()) {
          Fail("position ", position, " in parts of ", part_size());
          return;
        }
      }
      const bool new_source = sources.insert(pair.source()).second, new_target = targets.insert(pair.target()).second;
      if (new_source && new_target) continue;
      Fail("position ", new_source ? pair.target() : pair.source(), " is twice the ", new_source ? "target" : "source",
           " of a pair");
      return;
    }
  }

  void CheckLengths() {
    const int element = ElementSize(collective_.dtype());
    if (element == 0) return Fail("element type ", static_cast<int>(collective_.dtype()), " is not known");
    const int64_t source = command_.operands(0).length(), destination = command_.operands(1).length();
    const int64_t n = part_size();
    bool match = source == destination;
    int64_t block = source;
    switch (collective_.kind()) {
      case Collective::ALL_GATHER:
        match = destination % n == 0 && destination / n == source;
        break;
      case Collective::REDUCE_SCATTER:
      case Collective::ALL_SLICE:
        match = source % n == 0 && source / n == destination;
        block = destination;
        break;
      case Collective::ALL_TO_ALL:
        match = match && source % n == 0;
        block = source / n;
        break;
      default:
        break;
    }
    if (!match) {
      Fail(Name(collective_.kind()), " in parts of ", n, " from ", source, " bytes to ", destination,
           ", which do not match");
    } else if (block % element != 0) {
      Fail("blocks of ", block, " bytes are no whole number of elements of ", plan::Name(collective_.dtype()));
    }
  }

  // Every rank must come here as often as the others. Branches and conditions are decided by each rank for itself.
  void CheckControl() {
    if (!Communicates(collective_.kind())) return;
    for (int at = view_.parent[index_]; at >= 0; at = view_.parent[at]) {
      const Command& around = view_.program.commands(at);
      if (around.has_loop() && !around.loop().has_condition()) continue;
      return Fail("in the ", around.has_loop() ? "loop with a condition" : "branch", " of command ", at,
                  ", which ranks may decide differently: some would wait for the others for ever");
    }
  }

  const ProgramView& view_;
  const int index_;
  const Command& command_;
  const Collective& collective_;
  Report& report_;
};

}  // namespace

void CheckGroups(const Plan& plan, Report& report) {
  if (plan.ranks() < 0 || plan.ranks() > kMostRanks) {
    report.Add(5, plan.ranks(), " ranks; 0 to ", kMostRanks, " are known");
    return;
  }
  const int ranks = RankCount(plan);
  std::set<std::string> names;
  for (int g = 0; g < plan.groups_size() && !report.full(); ++g) {
    const Group& group = plan.groups(g);
    const std::string where = absl::StrCat("group ", g, " (", Quote(group.name()), ")");
    if (group.name().empty()) report.Add(5, where, ": it has no name");
    if (!names.insert(group.name()).second) report.Add(5, where, ": the name is there twice");
    if (group.part_size() < 1 || ranks % group.part_size() != 0) {
      report.Add(5, where, ": parts of ", group.part_size(), " ranks, which do not divide ", ranks);
    }
    if (group.ranks_size() != ranks) {
      report.Add(5, where, ": it names ", group.ranks_size(), " ranks of ", ranks);
      continue;
    }
    std::vector<bool> seen(ranks, false);
    for (const int rank : group.ranks()) {
      if (rank >= 0 && rank < ranks && !seen[rank]) {
        seen[rank] = true;
        continue;
      }
      report.Add(5, where, ": rank ", rank, " is there twice, or not one of ", ranks);
      break;
    }
  }
}

void CheckCollective(const ProgramView& view, int command, Report& report) {
  CollectiveCheck(view, command, report).Check();
}

}  // namespace plimsoll::plan::validator
