#include "ir/plan/validator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/plan/testing/broken_plan.h"

namespace plimsoll::plan {
namespace {

using namespace plimsoll::plan::testing;  // NOLINT: the sample's names
using ::testing::HasSubstr;

TEST(ValidatorTest, AcceptsTheSample) { EXPECT_EQ(All(FindViolations(SamplePlan(), SampleMembers())), ""); }

TEST(ValidatorTest, AcceptsAPlanWithoutCommands) {
  Plan plan;
  plan.set_version(FORMAT_VERSION_CURRENT);
  Arena* arena = plan.add_arenas();
  arena->set_scope(Arena::SESSION);
  arena->set_size_bytes(64);
  arena->set_alignment(64);
  AddBuffer(plan.mutable_run(), "x", 0, 0, 4, 0, 0);
  for (Binding* binding : {plan.mutable_signature()->add_inputs(), plan.mutable_signature()->add_outputs()}) {
    binding->set_name("x");
    binding->mutable_type()->set_dtype(F32);
  }
  Restate(plan);
  EXPECT_EQ(plan.certificate().session_lower_bound_bytes(), 4);
  EXPECT_EQ(All(FindViolations(plan, {})), "");
  AddBuffer(plan.mutable_run(), "y", 0, 0, 4, 0, 0);
  EXPECT_THAT(All(FindViolations(plan, {})), HasSubstr("[P2]"));
}

TEST(ValidatorTest, P1BuffersLieInTheirArenasAligned) {
  Expect({
      {1, "of arena 1, which has 576", [](Plan& p) { RunBufferOf(p, kIteration)->set_offset(569); }},
      {1, "of arena 1", [](Plan& p) { RunBufferOf(p, kIteration)->set_offset(-8); }},
      {1, "of arena 1", [](Plan& p) { RunBufferOf(p, kIteration)->set_offset(INT64_MAX); }},
      {1, "of arena 2", [](Plan& p) { p.mutable_arenas(2)->set_size_bytes(127); }},
      {1, "must be aligned to 64",
       [](Plan& p) {
         RunBufferOf(p, kIteration)->set_alignment(64);
         RunBufferOf(p, kIteration)->set_offset(520);
       }},
      {1, "of an arena aligned to 64", [](Plan& p) { RunBufferOf(p, kIteration)->set_alignment(128); }},
      {1, "its weight lies at offset 36", [](Plan& p) { RunBufferOf(p, kExternal)->set_alignment(8); }},
      {1, "of bytes aligned to 64", [](Plan& p) { RunBufferOf(p, kBias)->set_alignment(128); }},
  });
}

TEST(ValidatorTest, P2LiveBuffersDoNotOverlap) {
  Expect({
      {2, "overlaps buffer 6 ('y')", [](Plan& p) { RunBufferOf(p, kElse)->set_offset(255); }},
      {2, "overlaps", [](Plan& p) { RunBufferOf(p, kRelu)->clear_in_place_of(); }},
      {2, "overlaps", [](Plan& p) { RunBufferOf(p, kRelu)->set_in_place_of(kX); }},
      // Alive together for longer than the one command that takes over.
      {2, "overlaps", [](Plan& p) { RunBufferOf(p, kHidden)->set_last(3); }},
      // The command does not touch the one it takes over.
      {2, "overlaps",
       [](Plan& p) { OperandOf(p, kReluLaunch, 0)->set_buffer(kBias), OperandOf(p, kReluLaunch, 0)->set_length(32); }},
      {2, "in arena 0",
       [](Plan& p) {
         // Two buffers of PARAMETERS.
         Buffer* other = AddBuffer(p.mutable_load(), "other", 0, 64, 8, 1, 2);
         other->set_name("in arena 0");
       }},
  });
}

TEST(ValidatorTest, P2BuffersAreTouchedWhileAliveOnly) {
  Expect({
      {2, "which is alive in [0, 1) only", [](Plan& p) { RunBufferOf(p, kHidden)->set_last(1); }},
      {2, "which is alive in [5, 11) only", [](Plan& p) { RunBufferOf(p, kY)->set_first(5); }},
      {2, "only", [](Plan& p) { RunBufferOf(p, kBias)->set_first(1); }},
  });
}

TEST(ValidatorTest, P2BuffersFitLoops) {
  Expect({
      // Live around the loop, but ending in its body: the second iteration would find it gone.
      {2, "cuts the loop [8, 11)", [](Plan& p) { RunBufferOf(p, kY)->set_last(10); }},
      {2, "cuts the loop [8, 11)", [](Plan& p) { RunBufferOf(p, kBody)->set_last(12); }},
      {2, "cuts the loop [8, 11)", [](Plan& p) { RunBufferOf(p, kIteration)->set_last(10); }},
  });
}

TEST(ValidatorTest, P2InPlaceInALoopNeedsTheSameIteration) {
  Plan plan = SamplePlan();
  // body takes over y's place, but y is read again by the next iteration.
  Buffer* body = RunBufferOf(plan, kBody);
  body->set_in_place_of(kY);
  body->set_offset(192);
  body->set_first(9);
  EXPECT_THAT(All(FindViolations(plan, SampleMembers())), HasSubstr("[P2]"));
}

TEST(ValidatorTest, P2ParametersLiveThroughout) {
  Expect({
      {2, "is there from 0 to 12", [](Plan& p) { RunBufferOf(p, kPacked)->set_last(11); }},
      {2, "lives to its end",
       [](Plan& p) {
         Buffer* packed = p.mutable_load()->mutable_buffers(2);
         packed->set_first(1), packed->set_last(1);
         p.mutable_load()->mutable_commands(1)->mutable_operands(1)->set_length(0);
       }},
  });
}

TEST(ValidatorTest, P3NothingIsReadBeforeItIsWritten) {
  Expect({
      {3, "reads bytes [0, 64) of run: buffer 3",
       [](Plan& p) {
         OperandOf(p, kMatmul, 4)->set_length(64), RunCommandOf(p, kMatmul)->mutable_launch()->set_symbol("relu"),
             OperandOf(p, kMatmul, 3)->set_length(63);
       }},
      {3, "output 'z'",
       [](Plan& p) {
         OperandOf(p, kHost, 1)->set_length(60);
         RunCommandOf(p, kHost)->mutable_host_call()->mutable_operand_types(1)->set_dims(1, 7);
       }},
      // Written by one body of the branch only.
      {3, "of run: buffer 6",
       [](Plan& p) {
         RunCommandOf(p, kThenCopy)->mutable_launch()->set_symbol("relu"), OperandOf(p, kThenCopy, 1)->set_length(32);
       }},
      {3, "of run: buffer 6",
       [](Plan& p) {
         RunCommandOf(p, kBranch)->mutable_branch()->set_then_commands(3);
         RunCommandOf(p, kBranch)->mutable_branch()->set_else_commands(0);
       }},
      // By the body of a loop that may run no iteration.
      {3, "of run: buffer 8",
       [](Plan& p) {
         RunCommandOf(p, kAccCopy)->mutable_launch()->set_symbol("relu");
         OperandOf(p, kAccCopy, 1)->set_length(0);
         RunCommandOf(p, kLoop)->mutable_loop()->set_max_trips(0);
         OperandOf(p, kBodyLaunch, 1)->set_length(0);
       }},
      // By the loop's body, but later in it.
      {3, "command 9",
       [](Plan& p) {
         OperandOf(p, kAccCopy, 1)->set_length(0), RunCommandOf(p, kAccCopy)->mutable_launch()->set_symbol("relu");
       }},
      // Not by load.
      {3, "of run: buffer 1",
       [](Plan& p) { p.mutable_load()->mutable_commands(1)->mutable_operands(1)->set_length(127); }},
  });
}

TEST(ValidatorTest, P3LoopThatRunsAtLeastOnceWrites) {
  Plan plan = SamplePlan();
  RunCommandOf(plan, kAccCopy)->mutable_launch()->set_symbol("relu");
  OperandOf(plan, kAccCopy, 1)->set_length(0);
  OperandOf(plan, kBodyLaunch, 1)->set_length(0);
  EXPECT_EQ(All(FindViolations(plan, SampleMembers())), "");
}

TEST(ValidatorTest, P3OperandsOfOneCommand) {
  Expect({
      {3, "without being the same place", [](Plan& p) { OperandOf(p, kReluLaunch, 0)->set_length(32); }},
      {3, "two operands that it writes",
       [](Plan& p) { AddOperand(RunCommandOf(p, kReluLaunch), kRelu, 0, 64, Operand::WRITE); }},
      {3, "which its kind cannot", [](Plan& p) { RunCommandOf(p, kReluLaunch)->mutable_copy(); }},
      {3, "which its kind cannot",
       [](Plan& p) {
         LibraryOp* op = RunCommandOf(p, kReluLaunch)->mutable_library_call()->mutable_op();
         op->set_library("onednn");
         for (MemoryDesc* desc : {op->mutable_pool()->mutable_src(), op->mutable_pool()->mutable_dst()}) {
           desc->set_dtype(F32);
           for (const int64_t dim : {1, 1, 16}) desc->add_dims(dim);
         }
         op->mutable_pool()->add_kernel(1);
       }},
  });
}

TEST(ValidatorTest, P3RunWritesNeitherParametersNorInputs) {
  Expect({
      {3, "of the PARAMETERS arena",
       [](Plan& p) { AddOperand(RunCommandOf(p, kReluLaunch), kPacked, 0, 4, Operand::WRITE); }},
      {3, "an input",
       [](Plan& p) {
         RunCommandOf(p, kMatmul)->mutable_launch()->set_symbol("relu");
         AddOperand(RunCommandOf(p, kMatmul), kX, 0, 0, Operand::WRITE);
       }},
  });
}

TEST(ValidatorTest, P4PeakIsWithinTheBudget) {
  Expect({
      {4, "the budget is", [](Plan& p) { p.set_budget_bytes(p.certificate().peak_bytes() - 1); }},
      {4, "the budget is 0", [](Plan& p) { p.set_budget_bytes(0); }},
  });
}

TEST(ValidatorTest, P7CertificateRestatesThePlan) {
  const auto certificate = [](void (*change)(Certificate&)) {
    return [change](Plan& p) { change(*p.mutable_certificate()); };
  };
  Expect({
      {7, "peak_bytes is 1,", certificate([](Certificate& c) { c.set_peak_bytes(1); })},
      {7, "load_peak_bytes", certificate([](Certificate& c) { c.set_load_peak_bytes(0); })},
      {7, "run_peak_bytes", certificate([](Certificate& c) { c.set_run_peak_bytes(0); })},
      {7, "resident_weight_bytes", certificate([](Certificate& c) { c.set_resident_weight_bytes(-1); })},
      {7, "session_arena_bytes", certificate([](Certificate& c) { c.set_session_arena_bytes(575); })},
      {7, "session_lower_bound_bytes", certificate([](Certificate& c) { c.set_session_lower_bound_bytes(1); })},
      {7, "peak_command", certificate([](Certificate& c) { c.set_peak_command(c.peak_command() + 1); })},
      {7, "binding_tensor is 'x'", certificate([](Certificate& c) { c.set_binding_tensor("x"); })},
      {7, "recomputed_operations", certificate([](Certificate& c) { c.set_recomputed_operations(1); })},
      {7, "recomputed_flops", certificate([](Certificate& c) { c.set_recomputed_flops(1); })},
      {7, "at_peak", certificate([](Certificate& c) { c.mutable_at_peak(0)->set_bytes(1); })},
      {7, "point 3 of the timeline", certificate([](Certificate& c) { c.mutable_timeline(3)->add_bytes(); })},
      {7, "11 points for 12 commands", certificate([](Certificate& c) { c.mutable_timeline()->RemoveLast(); })},
      {7, "this plan itself takes",
       [](Plan& p) { p.set_smallest_feasible_budget_bytes(p.certificate().peak_bytes() + 1); }},
  });
}

TEST(CertificateTest, OfTheSampleByHand) {
  const Certificate c = SamplePlan().certificate();
  EXPECT_EQ(c.resident_weight_bytes(), 128 + 32 + 64);  // PARAMETERS, b, external
  EXPECT_EQ(c.session_arena_bytes(), 576);
  EXPECT_EQ(c.run_peak_bytes(), 224 + 576);
  EXPECT_EQ(c.load_peak_bytes(), 224 + 128 + 128);  // LOAD, and w while it is copied
  EXPECT_EQ(c.peak_bytes(), 800);
  EXPECT_EQ(c.timeline_size(), 12);
  // Command 9: y, acc, iteration, body.
  EXPECT_EQ(c.session_lower_bound_bytes(), 64 + 64 + 8 + 64);
  EXPECT_EQ(c.peak_command(), 9);
  EXPECT_EQ(c.binding_tensor(), "y");
  // Command 1: hidden and relu in place count once.
  ASSERT_EQ(c.timeline(1).bytes_size(), 2);
  EXPECT_EQ(c.timeline(1).bytes(0).bytes(), 224);
  EXPECT_EQ(c.timeline(1).bytes(1).bytes(), 64);
}

TEST(ValidatorTest, ManyViolationsAreBounded) {
  Plan plan = SamplePlan();
  for (Buffer& buffer : *plan.mutable_run()->mutable_buffers()) buffer.set_alignment(3);
  EXPECT_EQ(FindViolations(plan, SampleMembers(), 5).size(), 5u);
}

}  // namespace
}  // namespace plimsoll::plan
