#include "ir/plan/validator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "ir/plan/certificate.h"
#include "ir/plan/testing/sample_plan.h"

namespace plimsoll::plan {
namespace {

using namespace plimsoll::plan::testing;  // NOLINT: the sample's names
using ::testing::HasSubstr;

Buffer* RunBufferOf(Plan& plan, int index) { return plan.mutable_run()->mutable_buffers(index); }
Command* RunCommandOf(Plan& plan, int index) { return plan.mutable_run()->mutable_commands(index); }
Operand* OperandOf(Plan& plan, int command, int operand) {
  return RunCommandOf(plan, command)->mutable_operands(operand);
}
void Restate(Plan& plan) { *plan.mutable_certificate() = ComputeCertificate(plan); }

std::string All(const std::vector<Violation>& violations) {
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

void Expect(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    Plan plan = SamplePlan();
    c.change(plan);
    const std::vector<Violation> violations = FindViolations(plan, SampleMembers());
    ASSERT_FALSE(violations.empty()) << "not found: [P" << c.constraint << "] " << c.says;
    const std::string all = All(violations);
    EXPECT_THAT(all, HasSubstr(c.says));
    for (const Violation& v : violations) EXPECT_EQ(v.constraint, c.constraint) << c.says << "\n" << all;
    const absl::Status status = Validate(plan, SampleMembers());
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), HasSubstr("[P" + std::to_string(c.constraint) + "]"));
  }
}

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

TEST(ValidatorTest, P5NoCollectivesOnOneRank) {
  Expect({{5, "a collective",
           [](Plan& p) { RunCommandOf(p, kReluLaunch)->mutable_collective()->set_kind("all_reduce"); }}});
}

TEST(ValidatorTest, P6Declarations) {
  Expect({
      {6, "version 2", [](Plan& p) { p.set_version(2); }},
      {6, "weights.bin, which holds 160", [](Plan& p) { p.mutable_weights(0)->set_offset(64); }},
      {6, "is negative", [](Plan& p) { p.mutable_weights(0)->set_offset(-1); }},
      {6, "beyond 2^60", [](Plan& p) { p.mutable_weights(2)->set_offset(INT64_MAX - 10); }},
      {6, "takes 128", [](Plan& p) { p.mutable_weights(0)->set_length(64); }},
      {6, "negative dimension", [](Plan& p) { p.mutable_weights(0)->mutable_type()->set_dims(0, -4); }},
      {6, "more than 2^62", [](Plan& p) { p.mutable_weights(0)->mutable_type()->set_dims(0, INT64_MAX); }},
      {6, "unknown element type",
       [](Plan& p) { p.mutable_weights(0)->mutable_type()->set_dtype(static_cast<DataType>(99)); }},
      {6, "leads out of the folder", [](Plan& p) { p.mutable_weights(2)->set_file("../secret"); }},
      {6, "an absolute path", [](Plan& p) { p.mutable_weights(2)->set_file("/etc/passwd"); }},
      {6, "no member of that name", [](Plan& p) { p.mutable_code(0)->set_member("code/other.so"); }},
      {6, "must begin with code/", [](Plan& p) { p.mutable_code(0)->set_member("plan.pb"); }},
      {6, "declared twice", [](Plan& p) { *p.add_code() = p.code(0); }},
      {6, "negative", [](Plan& p) { p.mutable_arenas(1)->set_size_bytes(-1); }},
      {6, "beyond 2^60", [](Plan& p) { p.mutable_arenas(1)->set_size_bytes(INT64_MAX); }},
      {6, "power of two", [](Plan& p) { p.mutable_arenas(1)->set_alignment(48); }},
      {6, "unknown scope", [](Plan& p) { p.mutable_arenas(1)->set_scope(static_cast<Arena::Scope>(7)); }},
      {6, "for one device", [](Plan& p) { p.mutable_arenas(1)->set_device(1); }},
  });
}

TEST(ValidatorTest, P6Signature) {
  Expect({
      {6, "buffer 14 of 14", [](Plan& p) { p.mutable_signature()->mutable_inputs(0)->set_buffer(14); }},
      {6, "buffer -1", [](Plan& p) { p.mutable_signature()->mutable_outputs(0)->set_buffer(-1); }},
      {6, "takes 36 bytes",
       [](Plan& p) {
         p.mutable_signature()->mutable_inputs(0)->mutable_type()->set_dims(0, 9),
             p.mutable_signature()->mutable_inputs(0)->mutable_type()->set_dims(1, 1);
       }},
      {6, "not from command 0",
       [](Plan& p) {
         p.mutable_signature()->mutable_inputs(0)->set_buffer(kZ),
             p.mutable_signature()->mutable_inputs(0)->mutable_type()->set_dims(1, 8);
       }},
      {6, "not to the end", [](Plan& p) { p.mutable_signature()->mutable_outputs(0)->set_buffer(kY); }},
      {6, "there twice", [](Plan& p) { *p.mutable_signature()->add_inputs() = p.signature().inputs(0); }},
      {6, "ONNX's element type 22 is not kept as",
       [](Plan& p) { p.mutable_signature()->mutable_inputs(0)->set_onnx_element(22); }},
      {6, "without a fixed value", [](Plan& p) { p.mutable_signature()->mutable_inputs(0)->set_fixed(true); }},
      {6, "marked as fixed", [](Plan& p) { p.add_fixed_values()->set_input("x"); }},
      {6, "31 bytes of data, 32 expected",
       [](Plan& p) {
         p.mutable_signature()->mutable_inputs(0)->set_fixed(true);
         FixedValue* value = p.add_fixed_values();
         value->set_input("x");
         *value->mutable_type() = p.signature().inputs(0).type();
         value->set_data(std::string(31, '\0'));
       }},
      {6, "shape slot 1 of 0",
       [](Plan& p) {
         p.mutable_signature()->mutable_inputs(0)->mutable_type()->add_slots(1);
         p.mutable_signature()->mutable_inputs(0)->mutable_type()->add_slots(0);
       }},
  });
}

TEST(ValidatorTest, P6Buffers) {
  Expect({
      {6, "arena 3 of 3", [](Plan& p) { RunBufferOf(p, kY)->set_arena(3); }},
      {6, "which run does not have", [](Plan& p) { RunBufferOf(p, kY)->set_arena(2); }},
      {6, "which load does not have", [](Plan& p) { p.mutable_load()->mutable_buffers(1)->set_arena(1); }},
      {6, "weight 3 of 3", [](Plan& p) { RunBufferOf(p, kBias)->set_weight(3); }},
      {6, "its weight has 128", [](Plan& p) { RunBufferOf(p, kBias)->set_weight(0); }},
      {6, "is not one of 12 commands", [](Plan& p) { RunBufferOf(p, kY)->set_last(13); }},
      {6, "is not one of 12 commands", [](Plan& p) { RunBufferOf(p, kY)->set_first(12); }},
      {6, "-1 bytes", [](Plan& p) { RunBufferOf(p, kElse)->set_size_bytes(-1); }},
      {6, "it has 64", [](Plan& p) { RunBufferOf(p, kY)->mutable_type()->set_dims(0, 3); }},
      {6, "in place of buffer 99", [](Plan& p) { RunBufferOf(p, kRelu)->set_in_place_of(99); }},
      {6, "in place of buffer 4", [](Plan& p) { RunBufferOf(p, kRelu)->set_in_place_of(kRelu); }},
      {6, "power of two", [](Plan& p) { RunBufferOf(p, kY)->set_alignment(0); }},
      {6, "unknown memory class", [](Plan& p) { RunBufferOf(p, kY)->set_memory_class(static_cast<MemoryClass>(-3)); }},
      {6, "streams", [](Plan& p) { p.mutable_run()->set_streams(1 << 30); }},
      {6, "events", [](Plan& p) { p.mutable_run()->set_events(-1); }},
  });
}

TEST(ValidatorTest, P6Commands) {
  Expect({
      {6, "is buffer 77", [](Plan& p) { OperandOf(p, kReluLaunch, 0)->set_buffer(77); }},
      {6, "bytes 1 + 64", [](Plan& p) { OperandOf(p, kReluLaunch, 0)->set_offset(1); }},
      {6, "bytes 0 + -1", [](Plan& p) { OperandOf(p, kReluLaunch, 0)->set_length(-1); }},
      {6, "unknown access", [](Plan& p) { OperandOf(p, kReluLaunch, 0)->set_access(static_cast<Operand::Access>(3)); }},
      {6, "which is a weight", [](Plan& p) { OperandOf(p, kReluLaunch, 1)->set_buffer(kExternal); }},
      {6, "stream 1", [](Plan& p) { RunCommandOf(p, kReluLaunch)->set_stream(1); }},
      {6, "from code 1", [](Plan& p) { RunCommandOf(p, kReluLaunch)->mutable_launch()->set_code(1); }},
      {6, "does not declare", [](Plan& p) { RunCommandOf(p, kReluLaunch)->mutable_launch()->set_symbol("evil"); }},
      {6, "none may be negative", [](Plan& p) { RunCommandOf(p, kReluLaunch)->mutable_launch()->set_tiles(-1); }},
      {6, "copies 64 bytes to 63", [](Plan& p) { OperandOf(p, kThenCopy, 1)->set_length(63); }},
      {6, "READ expected", [](Plan& p) { OperandOf(p, kThenCopy, 0)->set_access(Operand::READ_WRITE); }},
      {6, "1 operands, 2 expected", [](Plan& p) { RunCommandOf(p, kThenCopy)->mutable_operands()->RemoveLast(); }},
      {6, "with a pattern of 0", [](Plan& p) { RunCommandOf(p, kFill)->mutable_fill()->clear_pattern(); }},
      {6, "types of operands", [](Plan& p) { RunCommandOf(p, kHost)->mutable_host_call()->set_inputs(3); }},
      {6, "takes 96",
       [](Plan& p) { RunCommandOf(p, kHost)->mutable_host_call()->mutable_operand_types(0)->set_dims(0, 3); }},
      {6, "one of the inputs", [](Plan& p) { RunCommandOf(p, kHost)->mutable_host_call()->set_inputs(2); }},
      {6, "event 0 of 0",
       [](Plan& p) { *RunCommandOf(p, kReluLaunch) = Command(), RunCommandOf(p, kReluLaunch)->mutable_event_wait(); }},
      {6, "is not one that this version knows", [](Plan& p) { RunCommandOf(p, kReluLaunch)->clear_launch(); }},
      {6, "its condition has 64 bytes",
       [](Plan& p) { OperandOf(p, kBranch, 0)->set_buffer(kRelu), OperandOf(p, kBranch, 0)->set_length(64); }},
      {6, "0 operands, 1 expected", [](Plan& p) { RunCommandOf(p, kBranch)->clear_operands(); }},
      {6, "must be the condition", [](Plan& p) { RunCommandOf(p, kLoop)->mutable_loop()->set_has_condition(true); }},
      {6, "shape slot 1 of 0", [](Plan& p) { RunCommandOf(p, kLoop)->mutable_loop()->set_trips_slot(1); }},
  });
}

TEST(ValidatorTest, P6Nesting) {
  Expect({
      {6, "must end with what they are in, at command 12",
       [](Plan& p) { RunCommandOf(p, kLoop)->mutable_loop()->set_body_commands(4); }},
      {6, "bodies of -1", [](Plan& p) { RunCommandOf(p, kLoop)->mutable_loop()->set_body_commands(-1); }},
      {6, "bodies of", [](Plan& p) { RunCommandOf(p, kBranch)->mutable_branch()->set_else_commands(INT32_MAX); }},
      // A loop in the then body that reaches into the else body.
      {6, "at command 5", [](Plan& p) { RunCommandOf(p, kThenCopy)->mutable_loop()->set_body_commands(1); }},
  });
  Plan plan;
  plan.set_version(FORMAT_VERSION_CURRENT);
  for (int i = 0; i < 1000; ++i) plan.mutable_run()->add_commands()->mutable_loop()->set_body_commands(999 - i);
  EXPECT_THAT(All(FindViolations(plan, {})), HasSubstr("more than 64 branches and loops"));
}

LibraryOp* OpOf(Plan& p) { return RunCommandOf(p, kMatmul)->mutable_library_call()->mutable_op(); }

TEST(ValidatorTest, P6LibraryCalls) {
  Expect({
      {6, "no library", [](Plan& p) { OpOf(p)->clear_library(); }},
      {6, "description expects 4", [](Plan& p) { OpOf(p)->set_workspace_bytes(0); }},
      {6, "description takes 65", [](Plan& p) { OpOf(p)->set_workspace_bytes(65); }},
      {6, "a workspace of -1", [](Plan& p) { OpOf(p)->set_workspace_bytes(-1); }},
      {6, "description takes 256", [](Plan& p) { OpOf(p)->mutable_matmul()->mutable_b()->set_packed_bytes(256); }},
      {6, "a matmul of 2x4 and 5x8", [](Plan& p) { OpOf(p)->mutable_matmul()->mutable_b()->set_dims(0, 5); }},
      {6, "a has the dimension -2", [](Plan& p) { OpOf(p)->mutable_matmul()->mutable_a()->set_dims(0, -2); }},
      {6, "more than 2^59", [](Plan& p) { OpOf(p)->mutable_matmul()->mutable_a()->set_dims(0, INT64_MAX); }},
      {6, "has 1 strides", [](Plan& p) { OpOf(p)->mutable_matmul()->mutable_a()->add_strides(1); }},
      {6, "description takes 1616",
       [](Plan& p) {
         OpOf(p)->mutable_matmul()->mutable_a()->add_strides(400);
         OpOf(p)->mutable_matmul()->mutable_a()->add_strides(1);
       }},
      {6, "unknown kind",
       [](Plan& p) { OpOf(p)->mutable_matmul()->add_post_ops()->set_kind(static_cast<PostOp::Kind>(9)); }},
      {6, "former contents", [](Plan& p) { OpOf(p)->mutable_matmul()->add_post_ops()->set_kind(PostOp::SUM); }},
      {6, "is READ; it is WRITE", [](Plan& p) { OperandOf(p, kMatmul, 3)->set_access(Operand::READ); }},
      {6, "is not one that this version knows", [](Plan& p) { OpOf(p)->clear_matmul(); }},
      {6, "packs for a Pack", [](Plan& p) { OpOf(p)->mutable_pack()->mutable_target()->mutable_pack(); }},
      {6, "packs for: no library", [](Plan& p) { OpOf(p)->mutable_pack()->mutable_target()->mutable_matmul(); }},
      {6, "a recurrent size", [](Plan& p) { OpOf(p)->mutable_recurrent()->set_batch(INT64_MAX); }},
      {6, "more than 2^62 bytes",
       [](Plan& p) {
         Recurrent* op = OpOf(p)->mutable_recurrent();
         for (auto set : {&Recurrent::set_batch, &Recurrent::set_sequence, &Recurrent::set_hidden_size})
           (op->*set)(1 << 30);
       }},
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
