// [P6]: what a plan declares agrees with itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/plan/testing/broken_plan.h"

namespace plimsoll::plan {
namespace {

using namespace plimsoll::plan::testing;  // NOLINT: the sample's names
using ::testing::HasSubstr;

TEST(ValidatorTest, P6Declarations) {
  Expect({
      {6, "version 2", [](Plan& p) { p.set_version(2); }},
      {6, "1 bytes reserved; 0 to 0",
       [](Plan& p) { p.mutable_target()->set_reserved_bytes(1), Restate(p), p.clear_budget_bytes(); }},
      {6, "precision 'f8'", [](Plan& p) { p.set_precision("f8"); }},
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
      {6, "no member 'code/other.so'", [](Plan& p) { p.mutable_code(0)->set_member("code/other.so"); }},
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

void SetDesc(MemoryDesc* desc, std::initializer_list<int64_t> dims) {
  desc->set_dtype(F32);
  desc->mutable_dims()->Assign(dims.begin(), dims.end());
}

// Of 6 heads that share 2, 5 queries, 7 keys; heads of 8 elements, 4 of the values.
template <typename Op>
Op* SetAttention(Op* op) {
  SetDesc(op->mutable_q(), {3, 6, 5, 8});
  SetDesc(op->mutable_k(), {3, 2, 7, 8});
  SetDesc(op->mutable_v(), {3, 2, 7, 4});
  SetDesc(op->mutable_mask(), {3, 1, 5, 7});
  SetDesc(op->mutable_dst(), {3, 6, 5, 4});
  SetDesc(op->mutable_stats(), {3, 6, 5, 1});
  return op;
}
Attention* AttentionOf(Plan& p) { return SetAttention(OpOf(p)->mutable_attention()); }
AttentionGradient* GradientOf(Plan& p) {
  AttentionGradient* op = SetAttention(OpOf(p)->mutable_attention_gradient());
  *op->mutable_dst_gradient() = op->dst();
  *op->mutable_q_gradient() = op->q();
  *op->mutable_k_gradient() = op->k();
  *op->mutable_v_gradient() = op->v();
  return op;
}

TEST(ValidatorTest, P6Attention) {
  Expect({
      {6, "description expects 7", [](Plan& p) { AttentionOf(p); }},
      {6, "attention over 3 dimensions", [](Plan& p) { SetDesc(AttentionOf(p)->mutable_k(), {2, 7, 8}); }},
      {6, "q, k, v and dst do not fit", [](Plan& p) { AttentionOf(p)->mutable_k()->set_dims(1, 4); }},
      {6, "q, k, v and dst do not fit", [](Plan& p) { AttentionOf(p)->mutable_v()->set_dims(2, 8); }},
      {6, "mask does not broadcast", [](Plan& p) { AttentionOf(p)->mutable_mask()->set_dims(1, 2); }},
      {6, "not one f32 a row", [](Plan& p) { AttentionOf(p)->mutable_stats()->set_dims(3, 7); }},
      {6, "not one f32 a row", [](Plan& p) { SetDesc(AttentionOf(p)->mutable_stats(), {3, 6, 5}); }},
      {6, "not one f32 a row", [](Plan& p) { AttentionOf(p)->mutable_stats()->set_dtype(F16); }},
      {6, "parts of -1 keys", [](Plan& p) { AttentionOf(p)->set_keys_of_part(-1); }},
      {6, "q, k, v and dst do not fit", [](Plan& p) { AttentionOf(p)->set_keys_of_part(4); }},
      {6, "q, k, v and dst do not fit",
       [](Plan& p) {
         AttentionOf(p)->set_keys_of_part(1);
         OpOf(p)->mutable_attention()->mutable_k()->set_dims(2, int64_t{1} << 50);
         OpOf(p)->mutable_attention()->mutable_v()->set_dims(2, int64_t{1} << 50);
       }},
      {6, "not one f32 a row",
       [](Plan& p) {
         AttentionOf(p)->set_keys_of_part(4);
         OpOf(p)->mutable_attention()->mutable_dst()->set_dims(0, 6);
       }},
      {6, "description expects 11", [](Plan& p) { GradientOf(p); }},
      {6, "without the stats", [](Plan& p) { GradientOf(p)->clear_stats(); }},
      {6, "not one f32 a row", [](Plan& p) { GradientOf(p)->mutable_stats()->set_dims(2, 6); }},
      {6, "attention over 5 dimensions", [](Plan& p) { SetDesc(GradientOf(p)->mutable_dst(), {3, 6, 5, 4, 1}); }},
      {6, "gradient by a tensor of other dims", [](Plan& p) { GradientOf(p)->mutable_q_gradient()->set_dims(2, 6); }},
      {6, "gradient by a tensor of other dims",
       [](Plan& p) { SetDesc(GradientOf(p)->mutable_k_gradient(), {3, 2, 7}); }},
      {6, "gradient by a tensor of other dims", [](Plan& p) { GradientOf(p)->mutable_v_gradient()->set_dims(3, 5); }},
      {6, "gradient by a tensor of other dims", [](Plan& p) { GradientOf(p)->mutable_dst_gradient()->set_dims(0, 1); }},
  });
}

}  // namespace
}  // namespace plimsoll::plan
