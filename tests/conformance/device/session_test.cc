// Programs and sessions, on every device.
#include <atomic>
#include <cstdint>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/device/device_case.h"

namespace plimsoll::runtime::conformance {
namespace {

class SessionTest : public DeviceTest {};

TEST_P(SessionTest, RunsOnMemoryOfTheHost) {
  PlanBuilder builder = SmallPlan();
  auto session = Start(builder);
  ASSERT_HAS(session);
  for (int run = 0; run < 4; ++run) ExpectChain(**session, static_cast<float>(run));
  auto input = (*session)->input(0);
  ASSERT_HAS(input);
  for (int i = 0; i < 16; ++i) reinterpret_cast<float*>(input->data())[i] = static_cast<float>(i);
  ASSERT_OK((*session)->Run());
  auto y = (*session)->output(0);
  ASSERT_HAS(y);
  for (int i = 0; i < 16; ++i) EXPECT_EQ(reinterpret_cast<float*>(y->data)[i], 2 * static_cast<float>(i) + 1);
}

TEST_P(SessionTest, LoadCopiesWeightsToTheDevice) {
  // Larger than a chunk of the staging, at an offset that no device's alignment holds.
  constexpr int64_t kCount = (5 << 20) + 3;
  PlanBuilder b = Plan();
  std::vector<float> large(kCount);
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<float>(i % 1021);
  Floats small;
  std::iota(small.values, small.values + 16, 100.0f);
  const int weights[] = {b.AddWeight("large", Type(plan::F32, {kCount}), large.data()),
                         b.AddWeight("small", Type(plan::F32, {16}), &small)};
  int parameters[2];
  for (int w = 0; w < 2; ++w) {
    const int from = b.AddWeightBuffer(b.load(), weights[w]);
    const int to = b.AddBuffer(b.load(), "p", b.plan().weights(weights[w]).type(), PlanBuilder::kParameters);
    b.Copy(b.load(), from, to);
    parameters[w] = b.ShareParameter(to);
  }
  const int x = b.AddBuffer(b.run(), "x", Type(plan::F32, {16})), y = b.AddBuffer(b.run(), "y", Type(plan::F32, {16}));
  b.Launch(b.run(), "sum", 4, {x, parameters[1]}, {y});
  b.Input("x", x);
  b.Output("y", y);
  b.Output("large", parameters[0]);
  auto session = Start(b);
  ASSERT_HAS(session);
  Floats in, out;
  std::iota(in.values, in.values + 16, 1.0f);
  ASSERT_OK((*session)->BindInput(0, &in, 64));
  ASSERT_OK((*session)->BindOutput(0, &out, 64));
  ASSERT_OK((*session)->Run());
  for (int i = 0; i < 16; ++i) EXPECT_EQ(out.values[i], 101 + 2 * static_cast<float>(i));
  auto copied = (*session)->output(1);
  ASSERT_HAS(copied);
  EXPECT_EQ(std::memcmp(copied->data, large.data(), large.size() * 4), 0);
}

TEST_P(SessionTest, LoadComputesOnScratch) {
  PlanBuilder b = Plan();
  Floats w;
  std::iota(w.values, w.values + 16, 0.0f);
  const int from = b.AddWeightBuffer(b.load(), b.AddWeight("w", Type(plan::F32, {16}), &w));
  const int scratch = b.AddBuffer(b.load(), "scratch", Type(plan::F32, {16}), PlanBuilder::kLoad);
  const int again = b.AddBuffer(b.load(), "again", Type(plan::F32, {16}), PlanBuilder::kLoad);
  const int p = b.AddBuffer(b.load(), "p", Type(plan::F32, {16}), PlanBuilder::kParameters);
  b.Copy(b.load(), from, scratch);
  b.Launch(b.load(), "twice", 4, {scratch}, {again});
  b.Copy(b.load(), from, scratch);
  b.Launch(b.load(), "sum", 4, {scratch, again}, {p});
  const int y = b.AddBuffer(b.run(), "y", Type(plan::F32, {16}));
  b.Launch(b.run(), "increment", 4, {b.ShareParameter(p)}, {y});
  b.Output("y", y);
  auto program = Load(b);
  ASSERT_HAS(program);
  for (int s = 0; s < 3; ++s) {  // one after the other: the first place is used again
    auto session = Session::Create(*program);
    ASSERT_HAS(session);
    ASSERT_OK((*session)->Run());
    auto out = (*session)->output(0);
    for (int i = 0; i < 16; ++i) EXPECT_EQ(reinterpret_cast<float*>(out->data)[i], 3 * static_cast<float>(i) + 1);
  }
}

TEST_P(SessionTest, BranchesAndLoops) {
  PlanBuilder b = Plan();
  const int x = b.AddBuffer(b.run(), "x", Type(plan::F32, {16})), c = b.AddBuffer(b.run(), "c", Type(plan::BOOL, {}));
  const int y = b.AddBuffer(b.run(), "y", Type(plan::F32, {16}));
  const int iteration = b.AddBuffer(b.run(), "iteration", Type(plan::I64, {}));
  const int go_on = b.AddBuffer(b.run(), "go_on", Type(plan::BOOL, {}));
  const int sum = b.AddBuffer(b.run(), "sum", Type(plan::F32, {16}));
  const int next = b.AddBuffer(b.run(), "next", Type(plan::F32, {16}));
  const int last = b.AddBuffer(b.run(), "last", Type(plan::I64, {}));
  b.run().add_shape_slots()->set_upper_bound(9);
  plan::Branch* branch = b.Add(b.run(), "if", {c}, {}).mutable_branch();
  branch->set_then_commands(1);
  branch->set_else_commands(2);
  b.Launch(b.run(), "twice", 4, {x}, {y});
  b.Launch(b.run(), "increment", 4, {x}, {next});
  b.Launch(b.run(), "increment", 4, {next}, {y});
  b.Fill(b.run(), go_on, std::string(1, '\1'));
  b.Copy(b.run(), y, sum);
  b.Fill(b.run(), last, std::string(8, '\xFF'));
  plan::Loop* loop = b.Add(b.run(), "loop", {go_on}, {iteration}).mutable_loop();
  loop->set_has_condition(true);
  loop->set_has_iteration(true);
  loop->set_max_trips(9);
  loop->set_body_commands(4);
  loop->set_trips_slot(1);
  b.Launch(b.run(), "below_four", 1, {iteration}, {go_on});
  b.Launch(b.run(), "increment", 4, {sum}, {next});
  b.Copy(b.run(), next, sum);
  b.Copy(b.run(), iteration, last);
  b.Input("x", x);
  b.Input("c", c);
  b.Output("sum", sum);
  b.Output("last", last);
  auto session = Start(b);
  ASSERT_HAS(session);
  Floats values;
  for (float& value : values.values) value = 5;
  for (bool condition : {true, false, true}) {
    const uint8_t byte = condition;
    ASSERT_OK((*session)->BindInput("x", &values, 64));
    ASSERT_OK((*session)->BindInput("c", &byte, 1));
    ASSERT_OK((*session)->Run());
    // Iterations 0 to 4: the condition turns false in the fifth.
    EXPECT_EQ(*reinterpret_cast<float*>((*session)->output(0)->data), (condition ? 10 : 7) + 5);
    EXPECT_EQ(*reinterpret_cast<int64_t*>((*session)->output(1)->data), 4);
  }
}

// x -> twice -> a -> cum_sum -> b -> non_zero -> i, open; b -> increment -> y.
PlanBuilder WithHostCalls(PlanBuilder b) {
  const int x = b.AddBuffer(b.run(), "x", Type(plan::F32, {16})), a = b.AddBuffer(b.run(), "a", Type(plan::F32, {16}));
  const int axis = b.AddBuffer(b.run(), "axis", Type(plan::I64, {}));
  const int s = b.AddBuffer(b.run(), "s", Type(plan::F32, {16})), y = b.AddBuffer(b.run(), "y", Type(plan::F32, {16}));
  const int n = b.AddBuffer(b.run(), "n", Type(plan::I64, {1, 16}, {0, 1}));
  b.run().add_shape_slots()->set_upper_bound(16);
  b.Launch(b.run(), "twice", 4, {x}, {a});
  b.Fill(b.run(), axis, std::string(8, '\0'));
  plan::HostCall* sum = b.Add(b.run(), "cum_sum", {a, axis}, {s}).mutable_host_call();
  sum->set_function("cum_sum");
  sum->set_inputs(2);
  for (int buffer : {a, axis, s}) *sum->add_operand_types() = b.run().buffers(buffer).type();
  plan::HostCall* found = b.Add(b.run(), "non_zero", {s}, {n}).mutable_host_call();
  found->set_function("non_zero");
  found->set_inputs(1);
  for (int buffer : {s, n}) *found->add_operand_types() = b.run().buffers(buffer).type();
  b.Launch(b.run(), "increment", 4, {s}, {y});
  b.Input("x", x);
  b.Output("y", y);
  b.Output("n", n);
  return b;
}

TEST_P(SessionTest, HostCallsSeeTheDevicesResults) {
  PlanBuilder builder = WithHostCalls(Plan());
  auto session = Start(builder);
  ASSERT_HAS(session);
  for (const int zeros : {0, 3, 15}) {
    Floats x, y;
    for (int i = 0; i < 16; ++i) x.values[i] = i < zeros ? 0.0f : 1.0f;
    ASSERT_OK((*session)->BindInput(0, &x, 64));
    ASSERT_OK((*session)->BindOutput(0, &y, 64));
    ASSERT_OK((*session)->Run());
    for (int i = 0; i < 16; ++i) EXPECT_EQ(y.values[i], 1 + 2 * static_cast<float>(std::max(0, i + 1 - zeros)));
    auto n = (*session)->output(1);
    ASSERT_HAS(n);
    ASSERT_EQ(n->dims[1], 16 - zeros);
    for (int i = 0; i < 16 - zeros; ++i) EXPECT_EQ(reinterpret_cast<int64_t*>(n->data)[i], zeros + i);
  }
}

TEST_P(SessionTest, UsesBoundMemoryOfTheDevice) {
  PlanBuilder builder = SmallPlan();
  auto session = Start(builder);
  ASSERT_HAS(session);
  Block blocks[4];
  for (Block& block : blocks) block = Allocate(128);
  for (int run = 0; run < 6; ++run) {
    // The same memory twice, then other memory, at an address that is not aligned, then back.
    Block &x = blocks[run / 2 % 2], &y = blocks[2 + run / 2 % 2];
    const int64_t shift = run == 4 ? 4 : 0;
    Floats in, out;
    std::iota(in.values, in.values + 16, static_cast<float>(run));
    ASSERT_OK(Upload(x.data + shift, &in, 64));
    ASSERT_OK((*session)->BindDeviceInput(0, x.data + shift, 64));
    ASSERT_OK((*session)->BindDeviceOutput(0, y.data + shift, 64));
    ASSERT_OK((*session)->Run());
    auto view = (*session)->output(0);
    ASSERT_HAS(view);
    EXPECT_EQ(view->data, y.data + shift);
    EXPECT_EQ(view->on_device, !is_cpu());
    ASSERT_OK(Download(&out, y.data + shift, 64));
    for (int i = 0; i < 16; ++i) EXPECT_EQ(out.values[i], 2 * (i + run) + 1) << run;
  }
  ExpectChain(**session, 9);
}

TEST_P(SessionTest, OutputsMayBeInputsOrOneAnother) {
  PlanBuilder b = Plan();
  const int x = b.AddBuffer(b.run(), "x", Type(plan::F32, {16})), y = b.AddBuffer(b.run(), "y", Type(plan::F32, {16}));
  b.Copy(b.run(), x, y);
  b.Input("x", x);
  b.Output("x_too", x);
  b.Output("y", y);
  b.Output("y_too", y);
  auto session = Start(b);
  ASSERT_HAS(session);
  Block device_out = Allocate(64);
  Floats in, out[3];
  std::iota(in.values, in.values + 16, 100.0f);
  ASSERT_OK((*session)->BindInput(0, &in, 64));
  ASSERT_OK((*session)->BindOutput(0, &out[0], 64));
  ASSERT_OK((*session)->BindOutput(1, &out[1], 64));
  ASSERT_OK((*session)->BindDeviceOutput(2, device_out.data, 64));
  ASSERT_OK((*session)->Run());
  ASSERT_OK(Download(&out[2], device_out.data, 64));
  for (const Floats& copy : out) EXPECT_EQ(std::memcmp(&copy, &in, 64), 0);
}

TEST_P(SessionTest, RunAsyncIsDoneWhenWaitReturns) {
  PlanBuilder builder = SmallPlan();
  auto session = Start(builder);
  ASSERT_HAS(session);
  auto input = (*session)->input(0);
  ASSERT_HAS(input);
  ASSERT_HAS((*session)->output(0));  // from now on runs copy it
  DeviceScope scope(device(), Target());
  auto stream = device().CreateStream();
  ASSERT_HAS(stream);
  for (int run = 0; run < 4; ++run) {
    for (int i = 0; i < 16; ++i) reinterpret_cast<float*>(input->data())[i] = static_cast<float>(i + run);
    ASSERT_OK((*session)->RunAsync(run % 2 == 0 ? nullptr : stream->get()));
    ASSERT_OK((*session)->Wait());
    auto y = (*session)->output(0);
    ASSERT_HAS(y);
    for (int i = 0; i < 16; ++i) EXPECT_EQ(reinterpret_cast<float*>(y->data)[i], 2 * (i + run) + 1);
  }
  ASSERT_OK((*session)->Wait());  // for nothing
}

TEST_P(SessionTest, RunAsyncWithHostCalls) {
  PlanBuilder builder = WithHostCalls(Plan());
  auto session = Start(builder);
  ASSERT_HAS(session);
  auto input = (*session)->input(0);
  ASSERT_HAS(input);
  for (int i = 0; i < 16; ++i) reinterpret_cast<float*>(input->data())[i] = 1;
  ASSERT_OK((*session)->RunAsync());
  ASSERT_OK((*session)->Wait());
  auto y = (*session)->output(0);
  ASSERT_HAS(y);
  for (int i = 0; i < 16; ++i) EXPECT_EQ(reinterpret_cast<float*>(y->data)[i], 2 * (i + 1) + 1);
}

// A loop that goes on until somebody stops it.
PlanBuilder Endless(PlanBuilder b) {
  const int x = b.AddBuffer(b.run(), "x", Type(plan::F32, {16})), y = b.AddBuffer(b.run(), "y", Type(plan::F32, {16}));
  const int go_on = b.AddBuffer(b.run(), "go_on", Type(plan::BOOL, {}));
  b.Fill(b.run(), y, "abcd");
  plan::Loop* loop = b.Add(b.run(), "loop", {go_on}, {}).mutable_loop();
  loop->set_has_condition(true);
  loop->set_max_trips(int64_t{1} << 40);
  loop->set_body_commands(2);
  b.Launch(b.run(), "twice", 4, {x}, {y});
  b.Launch(b.run(), "increment", 4, {x}, {y});
  b.Input("x", x);
  b.Input("go_on", go_on);
  b.Output("y", y);
  return b;
}

TEST_P(SessionTest, ACancelledSessionRunsAgain) {
  PlanBuilder builder = Endless(Plan());
  auto session = Start(builder);
  ASSERT_HAS(session);
  Floats x;
  std::iota(x.values, x.values + 16, 0.0f);
  uint8_t go_on = 1;
  ASSERT_OK((*session)->BindInput(0, &x, 64));
  for (int round = 0; round < 3; ++round) {
    go_on = 1;
    ASSERT_OK((*session)->BindInput(1, &go_on, 1));
    std::atomic<bool> done{false};
    std::thread other([&] {
      while (!done) {
        (*session)->Cancel();
        std::this_thread::yield();
      }
    });
    const absl::Status status = (*session)->Run();
    done = true;
    other.join();
    EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status.ToString();
    go_on = 0;
    ASSERT_OK((*session)->Run());
  }
}

TEST_P(SessionTest, ASecondConcurrentRunIsRefused) {
  PlanBuilder builder = Endless(Plan());
  auto session = Start(builder);
  ASSERT_HAS(session);
  Floats x;
  const uint8_t go_on = 1;
  ASSERT_OK((*session)->BindInput(0, &x, 64));
  ASSERT_OK((*session)->BindInput(1, &go_on, 1));
  std::atomic<bool> started{false};
  std::thread other([&] {
    const absl::Status status = (*session)->Run([&](int) { started = true; });
    EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status.ToString();
  });
  while (!started) std::this_thread::yield();
  EXPECT_EQ((*session)->BindInput(0, &x, 64).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ((*session)->Run().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ((*session)->RunAsync().code(), absl::StatusCode::kFailedPrecondition);
  std::atomic<bool> done{false};
  std::thread canceller([&] {
    while (!done) (*session)->Cancel();
  });
  other.join();
  done = true;
  canceller.join();
}

TEST_P(SessionTest, ManyRunInParallelOnOneProgram) {
  PlanBuilder builder = WithHostCalls(Plan());
  auto program = Load(builder);
  ASSERT_HAS(program);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&program, t] {
      auto session = Session::Create(*program);
      ASSERT_HAS(session);
      Floats x, y;
      for (float& value : x.values) value = static_cast<float>(t + 1);
      ASSERT_OK((*session)->BindInput(0, &x, 64));
      ASSERT_OK((*session)->BindOutput(0, &y, 64));
      for (int run = 0; run < 50; ++run) {
        std::memset(&y, 0, 64);
        ASSERT_OK((*session)->Run());
        for (int i = 0; i < 16; ++i) ASSERT_EQ(y.values[i], 2 * (t + 1) * (i + 1) + 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(SessionTest, FailedHostCallsNameCommandAndNode) {
  PlanBuilder b = WithHostCalls(Plan());
  b.run().mutable_commands(1)->mutable_fill()->set_pattern(std::string(8, '\x7f'));  // no axis of the tensor
  auto session = Start(b);
  ASSERT_HAS(session);
  for (int run = 0; run < 2; ++run) {
    const absl::Status status = (*session)->Run();
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr("run command 2 (host call, node 'cum_sum')"));
  }
}

TEST_P(SessionTest, TellsWhenEachCommandHasEnded) {
  PlanBuilder builder = WithHostCalls(Plan());
  auto session = Start(builder);
  ASSERT_HAS(session);
  Floats x;
  std::iota(x.values, x.values + 16, 0.0f);
  ASSERT_OK((*session)->BindInput(0, &x, 64));
  std::vector<int> ended;
  ASSERT_OK((*session)->Run([&](int command) { ended.push_back(command); }));
  EXPECT_THAT(ended, ::testing::ElementsAre(0, 1, 2, 3, 4));
}

TEST_P(SessionTest, ChecksEveryCommand) {
  LoadOptions options;
  options.check_every_command = true;
  PlanBuilder builder = SmallPlan();
  auto session = Start(builder, options);
  ASSERT_HAS(session);
  ExpectChain(**session, 3);
}

INSTANTIATE_TEST_SUITE_P(Devices, SessionTest, ::testing::Values("Cpu", "Fake", "Gpu"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace plimsoll::runtime::conformance
