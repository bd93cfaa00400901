// For the tests of the validator: plans with one thing changed, and what is said of them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "ir/plan/certificate.h"
#include "ir/plan/testing/sample_plan.h"
#include "ir/plan/validator.h"

namespace plimsoll::plan::testing {

inline Buffer* RunBufferOf(Plan& plan, int index) { return plan.mutable_run()->mutable_buffers(index); }
inline Command* RunCommandOf(Plan& plan, int index) { return plan.mutable_run()->mutable_commands(index); }
inline Operand* OperandOf(Plan& plan, int command, int operand) {
  return RunCommandOf(plan, command)->mutable_operands(operand);
}
inline void Restate(Plan& plan) { *plan.mutable_certificate() = ComputeCertificate(plan); }

inline std::string All(const std::vector<Violation>& violations) {
  std::string all;
  for (const Violation& v : violations) all += "[P" + std::to_string(v.constraint) + "] " + v.message + "\n";
  return all;
}

// A change that breaks one constraint, and a part of what the validator says then.
struct Case {
  int constraint;
  std::string says;
  std::function<void(Plan&)> change;
};

inline void Expect(const std::vector<Case>& cases, Plan (*sample)() = SamplePlan) {
  for (const Case& c : cases) {
    Plan plan = sample();
    c.change(plan);
    const std::vector<Violation> violations = FindViolations(plan, SampleMembers());
    ASSERT_FALSE(violations.empty()) << "not found: [P" << c.constraint << "] " << c.says;
    const std::string all = All(violations);
    EXPECT_THAT(all, ::testing::HasSubstr(c.says));
    for (const Violation& v : violations) EXPECT_EQ(v.constraint, c.constraint) << c.says << "\n" << all;
    const absl::Status status = Validate(plan, SampleMembers());
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("[P" + std::to_string(c.constraint) + "]"));
  }
}

}  // namespace plimsoll::plan::testing
