#include "ir/plan/validator.h"

namespace plimsoll::plan {

std::vector<Violation> FindViolations(const Plan& plan, const MemberInfo& members, int limit) { return {}; }

absl::Status Validate(const Plan& plan, const MemberInfo& members) { return absl::OkStatus(); }

}  // namespace plimsoll::plan
