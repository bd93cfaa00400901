#include "ir/plan/validator.h"

#include "absl/strings/str_cat.h"
#include "ir/plan/validator/checks.h"
#include "ir/plan/validator/report.h"
#include "ir/plan/validator/structure.h"

namespace plimsoll::plan {

std::vector<Violation> FindViolations(const Plan& plan, const MemberInfo& members, int limit) {
  using namespace validator;  // NOLINT: the checks below
  Report report(limit);
  if (plan.version() != FORMAT_VERSION_CURRENT) {
    report.Add(6, "the plan's format is version ", plan.version(), "; this program reads version ",
               static_cast<int>(FORMAT_VERSION_CURRENT));
    return report.Take();
  }
  ProgramView load(plan, true);
  ProgramView run(plan, false);
  const auto both = [&](void (*check)(const ProgramView&, Report&)) {
    check(load, report);
    check(run, report);
  };
  CheckDeclarations(plan, members, report);
  CheckGroups(plan, report);
  BuildTree(load, report);
  BuildTree(run, report);
  if (!report.clean()) return report.Take();
  both(CheckBuffers);
  if (!report.clean()) return report.Take();
  CheckSignature(run, report);
  if (!report.clean()) return report.Take();
  both(CheckCommands);
  if (!report.clean()) return report.Take();
  both(CheckPlacement);
  both(CheckLifetimes);
  if (!report.clean()) return report.Take();
  both(CheckOverlaps);
  // Where buffers overlap, so do operands, and the sums of what is alive mean nothing.
  const bool disjoint = report.clean();
  if (disjoint) both(CheckOperandOverlaps);
  if (disjoint) both(CheckStreams);
  CheckWritten(load, run, report);
  if (disjoint) CheckCertificate(load, run, report);
  return report.Take();
}

absl::Status Validate(const Plan& plan, const MemberInfo& members) {
  const std::vector<Violation> violations = FindViolations(plan, members);
  if (violations.empty()) return absl::OkStatus();
  std::string message = "the plan is not valid; compile the model again:";
  for (const Violation& violation : violations) {
    absl::StrAppend(&message, "\n  [P", violation.constraint, "] ", violation.message);
  }
  return absl::DataLossError(message);
}

}  // namespace plimsoll::plan
