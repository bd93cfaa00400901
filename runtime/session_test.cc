#include "runtime/session.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/library/library.h"
#include "runtime/testing/chain.h"

namespace plimsoll::runtime {
namespace {

using namespace plimsoll::runtime::testing;  // NOLINT: the plans' names
using ::testing::HasSubstr;

TEST(SessionTest, RunsInItsArena) {
  PlanBuilder builder = Chain();
  auto session = SessionOf(builder);
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->arena_bytes(), 3 * 64);
  auto input = session->input(0);
  ASSERT_TRUE(input.ok());
  ASSERT_EQ(input->size(), 64u);
  for (int run = 0; run < 3; ++run) {
    for (int i = 0; i < 16; ++i) reinterpret_cast<float*>(input->data())[i] = static_cast<float>(i + run);
    ASSERT_OK(session->Run());
    auto y = session->output(0);
    ASSERT_TRUE(y.ok());
    EXPECT_EQ(y->bytes, 64);
    for (int i = 0; i < 16; ++i) EXPECT_EQ(reinterpret_cast<float*>(y->data)[i], 2 * (i + run) + 1);
  }
}

TEST(SessionTest, UsesTheCallersMemoryWithoutCopies) {
  PlanBuilder builder = Chain();
  auto session = SessionOf(builder);
  ASSERT_NE(session, nullptr);
  Floats x, y;
  std::iota(x.values, x.values + 16, 0.0f);
  ASSERT_OK(session->BindInput("x", &x, 64));
  ASSERT_OK(session->BindOutput("y", &y, 64));
  ASSERT_OK(session->Run());
  EXPECT_EQ(session->output(0)->data, reinterpret_cast<std::byte*>(&y));
  for (int i = 0; i < 16; ++i) EXPECT_EQ(y.values[i], 2 * i + 1);
}

TEST(SessionTest, CopiesMemoryThatIsNotAligned) {
  PlanBuilder builder = Chain();
  auto session = SessionOf(builder);
  ASSERT_NE(session, nullptr);
  alignas(64) char x[80], y[80];
  for (int i = 0; i < 16; ++i) {
    const float value = static_cast<float>(i);
    std::memcpy(x + 3 + 4 * i, &value, 4);
  }
  ASSERT_OK(session->BindInput("x", x + 3, 64));
  ASSERT_OK(session->BindOutput("y", y + 5, 64));
  ASSERT_OK(session->Run());
  for (int i = 0; i < 16; ++i) {
    float value;
    std::memcpy(&value, y + 5 + 4 * i, 4);
    EXPECT_EQ(value, 2 * i + 1);
  }
}

TEST(SessionTest, RefusesWrongSizesAndNames) {
  PlanBuilder builder = Chain();
  auto session = SessionOf(builder);
  ASSERT_NE(session, nullptr);
  Floats x;
  absl::Status status = session->BindInput("x", &x, 60);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("60 bytes"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("f32[16]"));
  EXPECT_EQ(session->BindInput("x", &x, 64, {4, 4}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(session->BindInput("z", &x, 64).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(session->BindInput(1, &x, 64).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(session->BindOutput(0, &x, 68).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(session->output(-1).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(SessionTest, ASecondConcurrentRunIsRefused) {
  PlanBuilder b;
  b.UseKernels(TEST_KERNELS, {"twice"});
  const int x = b.AddBuffer(b.run(), "x", Type(plan::F32, {16}));
  const int y = b.AddBuffer(b.run(), "y", Type(plan::F32, {16}));
  plan::Loop* loop = b.Add(b.run(), "loop", {}, {}).mutable_loop();
  loop->set_max_trips(2000000);
  loop->set_body_commands(1);
  b.Launch(b.run(), "twice", 1, {x}, {y});
  b.run().mutable_commands(1)->mutable_launch()->set_tiles(4);
  b.run().mutable_commands(1)->mutable_launch()->set_tiles_per_task(4);
  b.Input("x", x);
  auto session = SessionOf(b);
  ASSERT_NE(session, nullptr);
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done) {
      const absl::Status status = session->Run();
      if (!status.ok()) EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    }
  });
  bool refused = false;
  for (int i = 0; i < 1000 && !refused; ++i) {
    refused = session->Run().code() == absl::StatusCode::kFailedPrecondition;
    std::this_thread::yield();
  }
  done = true;
  other.join();
  EXPECT_TRUE(refused);
}

TEST(SessionTest, ManyRunInParallelOnOneProgram) {
  PlanBuilder builder = Chain();
  auto program = LoadOrDie(builder);
  ASSERT_NE(program, nullptr);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&program, t] {
      auto session = Session::Create(program);
      ASSERT_TRUE(session.ok());
      Floats x, y;
      for (int i = 0; i < 16; ++i) x.values[i] = static_cast<float>(t * 100 + i);
      ASSERT_OK((*session)->BindInput(0, &x, 64));
      ASSERT_OK((*session)->BindOutput(0, &y, 64));
      for (int run = 0; run < 200; ++run) {
        std::memset(&y, 0, 64);
        ASSERT_OK((*session)->Run());
        for (int i = 0; i < 16; ++i) ASSERT_EQ(y.values[i], 2 * (t * 100 + i) + 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(SessionTest, BranchesAndLoops) {
  PlanBuilder b;
  b.UseKernels(TEST_KERNELS, {"twice", "increment", "below_four"});
  const int x = b.AddBuffer(b.run(), "x", Type(plan::F32, {16}));
  const int c = b.AddBuffer(b.run(), "c", Type(plan::BOOL, {}));
  const int y = b.AddBuffer(b.run(), "y", Type(plan::F32, {16}));
  const int iteration = b.AddBuffer(b.run(), "iteration", Type(plan::I64, {}));
  const int go_on = b.AddBuffer(b.run(), "go_on", Type(plan::BOOL, {}));
  const int sum = b.AddBuffer(b.run(), "sum", Type(plan::F32, {16}));
  const int next = b.AddBuffer(b.run(), "next", Type(plan::F32, {16}));
  b.run().add_shape_slots()->set_upper_bound(9);
  plan::Branch* branch = b.Add(b.run(), "if", {c}, {}).mutable_branch();
  branch->set_then_commands(1);
  branch->set_else_commands(1);
  b.Launch(b.run(), "twice", 4, {x}, {y});
  b.Launch(b.run(), "increment", 4, {x}, {y});
  b.Fill(b.run(), go_on, std::string(1, '\1'));
  b.Copy(b.run(), y, sum);
  plan::Loop* loop = b.Add(b.run(), "loop", {go_on}, {iteration}).mutable_loop();
  loop->set_has_condition(true);
  loop->set_has_iteration(true);
  loop->set_max_trips(9);
  loop->set_body_commands(3);
  loop->set_trips_slot(1);
  b.Launch(b.run(), "below_four", 1, {iteration}, {go_on});
  b.Launch(b.run(), "increment", 4, {sum}, {next});
  b.Copy(b.run(), next, sum);
  b.Input("x", x);
  b.Input("c", c);
  b.Output("sum", sum);
  auto session = SessionOf(b);
  ASSERT_NE(session, nullptr);
  Floats values;
  for (float& value : values.values) value = 5;
  for (bool condition : {true, false}) {
    const uint8_t byte = condition;
    ASSERT_OK(session->BindInput("x", &values, 64));
    ASSERT_OK(session->BindInput("c", &byte, 1));
    ASSERT_OK(session->Run());
    // Iterations 0 to 4: the condition turns false in the fifth.
    EXPECT_EQ(*reinterpret_cast<float*>(session->output(0)->data), (condition ? 10 : 6) + 5);
  }
}

TEST(SessionTest, FillsRepeatTheirPattern) {
  PlanBuilder b;
  const int y = b.AddBuffer(b.run(), "y", Type(plan::U8, {12}));
  b.Fill(b.run(), y, "abc");
  b.Output("y", y);
  auto session = SessionOf(b);
  ASSERT_NE(session, nullptr);
  ASSERT_OK(session->Run());
  EXPECT_EQ(std::string(reinterpret_cast<char*>(session->output(0)->data), 12), "abcabcabcabc");
}

TEST(SessionTest, OutputsMayBeInputsWeightsOrOneAnother) {
  PlanBuilder b;
  Floats w;
  std::iota(w.values, w.values + 16, 0.0f);
  const int weight = b.AddWeight("w", Type(plan::F32, {16}), &w);
  const int wb = b.AddWeightBuffer(b.run(), weight);
  const int x = b.AddBuffer(b.run(), "x", Type(plan::F32, {16}));
  const int y = b.AddBuffer(b.run(), "y", Type(plan::F32, {16}));
  b.Copy(b.run(), x, y);
  b.Input("x", x);
  b.Output("w", wb);
  b.Output("x_too", x);
  b.Output("y", y);
  b.Output("y_too", y);
  auto session = SessionOf(b);
  ASSERT_NE(session, nullptr);
  Floats in, out[4];
  for (int i = 0; i < 16; ++i) in.values[i] = static_cast<float>(100 + i);
  ASSERT_OK(session->BindInput(0, &in, 64));
  for (int i = 0; i < 4; ++i) ASSERT_OK(session->BindOutput(i, &out[i], 64));
  ASSERT_OK(session->Run());
  EXPECT_EQ(std::memcmp(&out[0], &w, 64), 0);
  for (int i = 1; i < 4; ++i) EXPECT_EQ(std::memcmp(&out[i], &in, 64), 0) << i;
  EXPECT_EQ(session->program().mapped_weight_bytes(), 64);
}

TEST(SessionTest, AFixedInputTakesItsValueOnly) {
  PlanBuilder b = Chain();
  plan::Binding* shape = b.plan().mutable_signature()->add_inputs();
  shape->set_name("shape");
  *shape->mutable_type() = Type(plan::I64, {1});
  shape->set_fixed(true);
  int64_t value = 16;
  plan::FixedValue* fixed = b.plan().add_fixed_values();
  fixed->set_input("shape");
  *fixed->mutable_type() = Type(plan::I64, {1});
  fixed->set_data(std::string(reinterpret_cast<char*>(&value), 8));
  auto session = SessionOf(b);
  ASSERT_NE(session, nullptr);
  EXPECT_TRUE(session->BindInput("shape", &value, 8).ok());
  value = 17;
  EXPECT_EQ(session->BindInput("shape", &value, 8).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace plimsoll::runtime
