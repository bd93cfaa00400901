// Ranks that fail, are cancelled, do not come, or have another plan; and one rank's sessions.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>

#include "tests/conformance/device/ranks_case.h"

namespace plimsoll::runtime::conformance {
namespace {

using collective::testing::OnRanks;
using plan::Collective;

class FailingRanksTest : public RanksTest {
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

INSTANTIATE_TEST_SUITE_P(Devices, FailingRanksTest, ::testing::Values("Cpu", "Fake", "Gpu"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace plimsoll::runtime::conformance
