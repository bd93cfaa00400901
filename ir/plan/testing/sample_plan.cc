#include "ir/plan/testing/sample_plan.h"

#include "ir/plan/certificate.h"
#include "ir/weights/checksum.h"

namespace plimsoll::plan::testing {
namespace {

enum { kParametersArena, kSessionArena, kLoadArena };

void AddWeight(Plan& plan, const std::string& name, const TensorType& type, const std::string& file, int64_t offset,
               weights::Bytes bytes) {
  Weight* weight = plan.add_weights();
  weight->set_name(name);
  *weight->mutable_type() = type;
  weight->set_file(file);
  weight->set_offset(offset);
  weight->set_length(static_cast<int64_t>(bytes.size()));
  weight->set_crc32(weights::Crc32(bytes));
}

void AddArena(Plan& plan, Arena::Scope scope, int64_t size) {
  Arena* arena = plan.add_arenas();
  arena->set_scope(scope);
  arena->set_size_bytes(size);
  arena->set_alignment(64);
}

Command* Add(Program& program, const std::string& node) {
  Command* command = program.add_commands();
  command->set_node(node);
  return command;
}

Command* AddLaunch(Program& program, const std::string& node, const std::string& symbol) {
  Command* command = Add(program, node);
  command->mutable_launch()->set_symbol(symbol);
  command->mutable_launch()->set_tiles(4);
  command->mutable_launch()->set_tiles_per_task(1);
  return command;
}

void Touch(Command* command, const Program& program, std::initializer_list<int> reads,
           std::initializer_list<int> writes) {
  for (const int buffer : reads) AddOperand(command, buffer, 0, program.buffers(buffer).size_bytes(), Operand::READ);
  for (const int buffer : writes) AddOperand(command, buffer, 0, program.buffers(buffer).size_bytes(), Operand::WRITE);
}

void AddWeightBuffer(Program* program, const std::string& name, int weight, int64_t size, int first, int last) {
  Buffer* buffer = AddBuffer(program, name, 0, 0, size, first, last);
  buffer->set_alignment(4);
  buffer->set_weight(weight);
}

void FillLoad(Plan& plan) {
  Program& load = *plan.mutable_load();
  load.set_streams(1);
  AddWeightBuffer(&load, "w", 0, 128, 0, 1);
  AddBuffer(&load, "scratch", kLoadArena, 0, 128, 0, 2);
  AddBuffer(&load, "packed", kParametersArena, 0, 128, 1, 2);
  Command* copy = Add(load, "stage");
  copy->mutable_copy();
  Touch(copy, load, {0}, {1});
  Touch(AddLaunch(load, "pack", "pack"), load, {1}, {2});
}

void FillRunBuffers(Program& run) {
  AddBuffer(&run, "x", kSessionArena, 0, 32, 0, 1)->set_memory_class(INPUTS_OUTPUTS);
  AddBuffer(&run, "packed", kParametersArena, 0, 128, 0, 12)->set_memory_class(WEIGHTS);
  AddWeightBuffer(&run, "b", 1, 32, 0, 12);
  AddBuffer(&run, "hidden", kSessionArena, 64, 64, 0, 2);
  AddBuffer(&run, "relu", kSessionArena, 64, 64, 1, 7)->set_in_place_of(kHidden);
  AddBuffer(&run, "condition", kSessionArena, 128, 1, 2, 4);
  *AddBuffer(&run, "y", kSessionArena, 192, 64, 4, 11)->mutable_type() = Float({2, 8});
  AddBuffer(&run, "else", kSessionArena, 256, 64, 5, 7);
  AddBuffer(&run, "acc", kSessionArena, 320, 64, 7, 12);
  AddBuffer(&run, "iteration", kSessionArena, 512, 8, 8, 11);
  AddBuffer(&run, "body", kSessionArena, 256, 64, 9, 11);
  AddBuffer(&run, "z", kSessionArena, 0, 64, 11, 12)->set_memory_class(INPUTS_OUTPUTS);
  AddBuffer(&run, "", kSessionArena, 128, 64, 0, 1)->set_memory_class(WORKSPACE);
  AddWeightBuffer(&run, "external", 2, 64, 0, 12);
}

void FillRunCommands(Program& run) {
  Command* matmul = Add(run, "fc");
  LibraryOp* op = matmul->mutable_library_call()->mutable_op();
  op->set_library("onednn");
  op->set_workspace_bytes(64);
  *op->mutable_matmul()->mutable_a() = Desc({2, 4});
  *op->mutable_matmul()->mutable_b() = Desc({4, 8});
  op->mutable_matmul()->mutable_b()->set_packed_bytes(128);
  *op->mutable_matmul()->mutable_bias() = Desc({1, 8});
  *op->mutable_matmul()->mutable_dst() = Desc({2, 8});
  Touch(matmul, run, {kX, kPacked, kBias}, {kHidden, kWorkspace});
  Touch(AddLaunch(run, "relu", "relu"), run, {kHidden}, {kRelu});
  Command* fill = Add(run, "constant");
  fill->mutable_fill()->set_pattern(std::string(1, '\1'));
  Touch(fill, run, {}, {kCondition});

  Command* branch = Add(run, "if");
  branch->mutable_branch()->set_then_commands(1);
  branch->mutable_branch()->set_else_commands(2);
  Touch(branch, run, {kCondition}, {});
  Command* then_copy = Add(run, "then");
  then_copy->mutable_copy();
  Touch(then_copy, run, {kRelu}, {kY});
  Touch(AddLaunch(run, "else", "negate"), run, {kRelu}, {kElse});
  Command* else_copy = Add(run, "else");
  else_copy->mutable_copy();
  Touch(else_copy, run, {kElse}, {kY});

  Command* initial = Add(run, "loop");
  initial->mutable_copy();
  Touch(initial, run, {kY}, {kAcc});
  Command* loop = Add(run, "loop");
  loop->mutable_loop()->set_body_commands(2);
  loop->mutable_loop()->set_max_trips(3);
  loop->mutable_loop()->set_has_iteration(true);
  Touch(loop, run, {}, {kIteration});
  Touch(AddLaunch(run, "body", "accumulate"), run, {kY, kAcc, kIteration, kExternal}, {kBody});
  Command* carry = Add(run, "body");
  carry->mutable_copy();
  Touch(carry, run, {kBody}, {kAcc});

  Command* host = Add(run, "host");
  host->mutable_host_call()->set_function("Identity");
  host->mutable_host_call()->set_inputs(1);
  *host->mutable_host_call()->add_operand_types() = Float({2, 8});
  *host->mutable_host_call()->add_operand_types() = Float({2, 8});
  (*host->mutable_host_call()->mutable_attributes())["axis"].set_i(1);
  Touch(host, run, {kAcc}, {kZ});
}

std::vector<std::byte> Bytes(size_t count, int seed) {
  std::vector<std::byte> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 7 + seed);
  return bytes;
}

}  // namespace

TensorType Float(std::initializer_list<int64_t> dims) {
  TensorType type;
  type.set_dtype(F32);
  for (const int64_t dim : dims) type.add_dims(dim);
  return type;
}

MemoryDesc Desc(std::initializer_list<int64_t> dims) {
  MemoryDesc desc;
  desc.set_dtype(F32);
  for (const int64_t dim : dims) desc.add_dims(dim);
  return desc;
}

Buffer* AddBuffer(Program* program, const std::string& name, int arena, int64_t offset, int64_t size, int first,
                  int last) {
  Buffer* buffer = program->add_buffers();
  buffer->set_name(name);
  buffer->set_arena(arena);
  buffer->set_offset(offset);
  buffer->set_size_bytes(size);
  buffer->set_alignment(1);
  buffer->set_first(first);
  buffer->set_last(last);
  buffer->set_memory_class(ACTIVATIONS);
  return buffer;
}

Command* AddOperand(Command* command, int buffer, int64_t offset, int64_t length, Operand::Access access) {
  Operand* operand = command->add_operands();
  operand->set_buffer(buffer);
  operand->set_offset(offset);
  operand->set_length(length);
  operand->set_access(access);
  return command;
}

std::vector<std::byte> SampleWeights() { return Bytes(160, 3); }
std::vector<std::byte> SampleExternalFile() { return Bytes(100, 11); }

Plan SamplePlan() {
  Plan plan;
  plan.set_version(FORMAT_VERSION_CURRENT);
  plan.set_producer("test");
  plan.set_model_name("sample");
  plan.mutable_target()->set_isa("x86-64-v3");
  plan.mutable_target()->set_threads(1);
  const std::vector<std::byte> inline_bytes = SampleWeights(), external = SampleExternalFile();
  const weights::Bytes all(inline_bytes), file(external);
  AddWeight(plan, "w", Float({4, 8}), "", 0, all.subspan(0, 128));
  AddWeight(plan, "b", Float({8}), "", 128, all.subspan(128, 32));
  AddWeight(plan, "external", Float({16}), "model.data", 36, file.subspan(36, 64));
  Code* code = plan.add_code();
  code->set_member("code/kernels.so");
  for (const char* symbol : {"pack", "relu", "negate", "accumulate"}) code->add_symbols(symbol);
  AddArena(plan, Arena::PARAMETERS, 128);
  AddArena(plan, Arena::SESSION, 576);
  AddArena(plan, Arena::LOAD, 128);
  FillLoad(plan);
  plan.mutable_run()->set_streams(1);
  FillRunBuffers(*plan.mutable_run());
  FillRunCommands(*plan.mutable_run());
  Binding* x = plan.mutable_signature()->add_inputs();
  x->set_name("x");
  *x->mutable_type() = Float({2, 4});
  x->set_buffer(kX);
  Binding* z = plan.mutable_signature()->add_outputs();
  z->set_name("z");
  *z->mutable_type() = Float({2, 8});
  z->set_buffer(kZ);
  *plan.mutable_certificate() = ComputeCertificate(plan);
  plan.set_budget_bytes(plan.certificate().peak_bytes());
  return plan;
}

MemberInfo SampleMembers() {
  MemberInfo members;
  members.sizes = {{kPlanMember, 1},
                   {"code/kernels.so", 100},
                   {"code/kernels.ptx", 100},
                   {"code/kernels.cubin", 100},
                   {kWeightsMember, 160}};
  return members;
}

ArtefactContents SampleContents(const std::vector<std::byte>& weights) {
  ArtefactContents contents;
  contents.plan = SamplePlan();
  contents.code.push_back({"code/kernels.so", std::string(100, 'k')});
  contents.AddWeight(weights::Bytes(weights).subspan(0, 128));
  contents.AddWeight(weights::Bytes(weights).subspan(128, 32));
  return contents;
}

}  // namespace plimsoll::plan::testing
