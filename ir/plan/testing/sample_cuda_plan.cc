#include "ir/plan/certificate.h"
#include "ir/plan/testing/sample_plan.h"

namespace plimsoll::plan::testing {
namespace {

constexpr int64_t kArenaAlignment = 256;

void SetLaunch(Launch* launch, const std::string& symbol) {
  launch->set_symbol(symbol);
  for (const int64_t size : {2, 1, 1}) launch->add_grid(size);
  for (const int64_t size : {64, 1, 1}) launch->add_block(size);
}

}  // namespace

Plan SampleCudaPlan() {
  Plan plan = SamplePlan();
  Weight w = plan.weights(0);   // f32[4,8] in weights.bin
  plan.clear_weights();
  plan.clear_code();
  plan.clear_arenas();
  plan.clear_load();
  plan.clear_run();
  *plan.add_weights() = std::move(w);
  plan.mutable_target()->Clear();
  plan.mutable_target()->set_kind(Target::CUDA);
  plan.mutable_target()->set_architecture("sm_80");
  plan.mutable_target()->set_reserved_bytes(1 << 20);
  Code* code = plan.add_code();
  code->set_member("code/kernels.ptx");
  code->set_binary("code/kernels.cubin");
  for (const char* symbol : {"relu", "matmul"}) code->add_symbols(symbol);
  for (const auto& [scope, size] : {std::pair(Arena::PARAMETERS, 128), std::pair(Arena::SESSION, 1024)}) {
    Arena* arena = plan.add_arenas();
    arena->set_scope(scope);
    arena->set_size_bytes(size);
    arena->set_alignment(kArenaAlignment);
  }
  Program& load = *plan.mutable_load();
  load.set_streams(1);
  AddBuffer(&load, "w", 0, 0, 128, 0, 1)->set_weight(0);
  AddBuffer(&load, "w", 0, 0, 128, 0, 1);
  Command* copy = load.add_commands();
  copy->mutable_copy();
  AddOperand(copy, 0, 0, 128, Operand::READ);
  AddOperand(copy, 1, 0, 128, Operand::WRITE);

  Program& run = *plan.mutable_run();
  run.set_streams(2);
  run.set_events(1);
  AddBuffer(&run, "x", 1, 0, 32, 0, 4);
  AddBuffer(&run, "w", 0, 0, 128, 0, 4);
  AddBuffer(&run, "hidden", 1, 256, 32, 0, 4);
  AddBuffer(&run, "z", 1, 512, 64, 3, 4);
  AddBuffer(&run, "", 1, 768, 256, 3, 4)->set_memory_class(WORKSPACE);
  for (const int i : {0, 3}) run.mutable_buffers(i)->set_memory_class(INPUTS_OUTPUTS);
  run.mutable_buffers(1)->set_memory_class(WEIGHTS);
  Command* relu = run.add_commands();
  relu->set_node("relu");
  SetLaunch(relu->mutable_launch(), "relu");
  AddOperand(relu, 0, 0, 32, Operand::READ);
  AddOperand(relu, 2, 0, 32, Operand::WRITE);
  run.add_commands()->mutable_event_record()->set_event(0);
  Command* wait = run.add_commands();
  wait->set_stream(1);
  wait->mutable_event_wait()->set_event(0);
  Command* matmul = run.add_commands();
  matmul->set_node("matmul");
  matmul->set_stream(1);
  LibraryOp& op = *matmul->mutable_library_call()->mutable_op();
  op.set_library("cublaslt");
  op.set_workspace_bytes(256);
  *op.mutable_matmul()->mutable_a() = Desc({2, 4});
  *op.mutable_matmul()->mutable_b() = Desc({4, 8});
  *op.mutable_matmul()->mutable_dst() = Desc({2, 8});
  SetLaunch(matmul->mutable_library_call()->mutable_fallback(), "matmul");
  AddOperand(matmul, 2, 0, 32, Operand::READ);
  AddOperand(matmul, 1, 0, 128, Operand::READ);
  AddOperand(matmul, 3, 0, 64, Operand::WRITE);
  AddOperand(matmul, 4, 0, 256, Operand::WRITE);

  Signature& signature = *plan.mutable_signature();
  signature.mutable_inputs(0)->set_buffer(0);
  signature.mutable_outputs(0)->set_buffer(3);
  *signature.mutable_inputs(0)->mutable_type() = Float({2, 4});
  *signature.mutable_outputs(0)->mutable_type() = Float({2, 8});
  *plan.mutable_certificate() = ComputeCertificate(plan);
  plan.set_budget_bytes(plan.certificate().peak_bytes());
  return plan;
}

}  // namespace plimsoll::plan::testing
