// The independent check of a plan against the constraints [P1]..[P7]. It shares no code with the solvers and with the
// compiler's emission, takes every field to be hostile, and runs in near-linear time. [P8], the checksums, is the
// reader's (ir/plan/artefact.h); that weights' bytes exist and match is checked when they are loaded (CheckWeights).
//
//   [P1] every buffer lies inside its arena, aligned
//   [P2] no two live buffers overlap, in-place pairs apart; a buffer is touched only while it is alive
//   [P3] two commands that touch the same bytes, one of them writing, are ordered; nothing is read before it is written
//   [P4] the peak is within the budget
//   [P5] collectives match across ranks
//   [P6] every reference names something that the plan declares; sizes, kinds and nesting are sound
//   [P7] the certificate restates what the plan holds
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "ir/plan/plan.pb.h"

namespace plimsoll::plan {

// The members of the artefact that the plan is in, and their sizes in bytes.
struct MemberInfo {
  std::map<std::string, int64_t> sizes;
};

struct Violation {
  int constraint = 0;  // 1..7 for [P1]..[P7]
  std::string message;
};

// All violations, at most `limit` of them. Where [P6] fails, the constraints that build on sound references are not
// looked at.
std::vector<Violation> FindViolations(const Plan& plan, const MemberInfo& members, int limit = 20);

// OK, or kDataLoss with one line a violation: "[P2] run: buffers 'a' and 'b' ...".
absl::Status Validate(const Plan& plan, const MemberInfo& members);

}  // namespace plimsoll::plan
