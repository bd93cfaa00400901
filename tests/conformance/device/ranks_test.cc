// Plans for several ranks, on every device: what collectives give, and what becomes of the others when one rank fails.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "ir/plan/collective.h"
#include "ir/plan/types.h"
#include "tests/conformance/device/ranks_case.h"

namespace plimsoll::runtime::conformance {
namespace {

using namespace plimsoll::runtime::collective::testing;  // NOLINT: the references' names
using plan::Collective;

std::vector<int> Numbers(int count) {
  std::vector<int> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

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

// Of each rank, from the first: x -> twice -> h, summed in place over all -> increment -> y. In a loop of three trips.
PlanBuilder InALoop(PlanBuilder b, int ranks) {
  const int x = b.AddBuffer(b.run(), "x", Type(plan::F32, {16})), h = b.AddBuffer(b.run(), "h", Type(plan::F32, {16}));
  const int y = b.AddBuffer(b.run(), "y", Type(plan::F32, {16})), z = b.AddBuffer(b.run(), "z", Type(plan::F32, {16}));
  const int all = b.AddGroup("all", ranks, Numbers(ranks));
  b.Copy(b.run(), x, z);
  plan::Loop* loop = b.Add(b.run(), "loop", {}, {}).mutable_loop();
  loop->set_max_trips(3);
  loop->set_body_commands(4);
  b.Launch(b.run(), "twice", 4, {z}, {h});
  b.Collective(b.run(), PlanBuilder::MakeCollective(Collective::ALL_REDUCE, all, plan::F32, Collective::SUM), h, h);
  b.Launch(b.run(), "increment", 4, {h}, {y});
  b.Copy(b.run(), y, z);
  b.Input("x", x);
  b.Output("z", z);
  return b;
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

class FailingRanksTest : public CollectivesTest {
 protected:
  // x -> twice -> h -> cum_sum along `axis` (a host call) -> s -> all_reduce -> y. A rank whose axis is none fails.
  std::string Fragile(int ranks) {
    PlanBuilder b = Plan(ranks);
    const int x = b.AddBuffer(b.run(), "x", Type(plan::F32, {16})),
              h = b.AddBuffer(b.run(), "h", Type(plan::F32, {16}));
    const int axis = b.AddBuffer(b.run(), "axis", Type(plan::I64, {}));
    const int s = b.AddBuffer(b.run(), "s", Type(plan::F32, {16})),
              y = b.AddBuffer(b.run(), "y", Type(plan::F32, {16}));
    const int all = b.AddGroup("all", ranks, Numbers(ranks));
    b.Launch(b.run(), "twice", 4, {x}, {h});
    plan::HostCall* sum = b.Add(b.run(), "cum_sum", {h, axis}, {s}).mutable_host_call();
    sum->set_function("cum_sum");
    sum->set_inputs(2);
    for (int buffer : {h, axis, s}) *sum->add_operand_types() = b.run().buffers(buffer).type();
    b.Collective(b.run(), PlanBuilder::MakeCollective(Collective::ALL_REDUCE, all, plan::F32, Collective::SUM), s, y);
    b.Collective(b.run(), PlanBuilder::MakeCollective(Collective::ALL_REDUCE, all, plan::F32, Collective::MAX), y, y);
    b.Input("x", x);
    b.Input("axis", axis);
    b.Output("y", y);
    auto bytes = b.Serialize();
    EXPECT_TRUE(bytes.ok());
    return bytes.ok() ? *bytes : "";
  }

  absl::Status RunFragile(Session& session, int64_t axis) {
    Floats x;
    std::fill(x.values, x.values + 16, 1.0f);
    absl::Status status = session.BindInput(0, &x, 64);
    if (status.ok()) status = session.BindInput(1, &axis, 8);
    if (status.ok()) status = session.Run();
    if (!status.ok()) return status;
    auto y = session.output(0);
    if (!y.ok()) return y.status();
    for (int i = 0; i < 16; ++i) {
      EXPECT_EQ(reinterpret_cast<float*>(y->data)[i],
                static_cast<float>(2 * (i + 1)) * static_cast<float>(ends_.size()));
    }
    return absl::OkStatus();
  }
};

TEST_P(FailingRanksTest, ARankThatFailsEndsTheRunOfAll) {
  if (Skips(3)) GTEST_SKIP();
  Join(3);
  OnSessions(Fragile(3), [&](int rank, Session& session) {
    ASSERT_OK(RunFragile(session, 0));
    const absl::Status status = RunFragile(session, rank == 1 ? 77 : 0);
    ASSERT_FALSE(status.ok());
    if (rank == 1) {
      EXPECT_THAT(std::string(status.message()), HasSubstr("run command 1 (host call, node 'cum_sum')"));
    } else {
      EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr("run command"));
      if (is_cpu()) {
        EXPECT_THAT(std::string(status.message()), HasSubstr("(all_reduce, node 'y'): rank 1 gave up: "));
        EXPECT_THAT(std::string(status.message()), HasSubstr("node 'cum_sum'"));
      }
    }
    // And there is nothing to begin again with.
    const absl::Status again = RunFragile(session, 0);
    EXPECT_FALSE(again.ok());
  });
  // With new communicators all is well.
  Join(3);
  OnSessions(Fragile(3), [&](int, Session& session) { ASSERT_OK(RunFragile(session, 0)); });
}

TEST_P(FailingRanksTest, RanksThatCannotBeToldWaitNoLongerThanSaid) {
  if (is_cpu() || Skips(2)) GTEST_SKIP();
  Join(2, absl::Milliseconds(300));
  gpus_->nccl.tells_others = false;
  OnSessions(Fragile(2), [&](int rank, Session& session) {
    const absl::Status status = RunFragile(session, rank == 1 ? 77 : 0);
    if (rank == 1) return;
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("run commands"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("other ranks have failed, or are not there"));
  });
}

TEST_P(FailingRanksTest, ARankThatIsNotThere) {
  if (Skips(2)) GTEST_SKIP();
  Join(2, absl::Milliseconds(200));
  std::atomic<bool> left{false};
  OnSessions(Fragile(2), [&](int rank, Session& session) {
    if (rank == 1) {
      while (!left) std::this_thread::yield();
      return;
    }
    const absl::Status status = RunFragile(session, 0);
    left = true;
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
    if (is_cpu()) EXPECT_THAT(std::string(status.message()), HasSubstr("all_reduce of 16 f32: rank 1 did not come"));
  });
}

TEST_P(FailingRanksTest, CancelledWhileItWaitsForAnother) {
  if (Skips(2)) GTEST_SKIP();
  Join(2);
  std::atomic<bool> ended{false};
  OnSessions(Fragile(2), [&](int rank, Session& session) {
    if (rank == 1) {
      // Comes when it is too late.
      while (!ended) std::this_thread::yield();
      const absl::Status status = RunFragile(session, 0);
      EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
      return;
    }
    std::thread canceller([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      session.Cancel();
    });
    const absl::Status status = RunFragile(session, 0);
    canceller.join();
    ended = true;
    EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status;
  });
}

TEST_P(FailingRanksTest, ARankThatCannotLoadEndsTheLoadOfAll) {
  if (Skips(2)) GTEST_SKIP();
  Join(2);
  const std::string good = Fragile(2);
  std::string damaged = good;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
  OnRanks(2, [&](int rank) {
    auto artefact = plan::ReadArtefactFromMemory(good);
    ASSERT_HAS(artefact);
    LoadOptions options = Options(rank);
    if (rank == 1) options.memory_limit_bytes = 1;
    const absl::Status status = Program::Load(*std::move(artefact), options).status();
    EXPECT_EQ(status.code(), rank == 1 ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kAborted) << status;
  });
}

TEST_P(FailingRanksTest, RanksWithDifferentPlansAreToldAtLoad) {
  if (Skips(2)) GTEST_SKIP();
  Join(2);
  OnRanks(2, [&](int rank) {
    PlanBuilder b = InALoop(Plan(2), 2);
    b.plan().set_model_name(rank == 0 ? "one" : "another");
    auto artefact = b.Finish();
    ASSERT_HAS(artefact);
    const absl::Status status = Program::Load(*std::move(artefact), Options(rank)).status();
    EXPECT_FALSE(status.ok());
    // Whoever is first to see it ends it for the other.
    if (status.code() == absl::StatusCode::kAborted) return;
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("has loaded another plan than rank"));
  });
}

TEST_P(FailingRanksTest, PlanAndCommunicatorMustAgree) {
  if (Skips(2)) GTEST_SKIP();
  // What the first rank of two is told of a plan for so many. A failed load ends the communicator: each has a new one.
  const auto load = [&](int plan_ranks, const std::function<void(LoadOptions&)>& change = nullptr) {
    Join(2);
    PlanBuilder b = InALoop(Plan(plan_ranks), plan_ranks);
    auto artefact = b.Finish();
    EXPECT_TRUE(artefact.ok());
    LoadOptions options = Options(0);
    if (change) change(options);
    const absl::Status status = Program::Load(*std::move(artefact), options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    return std::string(status.message());
  };
  EXPECT_THAT(load(3, [](LoadOptions& options) { options.communicator = nullptr; }),
              HasSubstr("the plan is for 3 ranks: each loads it with its end"));
  EXPECT_THAT(load(3), HasSubstr("for 3 ranks, the communicator joins 2"));
  EXPECT_THAT(load(1), HasSubstr("for 1 ranks, the communicator joins 2"));
  if (is_cpu()) return;
  const collective::LocalWorld world(2);
  EXPECT_THAT(load(2, [&](LoadOptions& options) { options.communicator = world.communicator(0); }),
              HasSubstr("the communicator joins threads of the CPU"));
}

TEST_P(FailingRanksTest, OneSessionAtATimeAndOneAfterTheOther) {
  if (Skips(2)) GTEST_SKIP();
  Join(2);
  const std::string bytes = Fragile(2);
  OnRanks(2, [&](int rank) {
    auto artefact = plan::ReadArtefactFromMemory(bytes);
    ASSERT_HAS(artefact);
    auto program = Program::Load(*std::move(artefact), Options(rank));
    ASSERT_HAS(program);
    for (int round = 0; round < 3; ++round) {
      auto session = Session::Create(*program);
      ASSERT_HAS(session);
      EXPECT_EQ(Session::Create(*program).status().code(), absl::StatusCode::kFailedPrecondition);
      ASSERT_OK(RunFragile(**session, 0));
    }
  });
}

TEST_P(FailingRanksTest, RunsInTheCallersStream) {
  if (Skips(2)) GTEST_SKIP();
  Join(2);
  OnSessions(Fragile(2), [&](int rank, Session& session) {
    auto x = session.input(0), axis = session.input(1);
    ASSERT_HAS(x);
    ASSERT_HAS(axis);
    ASSERT_HAS(session.output(0));
    for (int run = 0; run < 4; ++run) {
      std::fill_n(reinterpret_cast<float*>(x->data()), 16, static_cast<float>(rank + run));
      std::memset(axis->data(), 0, 8);
      ASSERT_OK(session.RunAsync());
      ASSERT_OK(session.Wait());
      auto y = session.output(0);
      ASSERT_HAS(y);
      for (int i = 0; i < 16; ++i) {
        EXPECT_EQ(reinterpret_cast<float*>(y->data)[i], static_cast<float>(2 * (i + 1) * (2 * run + 1)));
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Devices, CollectivesTest, ::testing::Values("Cpu", "Fake", "Gpu"),
                         [](const auto& info) { return info.param; });
INSTANTIATE_TEST_SUITE_P(Devices, FailingRanksTest, ::testing::Values("Cpu", "Fake", "Gpu"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace plimsoll::runtime::conformance
