#include "ir/plan/certificate.h"
#include "ir/plan/testing/sample_plan.h"

namespace plimsoll::plan::testing {
namespace {

void AddGroup(Plan& plan, const std::string& name, int part_size, std::initializer_list<int> ranks) {
  Group* group = plan.add_groups();
  group->set_name(name);
  group->set_part_size(part_size);
  for (const int rank : ranks) group->add_ranks(rank);
}

Collective* AddCollective(Program& program, Collective::Kind kind, int group, int source, int destination) {
  Command* command = program.add_commands();
  command->set_node(program.buffers(destination).name());
  AddOperand(command, source, 0, program.buffers(source).size_bytes(), Operand::READ);
  AddOperand(command, destination, 0, program.buffers(destination).size_bytes(), Operand::WRITE);
  Collective* collective = command->mutable_collective();
  collective->set_kind(kind);
  collective->set_group(group);
  collective->set_dtype(F32);
  return collective;
}

void AddPair(Collective* collective, int source, int target) {
  Collective::Pair* pair = collective->add_pairs();
  pair->set_source(source);
  pair->set_target(target);
}

}  // namespace

Plan SampleRankedPlan() {
  Plan plan = SamplePlan();
  const Weight w = plan.weights(0);  // f32[4,8] in weights.bin
  plan.clear_weights();
  *plan.add_weights() = w;
  plan.clear_load();
  plan.clear_run();
  plan.set_ranks(4);
  AddGroup(plan, "rows", 2, {0, 1, 2, 3});
  AddGroup(plan, "columns", 2, {0, 2, 1, 3});
  AddGroup(plan, "all", 4, {0, 1, 2, 3});
  enum { kParameters, kSession };
  plan.mutable_arenas(kSession)->set_size_bytes(640);

  Program& load = *plan.mutable_load();
  load.set_streams(1);
  AddBuffer(&load, "w", 0, 0, 128, 0, 1)->set_weight(0);
  AddBuffer(&load, "w", kParameters, 0, 32, 0, 1);
  AddCollective(load, Collective::ALL_SLICE, 2, 0, 1);

  Program& run = *plan.mutable_run();
  run.set_streams(2);
  run.set_events(2);
  AddBuffer(&run, "w", kParameters, 0, 32, 0, 10)->set_memory_class(WEIGHTS);
  AddBuffer(&run, "x", kSession, 0, 64, 0, 10)->set_memory_class(INPUTS_OUTPUTS);
  AddBuffer(&run, "sum", kSession, 64, 64, 0, 10);
  AddBuffer(&run, "gathered", kSession, 128, 128, 1, 10)->set_memory_class(COMMUNICATION);
  AddBuffer(&run, "scattered", kSession, 256, 32, 2, 10);
  AddBuffer(&run, "exchanged", kSession, 320, 128, 5, 10);
  AddBuffer(&run, "shifted", kSession, 448, 32, 7, 10);
  AddBuffer(&run, "slice", kSession, 512, 32, 8, 10);
  AddBuffer(&run, "z", kSession, 576, 32, 9, 10)->set_memory_class(INPUTS_OUTPUTS);
  AddCollective(run, Collective::ALL_REDUCE, 0, kRankedX, kRankedSum)->set_reduction(Collective::SUM);
  AddCollective(run, Collective::ALL_GATHER, 1, kRankedSum, kRankedGathered);
  AddCollective(run, Collective::REDUCE_SCATTER, 2, kRankedGathered, kRankedScattered)->set_reduction(Collective::MAX);
  run.add_commands()->mutable_event_record()->set_event(0);
  run.add_commands()->mutable_event_wait()->set_event(0);
  AddCollective(run, Collective::ALL_TO_ALL, 0, kRankedGathered, kRankedExchanged);
  AddCollective(run, Collective::BROADCAST, 1, kRankedScattered, kRankedScattered)->set_root(1);
  Collective* shift = AddCollective(run, Collective::PERMUTE, 2, kRankedScattered, kRankedShifted);
  AddPair(shift, 0, 1);
  AddPair(shift, 1, 2);
  AddPair(shift, 3, 3);
  AddCollective(run, Collective::ALL_SLICE, 2, kRankedGathered, kRankedSlice);
  Command* copy = run.add_commands();
  copy->mutable_copy();
  AddOperand(copy, kRankedW, 0, 32, Operand::READ);
  AddOperand(copy, kRankedZ, 0, 32, Operand::WRITE);
  for (const int command : {kRankedWait, kRankedAllToAll, kRankedBroadcast, kRankedPermute}) {
    run.mutable_commands(command)->set_stream(1);
  }

  Signature& signature = *plan.mutable_signature();
  signature.clear_outputs();
  signature.mutable_inputs(0)->set_buffer(kRankedX);
  *signature.mutable_inputs(0)->mutable_type() = Float({16});
  for (const int buffer : {kRankedExchanged, kRankedShifted, kRankedSlice, kRankedZ}) {
    Binding* output = signature.add_outputs();
    output->set_name(run.buffers(buffer).name());
    output->set_buffer(buffer);
    *output->mutable_type() = Float({run.buffers(buffer).size_bytes() / 4});
  }
  *plan.mutable_certificate() = ComputeCertificate(plan);
  plan.set_budget_bytes(plan.certificate().peak_bytes());
  return plan;
}

}  // namespace plimsoll::plan::testing
