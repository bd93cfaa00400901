#include "runtime/testing/plan_builder.h"

#include <fstream>
#include <iterator>

#include "ir/plan/certificate.h"
#include "ir/plan/types.h"
#include "ir/weights/checksum.h"

namespace plimsoll::runtime::testing {

plan::TensorType Type(plan::DataType dtype, const std::vector<int64_t>& dims, const std::vector<int32_t>& slots) {
  plan::TensorType type;
  type.set_dtype(dtype);
  for (int64_t dim : dims) type.add_dims(dim);
  for (int32_t slot : slots) type.add_slots(slot);
  return type;
}

PlanBuilder::PlanBuilder() {
  plan().set_version(plan::FORMAT_VERSION_CURRENT);
  plan().set_producer("test");
  plan().set_model_name("test");
  plan().mutable_target()->set_isa("x86-64-v3");
  plan().mutable_target()->set_library_isa("AVX2");
  plan().mutable_target()->set_threads(2);
  AddArenas(plan::Arena::DEVICE);
  run().set_streams(1);
  load().set_streams(1);
}

void PlanBuilder::AddArenas(plan::Arena::Space space) {
  for (plan::Arena::Scope scope : {plan::Arena::PARAMETERS, plan::Arena::SESSION, plan::Arena::LOAD}) {
    plan::Arena* arena = plan().add_arenas();
    arena->set_scope(scope);
    arena->set_alignment(64);
    arena->set_space(space);
  }
}

void PlanBuilder::UseKernels(const std::string& path, const std::vector<std::string>& symbols) {
  std::ifstream file(path, std::ios::binary);
  contents_.code.push_back({"code/kernels.so", std::string(std::istreambuf_iterator<char>(file), {})});
  plan::Code* code = plan().add_code();
  code->set_member("code/kernels.so");
  for (const std::string& symbol : symbols) code->add_symbols(symbol);
}

void PlanBuilder::UseCuda(const std::string& architecture, const std::string& text,
                          const std::vector<std::string>& symbols, const std::string& binary) {
  plan::Target* target = plan().mutable_target();
  target->Clear();
  target->set_kind(plan::Target::CUDA);
  target->set_architecture(architecture);
  contents_.code.push_back({"code/kernels.ptx", text});
  plan::Code* code = plan().add_code();
  code->set_member("code/kernels.ptx");
  for (const std::string& symbol : symbols) code->add_symbols(symbol);
  if (binary.empty()) return;
  contents_.code.push_back({"code/kernels.cubin", binary});
  code->set_binary("code/kernels.cubin");
}

int PlanBuilder::AddWeight(const std::string& name, const plan::TensorType& type, const void* bytes) {
  weight_bytes_.emplace_back(static_cast<const char*>(bytes), *plan::ByteSize(type));
  plan::Weight* weight = plan().add_weights();
  weight->set_name(name);
  *weight->mutable_type() = type;
  weight->set_length(*plan::ByteSize(type));
  return plan().weights_size() - 1;
}

int PlanBuilder::AddBuffer(plan::Program& program, const std::string& name, const plan::TensorType& type, Arena arena) {
  const int index = AddWorkspace(program, *plan::ByteSize(type), arena);
  plan::Buffer* buffer = program.mutable_buffers(index);
  buffer->set_name(name);
  buffer->set_memory_class(arena == kParameters || arena == kHostParameters ? plan::WEIGHTS : plan::ACTIVATIONS);
  *buffer->mutable_type() = type;
  return index;
}

int PlanBuilder::AddWorkspace(plan::Program& program, int64_t bytes, Arena arena) {
  if (arena >= plan().arenas_size()) AddArenas(plan::Arena::HOST);
  plan::Arena* place = plan().mutable_arenas(arena);
  plan::Buffer* buffer = program.add_buffers();
  buffer->set_size_bytes(bytes);
  buffer->set_alignment(64);
  buffer->set_memory_class(plan::WORKSPACE);
  buffer->set_arena(arena);
  buffer->set_offset((place->size_bytes() + 63) / 64 * 64);
  place->set_size_bytes(buffer->offset() + bytes);
  return program.buffers_size() - 1;
}

int PlanBuilder::AddWeightBuffer(plan::Program& program, int weight) {
  plan::Buffer* buffer = program.add_buffers();
  buffer->set_name(plan().weights(weight).name());
  buffer->set_size_bytes(plan().weights(weight).length());
  buffer->set_alignment(64);
  buffer->set_weight(weight);
  *buffer->mutable_type() = plan().weights(weight).type();
  return program.buffers_size() - 1;
}

int PlanBuilder::ShareParameter(int load_buffer) {
  *run().add_buffers() = load().buffers(load_buffer);
  return run().buffers_size() - 1;
}

plan::Command& PlanBuilder::Add(plan::Program& program, const std::string& node, const std::vector<int>& reads,
                                const std::vector<int>& writes) {
  plan::Command* command = program.add_commands();
  command->set_node(node);
  for (const auto& [list, access] :
       {std::pair(&reads, plan::Operand::READ), std::pair(&writes, plan::Operand::WRITE)}) {
    for (int buffer : *list) {
      plan::Operand* operand = command->add_operands();
      operand->set_buffer(buffer);
      operand->set_length(program.buffers(buffer).size_bytes());
      operand->set_access(access);
    }
  }
  return *command;
}

void PlanBuilder::Launch(plan::Program& program, const std::string& symbol, int64_t tiles,
                         const std::vector<int>& reads, const std::vector<int>& writes) {
  *Add(program, symbol, reads, writes).mutable_launch() = MakeLaunch(symbol, tiles);
}

plan::Launch PlanBuilder::MakeLaunch(const std::string& symbol, int64_t tiles) const {
  plan::Launch launch;
  launch.set_symbol(symbol);
  if (contents_.plan.target().kind() == plan::Target::CUDA) {
    for (const int64_t size : {tiles, int64_t{1}, int64_t{1}}) launch.add_grid(size);
    for (const int64_t size : {4, 1, 1}) launch.add_block(size);
    return launch;
  }
  launch.set_tiles(tiles);
  launch.set_tiles_per_task(1);
  return launch;
}

void PlanBuilder::Copy(plan::Program& program, int from, int to) { Add(program, "copy", {from}, {to}).mutable_copy(); }

void PlanBuilder::Fill(plan::Program& program, int to, const std::string& pattern) {
  Add(program, "fill", {}, {to}).mutable_fill()->set_pattern(pattern);
}

int PlanBuilder::AddGroup(const std::string& name, int part_size, const std::vector<int>& ranks) {
  plan::Group* group = plan().add_groups();
  group->set_name(name);
  group->set_part_size(part_size);
  group->mutable_ranks()->Assign(ranks.begin(), ranks.end());
  return plan().groups_size() - 1;
}

plan::Command& PlanBuilder::Collective(plan::Program& program, const plan::Collective& collective, int from, int to) {
  plan::Command& command = Add(program, program.buffers(to).name(), {from}, {to});
  *command.mutable_collective() = collective;
  return command;
}

plan::Collective PlanBuilder::MakeCollective(plan::Collective::Kind kind, int group, plan::DataType dtype,
                                             plan::Collective::Reduction reduction) {
  plan::Collective collective;
  collective.set_kind(kind);
  collective.set_group(group);
  collective.set_dtype(dtype);
  collective.set_reduction(reduction);
  return collective;
}

void PlanBuilder::Order(plan::Program& program, int from, int stream) {
  const int event = program.events();
  program.set_events(event + 1);
  plan::Command* record = program.add_commands();
  record->set_stream(from);
  record->mutable_event_record()->set_event(event);
  plan::Command* wait = program.add_commands();
  wait->set_stream(stream);
  wait->mutable_event_wait()->set_event(event);
}

void PlanBuilder::Input(const std::string& name, int buffer) {
  plan::Binding* binding = plan().mutable_signature()->add_inputs();
  binding->set_name(name);
  binding->set_buffer(buffer);
  *binding->mutable_type() = run().buffers(buffer).type();
}

void PlanBuilder::Output(const std::string& name, int buffer) {
  plan::Binding* binding = plan().mutable_signature()->add_outputs();
  binding->set_name(name);
  binding->set_buffer(buffer);
  *binding->mutable_type() = run().buffers(buffer).type();
}

void PlanBuilder::AddChain() {
  const int x = AddBuffer(run(), "x", Type(plan::F32, {16}));
  const int h = AddBuffer(run(), "h", Type(plan::F32, {16}));
  const int y = AddBuffer(run(), "y", Type(plan::F32, {16}));
  Launch(run(), "twice", 4, {x}, {h});
  Launch(run(), "increment", 4, {h}, {y});
  Input("x", x);
  Output("y", y);
}

absl::StatusOr<std::string> PlanBuilder::Serialize() {
  for (plan::Program* program : {&load(), &run()}) {
    for (plan::Buffer& buffer : *program->mutable_buffers()) buffer.set_last(program->commands_size());
  }
  contents_.weights.clear();
  for (int i = 0; i < plan().weights_size(); ++i) {
    const weights::Bytes bytes = std::as_bytes(std::span(weight_bytes_[i].data(), weight_bytes_[i].size()));
    plan().mutable_weights(i)->set_offset(contents_.AddWeight(bytes));
    plan().mutable_weights(i)->set_crc32(weights::Crc32(bytes));
  }
  *plan().mutable_certificate() = plan::ComputeCertificate(plan());
  return plan::WriteArtefactToMemory(contents_);
}

absl::StatusOr<plan::Artefact> PlanBuilder::Finish() {
  auto bytes = Serialize();
  if (!bytes.ok()) return bytes.status();
  return plan::ReadArtefactFromMemory(*std::move(bytes));
}

}  // namespace plimsoll::runtime::testing
