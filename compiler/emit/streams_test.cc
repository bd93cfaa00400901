#include "compiler/emit/streams.h"

#include <gtest/gtest.h>

#include <random>

#include "ir/plan/certificate.h"
#include "ir/plan/testing/sample_plan.h"
#include "ir/plan/validator.h"

namespace plimsoll::compiler {
namespace {

using plan::testing::AddBuffer;
using plan::testing::AddOperand;

const plan::MemberInfo& Members() {
  static const plan::MemberInfo members{{{"code/k.ptx", 1}}};
  return members;
}

plan::Plan EmptyPlan(int64_t session_bytes) {
  plan::Plan plan;
  plan.set_version(plan::FORMAT_VERSION_CURRENT);
  plan.mutable_target()->set_kind(plan::Target::CUDA);
  plan.mutable_target()->set_architecture("sm_80");
  plan::Code* code = plan.add_code();
  code->set_member("code/k.ptx");
  code->add_symbols("f");
  plan::Arena* arena = plan.add_arenas();
  arena->set_scope(plan::Arena::SESSION);
  arena->set_size_bytes(session_bytes);
  arena->set_alignment(64);
  plan.mutable_run()->set_streams(1);
  return plan;
}

plan::Command* AddLaunch(plan::Plan& plan) {
  plan::Command* command = plan.mutable_run()->add_commands();
  command->mutable_launch()->set_symbol("f");
  for (int i = 0; i < 3; ++i) command->mutable_launch()->add_grid(1);
  for (int i = 0; i < 3; ++i) command->mutable_launch()->add_block(1);
  return command;
}

// Each of `widths` is a chain of so many launches, the chains in turn; buffers of their own, alive throughout.
plan::Plan Chains(int chains, int length) {
  plan::Plan plan = EmptyPlan(64 * (chains * (length + 1)));
  const int commands = chains * length;
  for (int i = 0; i < chains * (length + 1); ++i) AddBuffer(plan.mutable_run(), "", 0, 64 * i, 64, 0, commands);
  for (int step = 0; step < length; ++step) {
    for (int chain = 0; chain < chains; ++chain) {
      plan::Command* command = AddLaunch(plan);
      if (step > 0) AddOperand(command, chain * (length + 1) + step, 0, 64, plan::Operand::READ);
      AddOperand(command, chain * (length + 1) + step + 1, 0, 64, plan::Operand::WRITE);
    }
  }
  *plan.mutable_certificate() = plan::ComputeCertificate(plan);
  return plan;
}

CommandCost Small(const plan::Command&) { return {1e-6, 0.1}; }

TEST(Streams, IndependentChainsGetAStreamEach) {
  plan::Plan plan = Chains(3, 4);
  const StreamEstimate estimate = AssignStreams(plan, Small);
  EXPECT_EQ(estimate.streams, 3);
  EXPECT_DOUBLE_EQ(estimate.serial_seconds, 12e-6);
  EXPECT_DOUBLE_EQ(estimate.seconds, 4e-6);
  EXPECT_EQ(plan.run().streams(), 3);
  EXPECT_EQ(plan.run().events(), 0);
  EXPECT_TRUE(plan::Validate(plan, Members()).ok()) << plan::Validate(plan, Members());
}

TEST(Streams, OneChainStaysOnOneStream) {
  plan::Plan plan = Chains(1, 5);
  const std::string before = plan.SerializeAsString();
  EXPECT_EQ(AssignStreams(plan, Small).streams, 1);
  EXPECT_EQ(plan.SerializeAsString(), before);
}

TEST(Streams, CommandsThatFillTheGpuGainNothing) {
  plan::Plan plan = Chains(3, 4);
  EXPECT_EQ(AssignStreams(plan, [](const plan::Command&) { return CommandCost{1e-6, 1}; }).streams, 1);
}

TEST(Streams, TheHostsOrderIsLeftAlone) {
  plan::Plan plan = Chains(3, 4);
  plan.mutable_run()->mutable_commands(0)->mutable_host_call()->set_function("f");
  EXPECT_EQ(AssignStreams(plan, Small).streams, 1);
}

// Random programs whose addresses overlap as they may: the validator knows nothing of the assignment.
TEST(Streams, RandomProgramsHold) {
  int several = 0, with_events = 0;
  for (int seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    const int places = 2 + below(8), commands = 1 + below(24);
    plan::Plan plan = EmptyPlan(64 * places);
    // A buffer for each write: from its command to the last before its place is written again.
    std::vector<int> now(places, -1);
    for (int c = 0; c < commands; ++c) {
      plan::Command* command = AddLaunch(plan);
      const int to = below(places);
      for (int p = 0; p < places; ++p) {
        if (p == to || now[p] < 0 || below(3) > 0) continue;
        AddOperand(command, now[p], 0, 64, plan::Operand::READ);
        plan.mutable_run()->mutable_buffers(now[p])->set_last(c + 1);
      }
      now[to] = plan.run().buffers_size();
      AddBuffer(plan.mutable_run(), "", 0, 64 * to, 64, c, c + 1);
      AddOperand(command, now[to], 0, 64, plan::Operand::WRITE);
    }
    *plan.mutable_certificate() = plan::ComputeCertificate(plan);
    ASSERT_TRUE(plan::Validate(plan, Members()).ok()) << plan::Validate(plan, Members());
    StreamOptions options;
    options.most_streams = 2 + below(3);
    options.least_gain = 0;
    const StreamEstimate estimate = AssignStreams(plan, [&](const plan::Command&) {
      return CommandCost{1e-6 * (1 + below(9)), 0.01};
    }, options);
    EXPECT_LE(estimate.streams, options.most_streams);
    EXPECT_LE(estimate.seconds, estimate.serial_seconds);
    several += estimate.streams > 1;
    with_events += plan.run().events() > 0;
    ASSERT_TRUE(plan::Validate(plan, Members()).ok()) << "seed " << seed << ": " << plan::Validate(plan, Members());
  }
  EXPECT_GT(several, 1000);
  EXPECT_GT(with_events, 500);
}

// Each event is needed: without it the validator finds two commands in no order.
TEST(Streams, NoEventIsSuperfluous) {
  plan::Plan plan = EmptyPlan(64 * 4);
  for (int i = 0; i < 4; ++i) AddBuffer(plan.mutable_run(), "", 0, 64 * i, 64, 0, 5);
  AddOperand(AddLaunch(plan), 0, 0, 64, plan::Operand::WRITE);
  for (int i = 1; i < 3; ++i) {
    plan::Command* command = AddLaunch(plan);
    AddOperand(command, 0, 0, 64, plan::Operand::READ);
    AddOperand(command, i, 0, 64, plan::Operand::WRITE);
  }
  plan::Command* join = AddLaunch(plan);
  for (int i = 1; i < 3; ++i) AddOperand(join, i, 0, 64, plan::Operand::READ);
  AddOperand(join, 3, 0, 64, plan::Operand::WRITE);
  AddOperand(AddLaunch(plan), 0, 0, 64, plan::Operand::WRITE);   // over what both have read
  *plan.mutable_certificate() = plan::ComputeCertificate(plan);
  ASSERT_EQ(AssignStreams(plan, Small).streams, 2);
  ASSERT_TRUE(plan::Validate(plan, Members()).ok()) << plan::Validate(plan, Members());
  EXPECT_GE(plan.run().events(), 2);
  for (int c = 0; c < plan.run().commands_size(); ++c) {
    if (!plan.run().commands(c).has_event_wait()) continue;
    plan::Plan without = plan;
    without.mutable_run()->mutable_commands(c)->mutable_copy();
    without.mutable_run()->mutable_commands(c)->clear_event_wait();
    *without.mutable_run()->mutable_commands(c)->mutable_launch() = plan.run().commands(0).launch();
    EXPECT_FALSE(plan::Validate(without, Members()).ok()) << c;
  }
}

}  // namespace
}  // namespace plimsoll::compiler
