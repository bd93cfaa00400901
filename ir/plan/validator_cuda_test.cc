// What is particular to plans for GPUs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/plan/testing/broken_plan.h"

namespace plimsoll::plan {
namespace {

using namespace plimsoll::plan::testing;  // NOLINT: the sample's names

TEST(CudaValidatorTest, TheSampleHolds) {
  EXPECT_EQ(All(FindViolations(SampleCudaPlan(), SampleMembers())), "");
}

TEST(CudaValidatorTest, ThePeakHoldsTheReserveAndNotTheHostsBytes) {
  const Plan plan = SampleCudaPlan();
  EXPECT_EQ(plan.certificate().peak_bytes(), 128 + 1024 + (1 << 20));
  EXPECT_EQ(plan.certificate().load_peak_bytes(), 128 + (1 << 20));
  EXPECT_EQ(plan.certificate().resident_weight_bytes(), 128);
  EXPECT_EQ(plan.certificate().timeline(0).bytes(1).memory_class(), ACTIVATIONS);
}

TEST(CudaValidatorTest, P6) {
  Expect(
      {
          {6, "one such as sm_80", [](Plan& p) { p.mutable_target()->set_architecture("gfx90a"); }},
          {6, "one such as sm_80", [](Plan& p) { p.mutable_target()->set_architecture("sm_9O"); }},
          {6, "-1 bytes reserved", [](Plan& p) { p.mutable_target()->set_reserved_bytes(-1); }},
          {6, "no member 'code/other.cubin'", [](Plan& p) { p.mutable_code(0)->set_binary("code/other.cubin"); }},
          {6, "declared twice", [](Plan& p) { p.mutable_code(0)->set_binary("code/kernels.ptx"); }},
          {6, "of 0 dimensions, 3 expected", [](Plan& p) { RunCommandOf(p, 0)->mutable_launch()->clear_grid(); }},
          {6, "of 0 dimensions, 3 expected",
           [](Plan& p) { RunCommandOf(p, 3)->mutable_library_call()->mutable_fallback()->clear_block(); }},
          {6, "a grid or block of size 0", [](Plan& p) { RunCommandOf(p, 0)->mutable_launch()->set_grid(0, 0); }},
          {6, "more than 1,024 threads",
           [](Plan& p) { RunCommandOf(p, 0)->mutable_launch()->set_block(1, INT32_MAX); }},
          {6, "launches 'other'",
           [](Plan& p) { RunCommandOf(p, 3)->mutable_library_call()->mutable_fallback()->set_symbol("other"); }},
          {6, "only load of a CUDA plan reads", [](Plan& p) { RunBufferOf(p, 1)->set_weight(0); }},
          {6, "only copies of load read",
           [](Plan& p) {
             Command* command = p.mutable_load()->mutable_commands(0);
             *command->mutable_launch() = RunCommandOf(p, 0)->launch();
           }},
      },
      SampleCudaPlan);
}

TEST(CudaValidatorTest, P3OrderOfStreams) {
  Expect(
      {
          {3, "no event orders them", [](Plan& p) { RunCommandOf(p, 2)->set_stream(0); }},
          {3, "which nothing before it records",
           [](Plan& p) {
             RunCommandOf(p, 1)->mutable_fill()->set_pattern("x");
             AddOperand(RunCommandOf(p, 1), 2, 0, 32, Operand::WRITE);
           }},
      },
      SampleCudaPlan);
}

TEST(CudaValidatorTest, P4AndP7CountTheReserve) {
  Expect({{4, "taken by driver and libraries", [](Plan& p) { p.set_budget_bytes(p.budget_bytes() - 1); }}},
         SampleCudaPlan);
  Expect({{7, "peak_bytes", [](Plan& p) { p.mutable_target()->set_reserved_bytes((1 << 20) - 1); }}}, SampleCudaPlan);
}

}  // namespace
}  // namespace plimsoll::plan
