// For the tests of programs and sessions: a small plan with two kernels, loaded.
#pragma once

#include <memory>

#include "gtest/gtest.h"
#include "runtime/program.h"
#include "runtime/session.h"
#include "runtime/testing/plan_builder.h"

namespace plimsoll::runtime::testing {

#define ASSERT_OK(expression)                        \
  do {                                               \
    const absl::Status status_ = (expression);       \
    ASSERT_TRUE(status_.ok()) << status_.ToString(); \
  } while (false)

struct alignas(64) Floats {
  float values[16];
};

// x -> twice -> h -> increment -> y, 16 floats each.
inline PlanBuilder Chain() {
  PlanBuilder b;
  b.UseKernels(TEST_KERNELS, {"twice", "increment", "below_four"});
  b.AddChain();
  return b;
}

inline std::shared_ptr<const Program> LoadOrDie(PlanBuilder& builder) {
  auto artefact = builder.Finish();
  EXPECT_TRUE(artefact.ok()) << artefact.status().ToString();
  auto program = Program::Load(*std::move(artefact));
  EXPECT_TRUE(program.ok()) << program.status().ToString();
  return program.ok() ? *program : nullptr;
}

inline std::unique_ptr<Session> SessionOf(PlanBuilder& builder) {
  auto program = LoadOrDie(builder);
  if (program == nullptr) return nullptr;
  auto session = Session::Create(program);
  EXPECT_TRUE(session.ok()) << session.status().ToString();
  return session.ok() ? *std::move(session) : nullptr;
}

}  // namespace plimsoll::runtime::testing
