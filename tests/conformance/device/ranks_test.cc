// Plans for several ranks, on every device: what collectives give.
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "ir/plan/collective.h"
#include "ir/plan/types.h"
#include "tests/conformance/device/ranks_case.h"

namespace plimsoll::runtime::conformance {
namespace {

using namespace plimsoll::runtime::collective::testing;  // NOLINT: the references' names
using plan::Collective;

// One collective of a plan, with what goes in and comes out.
struct Asked {
  Collective collective;
  int64_t block;
  int input, output;  // of the signature
};

class CollectivesTest : public RanksTest {
 protected:
  // A plan with each of these collectives from an input of its own to an output of its own.
  Asked Add(PlanBuilder& b, Collective collective, int group, int64_t block, int stream) {
    collective.set_group(group);
    const int n = b.plan().groups(group).part_size();
    const int number = b.plan().signature().inputs_size();
    const auto buffer = [&](const char* name, int64_t elements) {
      return b.AddBuffer(b.run(), name + std::to_string(number), Type(collective.dtype(), {elements}));
    };
    const int from = buffer("x", SourceElements(collective.kind(), block, n));
    const int to = buffer("y", DestinationElements(collective.kind(), block, n));
    b.run().mutable_buffers(to)->set_memory_class(plan::COMMUNICATION);
    b.Collective(b.run(), collective, from, to).set_stream(stream);
    b.Input("x" + std::to_string(number), from);
    b.Output("y" + std::to_string(number), to);
    return {collective, block, number, number};
  }

  void ExpectAsReference(PlanBuilder& b, const std::vector<Asked>& all, std::mt19937& random,
                         const std::function<void(LoadOptions&)>& change = nullptr) {
    const int ranks = static_cast<int>(ends_.size());
    auto bytes = b.Serialize();
    ASSERT_HAS(bytes);
    constexpr int kRuns = 2;
    // [run][collective][rank]
    std::vector<std::vector<std::vector<Elements>>> sources(kRuns);
    for (auto& run : sources) {
      for (const Asked& asked : all) {
        const int n = b.plan().groups(asked.collective.group()).part_size();
        run.emplace_back();
        for (int rank = 0; rank < ranks; ++rank) {
          run.back().push_back(RandomElements(asked.collective.dtype(),
                                              SourceElements(asked.collective.kind(), asked.block, n), random));
        }
      }
    }
    OnSessions(
        *bytes,
        [&](int rank, Session& session) {
          for (int run = 0; run < kRuns; ++run) {
            std::vector<std::vector<std::byte>> memory;
            for (size_t i = 0; i < all.size(); ++i) {
              memory.push_back(
                  Bytes(all[i].collective.dtype(), sources[static_cast<size_t>(run)][i][static_cast<size_t>(rank)]));
              ASSERT_OK(
                  session.BindInput(all[i].input, memory.back().data(), static_cast<int64_t>(memory.back().size())));
            }
            ASSERT_OK(session.Run());
            for (size_t i = 0; i < all.size(); ++i) {
              const Collective& collective = all[i].collective;
              const plan::Group& group = b.plan().groups(collective.group());
              const int place = plan::PlaceOf(group, rank), n = group.part_size();
              std::vector<Elements> part;
              for (int q = place / n * n; q < place / n * n + n; ++q) {
                part.push_back(sources[static_cast<size_t>(run)][i][static_cast<size_t>(group.ranks(q))]);
              }
              const Elements expected = Expected(collective, part)[static_cast<size_t>(place % n)];
              auto view = session.output(all[i].output);
              ASSERT_HAS(view);
              for (size_t e = 0; e < expected.size(); ++e) {
                ASSERT_EQ(Load(collective.dtype(), view->data, static_cast<int64_t>(e)), expected[e])
                    << Describe(collective, all[i].block, n) << " along '" << group.name() << "', rank " << rank
                    << ", element " << e << ", run " << run;
              }
            }
          }
        },
        change);
  }
};

TEST_P(CollectivesTest, EveryKindOfEveryTypeAlongEveryAxis) {
  if (Skips(1)) GTEST_SKIP();
  std::mt19937 random(1);
  for (const int ranks : {1, 2, 4}) {
    if (Skips(ranks)) continue;
    for (const plan::DataType type : AllTypes()) {
      Join(ranks);
      PlanBuilder b = Plan(ranks);
      std::vector<int> groups = {b.AddGroup("all", ranks, Numbers(ranks)), b.AddGroup("none", 1, Numbers(ranks))};
      if (ranks == 4) {
        groups.push_back(b.AddGroup("rows", 2, {0, 1, 2, 3}));
        groups.push_back(b.AddGroup("columns", 2, {0, 2, 1, 3}));
        groups.push_back(b.AddGroup("backwards", 4, {3, 2, 1, 0}));
      }
      std::vector<Asked> all;
      for (const int group : groups) {
        const int n = b.plan().groups(group).part_size();
        for (const Collective& collective : AllCollectives(type, n, random)) {
          all.push_back(Add(b, collective, group, static_cast<int64_t>(random() % 40), 0));
        }
      }
      ExpectAsReference(b, all, random);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(CollectivesTest, OnTwoStreams) {
  std::mt19937 random(2);
  const int ranks = GetParam() == "Gpu" ? 1 : 4;
  if (Skips(ranks)) GTEST_SKIP();
  for (int round = 0; round < 6; ++round) {
    Join(ranks);
    PlanBuilder b = Plan(ranks);
    b.run().set_streams(2);
    const int all_ranks = b.AddGroup("all", ranks, Numbers(ranks));
    const int pairs =
        b.AddGroup("pairs", ranks == 1 ? 1 : 2, ranks == 1 ? std::vector<int>{0} : std::vector<int>{0, 2, 1, 3});
    std::vector<Asked> all;
    int stream = 0;
    for (int i = 0; i < 8; ++i) {
      const int group = random() % 2 == 0 ? all_ranks : pairs;
      const auto kind = static_cast<Collective::Kind>(1 + random() % 7);
      const auto next = static_cast<int>(random() % 2);
      if (next != stream) b.Order(b.run(), stream, next);
      stream = next;
      all.push_back(Add(b,
                        collective::testing::MakeCollective(kind, plan::F32, Collective::SUM,
                                                            b.plan().groups(group).part_size(), random),
                        group, 33, stream));
    }
    // Alternately as graphs and command by command.
    ExpectAsReference(b, all, random, [&](LoadOptions& options) {
      options.graphs = round % 3 == 0;
      options.check_every_command = round % 3 == 2;
    });
    if (HasFatalFailure()) return;
  }
}

TEST_P(CollectivesTest, InALoopAndInPlace) {
  const int ranks = GetParam() == "Gpu" ? 1 : 3;
  if (Skips(ranks)) GTEST_SKIP();
  Join(ranks);
  PlanBuilder b = InALoop(Plan(ranks), ranks);
  auto bytes = b.Serialize();
  ASSERT_HAS(bytes);
  OnSessions(*bytes, [&](int rank, Session& session) {
    Floats x;
    for (int run = 0; run < 3; ++run) {
      std::fill(x.values, x.values + 16, static_cast<float>(rank + run));
      ASSERT_OK(session.BindInput(0, &x, 64));
      ASSERT_OK(session.Run());
      float sum = 0;
      for (int r = 0; r < ranks; ++r) sum += static_cast<float>(2 * (r + run));
      for (int trip = 1; trip < 3; ++trip) sum = static_cast<float>(ranks) * 2 * (sum + 1);
      auto z = session.output(0);
      ASSERT_HAS(z);
      for (int i = 0; i < 16; ++i) EXPECT_EQ(reinterpret_cast<float*>(z->data)[i], sum + 1) << run;
    }
  });
}

TEST_P(CollectivesTest, LoadTakesEachRanksPieceOfAWeight) {
  const int ranks = GetParam() == "Gpu" ? 1 : 4;
  if (Skips(ranks)) GTEST_SKIP();
  Join(ranks);
  constexpr int64_t kPiece = (3 << 20) + 16;  // elements: on a GPU, in several chunks of the staging
  PlanBuilder b = Plan(ranks);
  const int all = b.AddGroup("all", ranks, Numbers(ranks));
  std::vector<float> w(static_cast<size_t>(kPiece * ranks));
  for (size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(i % 1021);
  const int from = b.AddWeightBuffer(b.load(), b.AddWeight("w", Type(plan::F32, {kPiece * ranks}), w.data()));
  const int piece = b.AddBuffer(b.load(), "piece", Type(plan::F32, {kPiece}), PlanBuilder::kParameters);
  const int first = b.AddBuffer(b.load(), "first", Type(plan::F32, {kPiece}), PlanBuilder::kParameters);
  b.Collective(b.load(), PlanBuilder::MakeCollective(Collective::ALL_SLICE, all, plan::F32), from, piece);
  // Ranks may meet in load too.
  b.Collective(b.load(), PlanBuilder::MakeCollective(Collective::BROADCAST, all, plan::F32), piece, first);
  b.Output("piece", b.ShareParameter(piece));
  b.Output("first", b.ShareParameter(first));
  auto bytes = b.Serialize();
  ASSERT_HAS(bytes);
  OnSessions(*bytes, [&](int rank, Session& session) {
    ASSERT_OK(session.Run());
    for (const int output : {0, 1}) {
      auto view = session.output(output);
      ASSERT_HAS(view);
      const int64_t begin = output == 0 ? rank * kPiece : 0;
      EXPECT_EQ(std::memcmp(view->data, w.data() + begin, static_cast<size_t>(kPiece) * 4), 0) << rank;
    }
  });
}

TEST_P(CollectivesTest, OneRankNeedsNobody) {
  if (Skips(1)) GTEST_SKIP();
  std::mt19937 random(4);
  PlanBuilder b = Plan(1);
  b.plan().clear_ranks();
  const int alone = b.AddGroup("alone", 1, {0});
  std::vector<Asked> all;
  for (const Collective& collective : AllCollectives(plan::F32, 1, random))
    all.push_back(Add(b, collective, alone, 9, 0));
  Join(1);
  ExpectAsReference(b, all, random, [](LoadOptions& options) { options.communicator = nullptr; });
}

INSTANTIATE_TEST_SUITE_P(Devices, CollectivesTest, ::testing::Values("Cpu", "Fake", "Gpu"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace plimsoll::runtime::conformance
