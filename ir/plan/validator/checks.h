// The checks, one a constraint or a part of it. Each relies on those above it having found nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/plan/validator/report.h"
#include "ir/plan/validator/structure.h"

namespace plimsoll::plan::validator {

// [P6] what the plan declares besides its programs: target, weights, code, arenas.
void CheckDeclarations(const Plan& plan, const MemberInfo& members, Report& report);
// [P6] signature and fixed values, against the run program's buffers.
void CheckSignature(const ProgramView& run, Report& report);
// [P6] the buffers' own references, types and intervals; the shape slots.
void CheckBuffers(const ProgramView& view, Report& report);
// [P6] a type whose dims may be bounded by the program's shape slots. Its bytes; -1 with a violation if it is not
// sound.
int64_t CheckType(const std::string& where, const TensorType& type, const Program& program, Report& report);
// [P6] the commands' operands and parameters.
void CheckCommands(const ProgramView& view, Report& report);
// [P6] a library call's operands against its description.
void CheckLibraryCall(const ProgramView& view, int command, Report& report);
// [P5] the ranks and their partitions; a collective, whose operands' own references are sound.
void CheckGroups(const Plan& plan, Report& report);
void CheckCollective(const ProgramView& view, int command, Report& report);
// Which operands a library call may read in the place of its result: those of element-wise post-operations.
std::vector<bool> MayShareWithResult(const LibraryOp& op);

// [P1] buffers in their arenas. [P2] lifetimes and overlaps.
void CheckPlacement(const ProgramView& view, Report& report);
void CheckLifetimes(const ProgramView& view, Report& report);
void CheckOverlaps(const ProgramView& view, Report& report);

// [P3] within a command, and between streams. [P5] The order of collectives on several streams.
void CheckOperandOverlaps(const ProgramView& view, Report& report);
void CheckStreams(const ProgramView& view, Report& report);
// [P3] nothing is read before it is written; outputs are written.
void CheckWritten(const ProgramView& load, const ProgramView& run, Report& report);

// [P7] the certificate, and [P4] the budget.
void CheckCertificate(const ProgramView& load, const ProgramView& run, Report& report);

// Checks that could be made to take quadratic time count their steps and give up here: far beyond honest plans.
inline constexpr int64_t kMostSteps = int64_t{1} << 24;

}  // namespace plimsoll::plan::validator
