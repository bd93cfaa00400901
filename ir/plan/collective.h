// What everyone who reads collectives asks of them: names, which of them reduce, sizes, positions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/plan/plan.pb.h"

namespace plimsoll::plan {

// "all_reduce", "sum"; "unknown" for other numbers.
const char* Name(Collective::Kind kind);
const char* Name(Collective::Reduction reduction);

// Whether the kind has a reduction.
bool Reduces(Collective::Kind kind);
// Whether the reduction is one of elements of this type.
bool HasReduction(DataType dtype, Collective::Reduction reduction);
// Whether ranks exchange anything: not so for ALL_SLICE.
bool Communicates(Collective::Kind kind);

inline int RankCount(const Plan& plan) { return plan.ranks() == 0 ? 1 : plan.ranks(); }

// Bytes of one block of the command, a collective that the validator has seen, in parts of that size.
int64_t BlockBytes(const Command& command, int part_size);

// The index in group.ranks at which the rank is; -1: nowhere. Its part is that divided by part_size, its position the
// rest.
int PlaceOf(const Group& group, int rank);

// The position whose block position `target` gets by a PERMUTE, or sends to; -1: none.
int SourceOf(const Collective& collective, int target);
int TargetOf(const Collective& collective, int source);

// "all_reduce sum along 'tensor'".
std::string ToString(const Plan& plan, const Collective& collective);

// The program's collectives of one kind, reduction and group, for reports.
struct CollectiveUse {
  Collective::Kind kind = Collective::KIND_UNSPECIFIED;
  Collective::Reduction reduction = Collective::REDUCTION_UNSPECIFIED;
  int group = 0;
  int commands = 0;
  int64_t bytes = 0;  // of the larger operand of each, together
};
// In the order of their first commands.
std::vector<CollectiveUse> CollectivesOf(const Program& program);

}  // namespace plimsoll::plan
