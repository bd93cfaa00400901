// [P5], and what the other constraints say of collectives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "ir/plan/collective.h"
#include "ir/plan/testing/broken_plan.h"
#include "ir/plan/testing/random_streams.h"
#include "ir/plan/types.h"

namespace plimsoll::plan {
namespace {

using namespace plimsoll::plan::testing;  // NOLINT: the sample's names
using ::testing::HasSubstr;

Collective* CollectiveOf(Plan& plan, int command) { return RunCommandOf(plan, command)->mutable_collective(); }

TEST(CollectiveValidatorTest, TheSampleHolds) {
  EXPECT_EQ(All(FindViolations(SampleRankedPlan(), SampleMembers())), "");
}

TEST(CollectiveValidatorTest, ARankAloneMayHaveThemToo) {
  Plan plan = SampleRankedPlan();
  plan.clear_ranks();
  plan.clear_run();
  plan.clear_load();
  for (Group& group : *plan.mutable_groups()) {
    group.set_part_size(1);
    group.clear_ranks();
    group.add_ranks(0);
  }
  plan.mutable_signature()->clear_outputs();
  plan.mutable_signature()->mutable_inputs(0)->set_buffer(0);
  AddBuffer(plan.mutable_run(), "x", 1, 0, 64, 0, 1);
  AddBuffer(plan.mutable_run(), "y", 1, 64, 64, 0, 1);
  Command* command = plan.mutable_run()->add_commands();
  AddOperand(command, 0, 0, 64, Operand::READ);
  AddOperand(command, 1, 0, 64, Operand::WRITE);
  command->mutable_collective()->set_kind(Collective::ALL_GATHER);
  command->mutable_collective()->set_dtype(U8);
  Restate(plan);
  EXPECT_EQ(All(FindViolations(plan, SampleMembers())), "");
}

TEST(CollectiveValidatorTest, P5GroupsArePartitions) {
  Expect(
      {
          {5, "-1 ranks", [](Plan& p) { p.set_ranks(-1); }},
          {5, "1048577 ranks", [](Plan& p) { p.set_ranks(1048577); }},
          {5, "it has no name", [](Plan& p) { p.mutable_groups(0)->clear_name(); }},
          {5, "the name is there twice", [](Plan& p) { p.mutable_groups(0)->set_name("columns"); }},
          {5, "which do not divide 4", [](Plan& p) { p.mutable_groups(0)->set_part_size(3); }},
          {5, "which do not divide 4", [](Plan& p) { p.mutable_groups(0)->set_part_size(0); }},
          {5, "which do not divide 4", [](Plan& p) { p.mutable_groups(0)->set_part_size(INT32_MIN); }},
          {5, "it names 5 ranks of 4", [](Plan& p) { p.mutable_groups(0)->add_ranks(4); }},
          {5, "it names 4 ranks of 1", [](Plan& p) { p.clear_ranks(); }},
          {5, "rank 1 is there twice", [](Plan& p) { p.mutable_groups(0)->set_ranks(3, 1); }},
          {5, "rank 4 is there twice, or not one of 4", [](Plan& p) { p.mutable_groups(0)->set_ranks(3, 4); }},
          {5, "rank -1 is there twice", [](Plan& p) { p.mutable_groups(0)->set_ranks(3, -1); }},
      },
      SampleRankedPlan);
}

TEST(CollectiveValidatorTest, P5CollectivesAreSound) {
  Expect(
      {
          {5, "its kind, 0, is not one", [](Plan& p) { CollectiveOf(p, kRankedPermute)->clear_kind(); }},
          {5, "its kind, 99, is not one",
           [](Plan& p) { CollectiveOf(p, kRankedPermute)->set_kind(static_cast<Collective::Kind>(99)); }},
          {5, "group 3 of 3", [](Plan& p) { CollectiveOf(p, kRankedAllReduce)->set_group(3); }},
          {5, "group -1 of 3", [](Plan& p) { CollectiveOf(p, kRankedAllReduce)->set_group(-1); }},
          {5, "two operands were expected",
           [](Plan& p) { AddOperand(RunCommandOf(p, kRankedAllReduce), kRankedX, 0, 4, Operand::READ); }},
          {5, "two operands were expected",
           [](Plan& p) { OperandOf(p, kRankedBroadcast, 0)->set_access(Operand::READ_WRITE); }},
          {5, "element type 0 is not known", [](Plan& p) { CollectiveOf(p, kRankedAllToAll)->clear_dtype(); }},
          {5, "no whole number of elements of f64",
           [](Plan& p) {
             CollectiveOf(p, kRankedAllReduce)->set_dtype(F64);
             for (const int operand : {0, 1}) OperandOf(p, kRankedAllReduce, operand)->set_length(60);
           }},
      },
      SampleRankedPlan);
}

TEST(CollectiveValidatorTest, P5ReductionsOnTypesThatHaveThem) {
  Expect(
      {
          {5, "no reduction of f32 is 'unknown'",
           [](Plan& p) { CollectiveOf(p, kRankedAllReduce)->clear_reduction(); }},
          {5, "no reduction of f32 is 'unknown'",
           [](Plan& p) { CollectiveOf(p, kRankedAllReduce)->set_reduction(static_cast<Collective::Reduction>(5)); }},
          {5, "no reduction of bool is 'sum'", [](Plan& p) { CollectiveOf(p, kRankedAllReduce)->set_dtype(BOOL); }},
          {5, "no reduction of f8e4m3fn is 'sum'",
           [](Plan& p) { CollectiveOf(p, kRankedAllReduce)->set_dtype(F8E4M3FN); }},
          {5, "no reduction of i32 is 'average'",
           [](Plan& p) {
             CollectiveOf(p, kRankedAllReduce)->set_dtype(I32);
             CollectiveOf(p, kRankedAllReduce)->set_reduction(Collective::AVERAGE);
           }},
          {5, "a reduction, which all_gather has not",
           [](Plan& p) { CollectiveOf(p, kRankedAllGather)->set_reduction(Collective::SUM); }},
      },
      SampleRankedPlan);
}

TEST(CollectiveValidatorTest, P5LengthsMatch) {
  const auto length = [](int command, int operand, int64_t bytes) {
    return [=](Plan& p) { OperandOf(p, command, operand)->set_length(bytes); };
  };
  Expect(
      {
          {5, "all_reduce in parts of 2 from 60 bytes to 64", length(kRankedAllReduce, 0, 60)},
          {5, "all_gather in parts of 2 from 60 bytes to 128", length(kRankedAllGather, 0, 60)},
          {5, "reduce_scatter in parts of 4 from 128 bytes to 28", length(kRankedReduceScatter, 1, 28)},
          {5, "all_to_all in parts of 2 from 128 bytes to 124", length(kRankedAllToAll, 1, 124)},
          {5, "broadcast in parts of 2 from 28 bytes to 32", length(kRankedBroadcast, 0, 28)},
          {5, "permute in parts of 4 from 32 bytes to 28", length(kRankedPermute, 1, 28)},
          {5, "all_slice in parts of 4 from 124 bytes to 32", length(kRankedAllSlice, 0, 124)},
          {5, "all_gather in parts of 4", [](Plan& p) { CollectiveOf(p, kRankedAllGather)->set_group(2); }},
      },
      SampleRankedPlan);
}

TEST(CollectiveValidatorTest, P5RootsAndPairsArePositions) {
  Expect(
      {
          {5, "root 2; 0 to 1", [](Plan& p) { CollectiveOf(p, kRankedBroadcast)->set_root(2); }},
          {5, "root -1", [](Plan& p) { CollectiveOf(p, kRankedBroadcast)->set_root(-1); }},
          {5, "root 1; 0 to 0", [](Plan& p) { CollectiveOf(p, kRankedAllGather)->set_root(1); }},
          {5, "pairs, which all_gather has not", [](Plan& p) { CollectiveOf(p, kRankedAllGather)->add_pairs(); }},
          {5, "position 4 in parts of 4",
           [](Plan& p) { CollectiveOf(p, kRankedPermute)->mutable_pairs(0)->set_target(4); }},
          {5, "position -1 in parts of 4",
           [](Plan& p) { CollectiveOf(p, kRankedPermute)->mutable_pairs(0)->set_source(-1); }},
          {5, "position 2 is twice the target",
           [](Plan& p) { CollectiveOf(p, kRankedPermute)->mutable_pairs(0)->set_target(2); }},
          {5, "position 1 is twice the source",
           [](Plan& p) { CollectiveOf(p, kRankedPermute)->mutable_pairs(0)->set_source(1); }},
      },
      SampleRankedPlan);
}

TEST(CollectiveValidatorTest, P5AllRanksComeToThemInOneOrder) {
  const char* unordered = "no event orders them, and ranks may come to them in another order";
  Expect(
      {
          // The wait is on the other stream now, and nothing that is touched is shared.
          {5, unordered,
           [](Plan& p) {
             RunCommandOf(p, kRankedWait)->set_stream(0);
             OperandOf(p, kRankedAllToAll, 0)->set_buffer(kRankedX);
             for (const int operand : {0, 1}) OperandOf(p, kRankedAllToAll, operand)->set_length(64);
             p.mutable_signature()->mutable_outputs(0)->set_name("w");
             p.mutable_signature()->mutable_outputs(0)->set_buffer(kRankedW);
             *p.mutable_signature()->mutable_outputs(0)->mutable_type() = Float({8});
             for (const int command : {kRankedBroadcast, kRankedPermute}) RunCommandOf(p, command)->set_stream(0);
           }},
      },
      SampleRankedPlan);
}

// The sample on one stream, its last collective's command in a branch, or a loop around it.
Plan InABody(bool branch, bool condition, int command = kRankedPermute) {
  Plan plan = SampleRankedPlan();
  Program& run = *plan.mutable_run();
  for (Command& each : *run.mutable_commands()) each.set_stream(0);
  for (const int each : {kRankedRecord, kRankedWait}) {
    run.mutable_commands(each)->Clear();
    Command* fill = run.mutable_commands(each);
    AddOperand(fill, kRankedShifted, 0, 32, Operand::WRITE);
    fill->mutable_fill()->set_pattern("x");
  }
  run.mutable_buffers(kRankedShifted)->set_first(0);
  run.mutable_buffers(kRankedSlice)->set_first(0);
  run.mutable_buffers(kRankedZ)->set_first(0);
  // The command before the one in the body begins it.
  Command* owner = run.mutable_commands(command - 1);
  owner->Clear();
  if (branch) {
    AddOperand(owner, kRankedX, 0, 1, Operand::READ);
    owner->mutable_branch()->set_then_commands(1);
  } else {
    if (condition) AddOperand(owner, kRankedX, 0, 1, Operand::READ);
    owner->mutable_loop()->set_has_condition(condition);
    owner->mutable_loop()->set_max_trips(3);
    owner->mutable_loop()->set_body_commands(1);
  }
  Restate(plan);
  plan.set_budget_bytes(plan.certificate().peak_bytes());
  return plan;
}

TEST(CollectiveValidatorTest, P5AllRanksComeToThemEquallyOften) {
  EXPECT_EQ(All(FindViolations(InABody(false, false), SampleMembers())), "");
  EXPECT_THAT(
      All(FindViolations(InABody(true, false), SampleMembers())),
      HasSubstr("[P5] run: command 7 ('shifted'): in the branch of command 6, which ranks may decide differently"));
  EXPECT_THAT(All(FindViolations(InABody(false, true), SampleMembers())),
              HasSubstr("[P5] run: command 7 ('shifted'): in the loop with a condition of command 6"));
  // A slice of what is there waits for nobody.
  const std::string slice = All(FindViolations(InABody(true, false, kRankedAllSlice), SampleMembers()));
  EXPECT_THAT(slice, ::testing::Not(HasSubstr("[P5]")));
}

TEST(CollectiveValidatorTest, P3SourcesAndDestinationsAreApart) {
  // In place where NCCL has it at one address for all: ALL_REDUCE, and the sample's BROADCAST.
  Plan plan = SampleRankedPlan();
  OperandOf(plan, kRankedAllGather, 0)->set_buffer(kRankedX);
  OperandOf(plan, kRankedAllReduce, 0)->set_buffer(kRankedX);
  EXPECT_EQ(All(FindViolations(plan, SampleMembers())), "");
  Expect(
      {
          {3, "which its kind cannot", [](Plan& p) { OperandOf(p, kRankedPermute, 1)->set_buffer(kRankedScattered); }},
          {3, "which its kind cannot", [](Plan& p) { OperandOf(p, kRankedAllToAll, 1)->set_buffer(kRankedGathered); }},
          {3, "without being the same place",
           [](Plan& p) {
             OperandOf(p, kRankedAllSlice, 1)->set_buffer(kRankedGathered);
             OperandOf(p, kRankedAllSlice, 1)->set_offset(32);
           }},
          {3, "reads bytes [0, 128) of run: buffer 3",
           [](Plan& p) {
             OperandOf(p, kRankedAllGather, 0)->set_length(32);
             OperandOf(p, kRankedAllGather, 1)->set_length(64);
           }},
          {2, "overlaps", [](Plan& p) { RunBufferOf(p, kRankedGathered)->set_offset(96); }},
      },
      SampleRankedPlan);
}

TEST(CollectiveValidatorTest, InPlaceBuffersTakeOver) {
  Plan plan = SampleRankedPlan();
  Buffer* sum = RunBufferOf(plan, kRankedSum);
  sum->set_first(1);
  sum->set_last(1);
  for (const int command : {kRankedAllReduce}) OperandOf(plan, command, 1)->set_buffer(kRankedGathered);
  // x ends where "gathered" begins in its place.
  RunBufferOf(plan, kRankedX)->set_last(1);
  Buffer* gathered = RunBufferOf(plan, kRankedGathered);
  gathered->set_first(0);
  gathered->set_offset(0);
  gathered->set_in_place_of(kRankedX);
  // All of it is written before it is read, 64 bytes by the all-reduce.
  OperandOf(plan, kRankedAllGather, 0)->set_buffer(kRankedGathered);
  OperandOf(plan, kRankedAllGather, 0)->set_length(32);
  OperandOf(plan, kRankedAllGather, 1)->set_length(64);
  OperandOf(plan, kRankedAllGather, 1)->set_offset(64);
  Restate(plan);
  EXPECT_EQ(All(FindViolations(plan, SampleMembers())), "");
  gathered->clear_in_place_of();
  EXPECT_THAT(All(FindViolations(plan, SampleMembers())), HasSubstr("[P2]"));
}

TEST(CollectiveValidatorTest, P6HostWeightsAreSlicedByLoadAlone) {
  const auto cuda = [] {
    Plan plan = SampleRankedPlan();
    plan.mutable_target()->Clear();
    plan.mutable_target()->set_kind(Target::CUDA);
    plan.mutable_target()->set_architecture("sm_90");
    plan.mutable_code(0)->set_member("code/kernels.ptx");
    Restate(plan);
    plan.set_budget_bytes(plan.certificate().peak_bytes());
    return plan;
  };
  EXPECT_EQ(All(FindViolations(cuda(), SampleMembers())), "");
  Expect({{6, "which only copies of load read in a CUDA plan",
           [](Plan& p) {
             Collective* collective = p.mutable_load()->mutable_commands(0)->mutable_collective();
             collective->set_kind(Collective::REDUCE_SCATTER);
             collective->set_reduction(Collective::SUM);
           }}},
         cuda);
}

TEST(CollectiveValidatorTest, P5OrderAgreesWithComparingAllPairs) {
  int valid = 0, invalid = 0;
  for (int seed = 0; seed < 3000; ++seed) {
    Random random(seed);
    Plan plan = SampleRankedPlan();
    Program& run = *plan.mutable_run();
    plan.mutable_signature()->clear_outputs();
    run.clear_commands();
    const int count = 3 + random(9);
    AddOnRandomStreams(random, count, run, [&](Command* command) {
      // Of no bytes, so that only the order between collectives is at stake.
      AddOperand(command, kRankedX, 0, 0, Operand::READ);
      AddOperand(command, kRankedSum, 0, 0, Operand::WRITE);
      Collective* collective = command->mutable_collective();
      collective->set_kind(random(4) == 0 ? Collective::ALL_SLICE : Collective::ALL_GATHER);
      collective->set_group(random(3));
      collective->set_dtype(F32);
    });
    for (Buffer& buffer : *run.mutable_buffers()) {
      buffer.set_first(0);
      buffer.set_last(count);
    }
    const auto communicates = [&](int c) {
      return run.commands(c).has_collective() && Communicates(run.commands(c).collective().kind());
    };
    const auto before = Predecessors(run);
    bool unordered = false;
    for (int a = 0; a < count; ++a) {
      for (int b = a + 1; b < count; ++b) unordered |= communicates(a) && communicates(b) && !before[b][a];
    }
    Restate(plan);
    plan.clear_budget_bytes();
    const std::string found = All(FindViolations(plan, SampleMembers()));
    EXPECT_EQ(found.find("[P5]") != std::string::npos, unordered) << "seed " << seed << "\n" << found;
    if (!unordered) EXPECT_EQ(found, "") << "seed " << seed;
    (unordered ? invalid : valid)++;
  }
  EXPECT_GT(valid, 200);
  EXPECT_GT(invalid, 200);
}

// Random kinds, sizes, positions: what is accepted is what the format's comments allow, said once more.
bool Allowed(const Collective& c, int n, int64_t source, int64_t destination) {
  const int64_t element = ElementSize(c.dtype());
  if (element == 0) return false;
  const bool reduces = c.kind() == Collective::ALL_REDUCE || c.kind() == Collective::REDUCE_SCATTER;
  const std::set<DataType> floats = {F16, BF16, F32, F64}, integers = {I8, U8, I32, U32, I64, U64};
  const bool averages = c.reduction() == Collective::AVERAGE;
  if (reduces != (c.reduction() != Collective::REDUCTION_UNSPECIFIED)) return false;
  if (reduces && floats.count(c.dtype()) == 0 && (averages || integers.count(c.dtype()) == 0)) return false;
  if (c.root() < 0 || c.root() >= (c.kind() == Collective::BROADCAST ? n : 1)) return false;
  std::set<int> sources, targets;
  for (const Collective::Pair& pair : c.pairs()) {
    if (std::min(pair.source(), pair.target()) < 0 || std::max(pair.source(), pair.target()) >= n) return false;
    sources.insert(pair.source());
    targets.insert(pair.target());
  }
  if (sources.size() != static_cast<size_t>(c.pairs_size()) || targets.size() != sources.size()) return false;
  if (c.pairs_size() > 0 && c.kind() != Collective::PERMUTE) return false;
  switch (c.kind()) {
    case Collective::ALL_GATHER:
      return source * n == destination && source % element == 0;
    case Collective::REDUCE_SCATTER:
    case Collective::ALL_SLICE:
      return source == destination * n && destination % element == 0;
    case Collective::ALL_TO_ALL:
      return source == destination && source % (n * element) == 0;
    default:
      return source == destination && source % element == 0;
  }
}

TEST(CollectiveValidatorTest, P5AgreesWithTheFormatsComments) {
  int valid = 0, invalid = 0;
  for (int seed = 0; seed < 20000; ++seed) {
    Random random(seed);
    Plan plan = SampleRankedPlan();
    Program& run = *plan.mutable_run();
    plan.mutable_signature()->clear_outputs();
    run.clear_commands();
    for (Buffer& buffer : *run.mutable_buffers()) {
      buffer.set_first(0);
      buffer.set_last(1);
    }
    RunBufferOf(plan, kRankedX)->set_size_bytes(64);
    const int group = random(3), n = plan.groups(group).part_size();
    const int64_t block = 4 * random(5);
    const bool larger_source = random(2) == 0, exact = random(4) != 0;
    const int64_t source = std::min<int64_t>(64, larger_source ? block * n : block);
    const int64_t destination = exact ? std::min<int64_t>(128, random(2) == 0 ? block * n : block) : random(64);
    Command* command = run.add_commands();
    AddOperand(command, kRankedX, 0, source, Operand::READ);
    AddOperand(command, kRankedGathered, 0, destination, Operand::WRITE);
    Collective* collective = command->mutable_collective();
    collective->set_kind(static_cast<Collective::Kind>(1 + random(7)));
    collective->set_group(group);
    collective->set_dtype(random(3) == 0 ? static_cast<DataType>(random(18)) : F32);
    if (random(2) == 0) collective->set_reduction(static_cast<Collective::Reduction>(random(5)));
    if (random(8) == 0) collective->set_root(random(5) - 1);
    for (int i = random(3); i > 0; --i) {
      Collective::Pair* pair = collective->add_pairs();
      pair->set_source(random(n + 1));
      pair->set_target(random(n));
    }
    const bool allowed = Allowed(*collective, n, source, destination);
    Restate(plan);
    plan.clear_budget_bytes();
    const std::string found = All(FindViolations(plan, SampleMembers()));
    EXPECT_EQ(found.empty(), allowed) << "seed " << seed << "\n" << found << command->DebugString();
    (allowed ? valid : invalid)++;
  }
  EXPECT_GT(valid, 500);
  EXPECT_GT(invalid, 5000);
}

}  // namespace
}  // namespace plimsoll::plan
