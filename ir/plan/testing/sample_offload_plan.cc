#include "ir/plan/certificate.h"
#include "ir/plan/testing/sample_plan.h"

namespace plimsoll::plan::testing {
namespace {

enum { kHostSession = 2, kHostParameters = 3 };  // arenas
enum { kAside = 5, kBack = 6, kFetched = 8 };    // buffers of run

void AddCopy(Program& program, int from, int to) {
  Command* copy = program.add_commands();
  copy->set_stream(program.streams() - 1);
  copy->mutable_copy();
  AddOperand(copy, from, 0, program.buffers(from).size_bytes(), Operand::READ);
  AddOperand(copy, to, 0, program.buffers(to).size_bytes(), Operand::WRITE);
}

}  // namespace

Plan SampleOffloadPlan() {
  Plan plan = SampleCudaPlan();
  for (const auto& [scope, size] : {std::pair(Arena::SESSION, 32), std::pair(Arena::PARAMETERS, 128)}) {
    Arena* arena = plan.add_arenas();
    arena->set_scope(scope);
    arena->set_space(Arena::HOST);
    arena->set_size_bytes(size);
    arena->set_alignment(64);
  }
  plan.mutable_arenas(1)->set_size_bytes(1536);
  Program &load = *plan.mutable_load(), &run = *plan.mutable_run();
  for (Buffer& buffer : *load.mutable_buffers()) buffer.set_last(2);
  AddBuffer(&load, "w aside", kHostParameters, 0, 128, 0, 2);
  AddCopy(load, 0, 2);
  for (Buffer& buffer : *run.mutable_buffers()) buffer.set_last(7);
  AddBuffer(&run, "hidden aside", kHostSession, 0, 32, 4, 6);
  AddBuffer(&run, "hidden back", 1, 1024, 32, 5, 7);
  AddBuffer(&run, "w aside", kHostParameters, 0, 128, 0, 7);
  AddBuffer(&run, "w fetched", 1, 1280, 128, 6, 7);
  AddCopy(run, 2, kAside);
  AddCopy(run, kAside, kBack);
  AddCopy(run, 7, kFetched);
  *plan.mutable_certificate() = ComputeCertificate(plan);
  plan.set_budget_bytes(plan.certificate().peak_bytes());
  return plan;
}

}  // namespace plimsoll::plan::testing
