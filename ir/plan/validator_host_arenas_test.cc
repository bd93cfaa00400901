// Arenas of the host: what they hold counts for nothing, and only copies touch it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/plan/testing/broken_plan.h"

namespace plimsoll::plan {
namespace {

using namespace plimsoll::plan::testing;  // NOLINT: the sample's names

enum { kHostSession = 2, kHostParameters = 3 };      // arenas
enum { kAside = 5, kBack = 6, kFetched = 8 };        // buffers of run
enum { kPutAside = 4, kBringBack = 5, kFetch = 6 };  // commands of run

void AddCopy(Program& program, int from, int to) {
  Command* copy = program.add_commands();
  copy->set_stream(program.streams() - 1);
  copy->mutable_copy();
  AddOperand(copy, from, 0, program.buffers(from).size_bytes(), Operand::READ);
  AddOperand(copy, to, 0, program.buffers(to).size_bytes(), Operand::WRITE);
}

// The sample for CUDA, with its weight on the host too, from where run fetches it, and an activation that is put aside
// and brought back.
Plan OffloadPlan() {
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
  Restate(plan);
  plan.set_budget_bytes(plan.certificate().peak_bytes());
  return plan;
}

TEST(HostArenasTest, TheSampleHolds) { EXPECT_EQ(All(FindViolations(OffloadPlan(), SampleMembers())), ""); }

TEST(HostArenasTest, CountForNothingInThePeak) {
  const Certificate certificate = OffloadPlan().certificate();
  EXPECT_EQ(certificate.host_bytes(), 128 + 32);
  EXPECT_EQ(certificate.peak_bytes(), 128 + 1536 + (1 << 20));
  EXPECT_EQ(certificate.resident_weight_bytes(), 128);
  EXPECT_EQ(certificate.session_lower_bound_bytes(), 32 + 32 + 64 + 256 + 32 + 128);
}

TEST(HostArenasTest, P6OnlyCopiesTouchThem) {
  Expect(
      {
          {6, "unknown space 2", [](Plan& p) { p.mutable_arenas(2)->set_space(static_cast<Arena::Space>(2)); }},
          {6, "which only copies touch",
           [](Plan& p) { *RunCommandOf(p, kBringBack)->mutable_launch() = RunCommandOf(p, 0)->launch(); }},
          {6, "which only copies touch", [](Plan& p) { RunCommandOf(p, kFetch)->mutable_host_call(); }},
          {6, "in run one side is on the device",
           [](Plan& p) {
             OperandOf(p, kFetch, 0)->set_length(32);
             OperandOf(p, kFetch, 1)->set_length(32);
             OperandOf(p, kFetch, 1)->set_buffer(kAside);
           }},
          {6, "in an arena of the host",
           [](Plan& p) {
             RunBufferOf(p, 2)->set_arena(kHostSession);
             *p.mutable_signature()->mutable_inputs(0)->mutable_type() = Float({8});
             p.mutable_signature()->mutable_inputs(0)->set_buffer(2);
           }},
      },
      OffloadPlan);
}

TEST(HostArenasTest, OtherConstraintsHoldThereToo) {
  Expect(
      {
          {1, "which has 16",
           [](Plan& p) {
             p.mutable_arenas(kHostSession)->set_size_bytes(16);
             Restate(p);
           }},
          {2, "hidden aside", [](Plan& p) { RunBufferOf(p, kAside)->set_last(5); }},
          {3, "no event orders them",
           [](Plan& p) {
             RunCommandOf(p, kPutAside)->set_stream(0);
             RunCommandOf(p, kBringBack)->set_stream(1);
           }},
          {3, "of the PARAMETERS arena",
           [](Plan& p) {
             OperandOf(p, kFetch, 0)->set_buffer(kFetched);
             OperandOf(p, kFetch, 1)->set_buffer(7);
           }},
          {7, "host_bytes", [](Plan& p) { p.mutable_certificate()->set_host_bytes(32); }},
      },
      OffloadPlan);
}

}  // namespace
}  // namespace plimsoll::plan
