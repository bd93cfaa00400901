// Plans on a CUDA device over the fake driver: what the driver is asked to do. That results are right on every device
// is tests/conformance/device.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/testing/cuda_chain.h"

namespace plimsoll::runtime {
namespace {

using namespace plimsoll::runtime::testing;  // NOLINT: the plans' names
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Runs with x = first, first + 1, ... and expects 2 x + 1. The session stays bound to this memory.
void ExpectChain(Session& session, float first = 0) {
  static Floats x, y;
  std::iota(x.values, x.values + 16, first);
  ASSERT_OK(session.BindInput(0, &x, 64));
  ASSERT_OK(session.BindOutput(0, &y, 64));
  ASSERT_OK(session.Run());
  for (int i = 0; i < 16; ++i) ASSERT_EQ(y.values[i], 2 * (first + static_cast<float>(i)) + 1);
}

TEST(CudaExecutionTest, ARunIsACopyInAGraphAndACopyOut) {
  FakeGpu gpu;
  PlanBuilder builder = CudaChain();
  auto session = gpu.Start(builder);
  ASSERT_HAS(session);
  EXPECT_EQ((*session)->segment_count(), 1);
  EXPECT_EQ((*session)->graph_count(), 1);
  ExpectChain(**session);
  gpu.driver.ClearRecord();
  ASSERT_OK((*session)->Run());
  EXPECT_THAT(gpu.driver.calls(), ElementsAre("cuCtxPushCurrent", "cuMemcpyHtoDAsync 64", "cuGraphLaunch",
                                              "cuMemcpyDtoHAsync 64", "cuStreamSynchronize", "cuCtxPopCurrent"));
}

TEST(CudaExecutionTest, WithoutGraphsCommandsAreIssuedInOrder) {
  FakeGpu gpu;
  LoadOptions options = gpu.Options();
  options.graphs = false;
  PlanBuilder builder = CudaChain();
  auto session = gpu.Start(builder, options);
  ASSERT_HAS(session);
  EXPECT_EQ((*session)->graph_count(), 0);
  ExpectChain(**session);
  EXPECT_EQ(gpu.driver.count("cuStreamBeginCapture"), 0);
  gpu.driver.ClearRecord();
  ASSERT_OK((*session)->Run());
  EXPECT_THAT(gpu.driver.calls(), ElementsAre("cuCtxPushCurrent", "cuMemcpyHtoDAsync 64", "cuLaunchKernel twice",
                                              "cuLaunchKernel increment", "cuMemcpyDtoHAsync 64", "cuStreamSynchronize",
                                              "cuCtxPopCurrent"));
}

TEST(CudaExecutionTest, CapturingExecutesNothing) {
  FakeGpu gpu;
  PlanBuilder builder = CudaChain();
  auto session = gpu.Start(builder);
  ASSERT_HAS(session);
  EXPECT_EQ(gpu.driver.count("cuLaunchKernel"), 2);
  EXPECT_THAT(gpu.driver.executed(), ElementsAre());
}

TEST(CudaExecutionTest, RunsAllocateNothing) {
  FakeGpu gpu;
  PlanBuilder builder = CudaChain();
  auto session = gpu.Start(builder);
  ASSERT_HAS(session);
  ASSERT_HAS((*session)->input(0));
  ASSERT_HAS((*session)->output(0));
  gpu.driver.ClearRecord();
  for (int run = 0; run < 5; ++run) ASSERT_OK((*session)->Run());
  for (const char* call : {"cuMemAlloc", "cuMemHostAlloc", "cuStreamCreate", "cuEventCreate", "cuGraphInstantiate"}) {
    EXPECT_EQ(gpu.driver.count(call), 0) << call;
  }
}

TEST(CudaExecutionTest, SegmentsEndAtHostCallsAndControlFlow) {
  FakeGpu gpu;
  PlanBuilder b = CudaPlan();
  const auto type = Type(plan::F32, {16});
  const int x = b.AddBuffer(b.run(), "x", type), y = b.AddBuffer(b.run(), "y", type),
            z = b.AddBuffer(b.run(), "z", type);
  const int iteration = b.AddBuffer(b.run(), "iteration", Type(plan::I64, {}));
  b.Launch(b.run(), "twice", 4, {x}, {y});
  b.Launch(b.run(), "twice", 4, {y}, {z});
  plan::Loop* loop = b.Add(b.run(), "loop", {}, {iteration}).mutable_loop();
  loop->set_has_iteration(true);
  loop->set_max_trips(3);
  loop->set_body_commands(2);
  b.Launch(b.run(), "increment", 4, {z}, {y});
  b.Copy(b.run(), y, z);
  b.Launch(b.run(), "increment", 4, {z}, {y});
  b.Input("x", x);
  b.Output("y", y);
  auto session = gpu.Start(b);
  ASSERT_HAS(session);
  EXPECT_EQ((*session)->segment_count(), 3);
  EXPECT_EQ((*session)->graph_count(), 2);  // a single command is not worth one
  Floats in, out;
  std::iota(in.values, in.values + 16, 0.0f);
  ASSERT_OK((*session)->BindInput(0, &in, 64));
  ASSERT_OK((*session)->BindOutput(0, &out, 64));
  gpu.driver.ClearRecord();
  ASSERT_OK((*session)->Run());
  EXPECT_EQ(gpu.driver.count("cuGraphLaunch"), 1 + 3);
  for (int i = 0; i < 16; ++i) EXPECT_EQ(out.values[i], 4 * i + 4);
}

TEST(CudaExecutionTest, MemoryThatStaysBoundIsCapturedOnceMemoryThatChangesNever) {
  FakeGpu gpu;
  PlanBuilder builder = CudaChain();
  auto session = gpu.Start(builder);
  ASSERT_HAS(session);
  DeviceScope scope(*gpu.device, builder.plan().target());
  Block blocks[2];
  for (Block& block : blocks) block = *gpu.device->Allocate(64, 256);
  gpu.driver.ClearRecord();
  const auto captures = [&] { return gpu.driver.count("cuGraphInstantiate"); };
  for (int run = 0; run < 6; ++run) {
    ASSERT_OK((*session)->BindDeviceInput(0, blocks[run % 2].data, 64));
    ASSERT_OK((*session)->Run());
    EXPECT_EQ((*session)->graph_count(), 0);
  }
  EXPECT_EQ(captures(), 0);
  ASSERT_OK((*session)->BindDeviceInput(0, blocks[1].data, 64));
  for (int run = 0; run < 4; ++run) ASSERT_OK((*session)->Run());
  EXPECT_EQ(captures(), 1);
  EXPECT_EQ((*session)->graph_count(), 1);
}

TEST(CudaExecutionTest, RunsGoIntoTheCallersStreamInOrder) {
  FakeGpu gpu;
  PlanBuilder builder = CudaChain();
  auto session = gpu.Start(builder);
  ASSERT_HAS(session);
  DeviceScope scope(*gpu.device, builder.plan().target());
  auto first = gpu.device->CreateStream(), second = gpu.device->CreateStream();
  auto x = gpu.device->Allocate(64, 256), y = gpu.device->Allocate(64, 256), z = gpu.device->Allocate(64, 256);
  ASSERT_OK((*session)->BindDeviceInput(0, x->data, 64));
  ASSERT_OK((*session)->BindDeviceOutput(0, y->data, 64));
  Floats in, out;
  std::iota(in.values, in.values + 16, 0.0f);
  for (int round = 0; round < 8; ++round) {
    // In the caller's stream: input, run, output moved away; then, without a wait, a run in another stream.
    ASSERT_OK(gpu.device->Copy(x->data, &in, 64, Device::Direction::kIn, first->get()));
    ASSERT_OK((*session)->RunAsync(first->get()));
    ASSERT_OK(gpu.device->Copy(x->data, y->data, 64, Device::Direction::kWithin, first->get()));
    ASSERT_OK((*session)->RunAsync(first->get()));
    ASSERT_OK((*session)->RunAsync(second->get()));
    ASSERT_OK(gpu.device->Copy(z->data, y->data, 64, Device::Direction::kWithin, second->get()));
    ASSERT_OK(gpu.device->Copy(&out, z->data, 64, Device::Direction::kOut, second->get()));
    ASSERT_OK((*session)->Wait());
    for (int i = 0; i < 16; ++i) ASSERT_EQ(out.values[i], 4 * i + 3) << round;
  }
}

TEST(CudaExecutionTest, RunAsyncTakesNoPageableMemoryAndNothingIsBoundMeanwhile) {
  FakeGpu gpu;
  PlanBuilder builder = CudaChain();
  auto session = gpu.Start(builder);
  ASSERT_HAS(session);
  Floats x{}, y;
  ASSERT_OK((*session)->BindInput(0, &x, 64));
  const absl::Status status = (*session)->RunAsync();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("'x' is bound to memory of the host that is not pinned"));
  ASSERT_HAS((*session)->input(0));
  ASSERT_OK((*session)->RunAsync());
  EXPECT_EQ((*session)->BindOutput(0, &y, 64).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ((*session)->output(0).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_OK((*session)->Wait());
  ASSERT_OK((*session)->BindOutput(0, &y, 64));
}

TEST(CudaExecutionTest, MemoryOfTheWrongSideIsRefused) {
  FakeGpu gpu;
  PlanBuilder builder = CudaChain();
  auto session = gpu.Start(builder);
  ASSERT_HAS(session);
  DeviceScope scope(*gpu.device, builder.plan().target());
  auto block = gpu.device->Allocate(64, 256);
  Floats x;
  for (const absl::Status& status :
       {(*session)->BindInput(0, block->data, 64), (*session)->BindDeviceInput(0, &x, 64),
        (*session)->BindOutput(0, block->data, 64), (*session)->BindDeviceOutput(0, &x, 64)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("as if it were"));
  }
}

TEST(CudaExecutionTest, ErrorsOfTheDeviceNameTheSegmentOrTheCommand) {
  for (const bool check : {false, true}) {
    FakeGpu gpu;
    LoadOptions options = gpu.Options();
    options.check_every_command = check;
    PlanBuilder builder = CudaChain();
    auto session = gpu.Start(builder, options);
    ASSERT_HAS(session);
    gpu.driver.Fail("kernel", 2, cuda::kErrorIllegalAddress);
    absl::Status status = (*session)->Run();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(check ? "run command 1 (launch, node 'increment'): cuStreamSynchronize: "
                                : "one of the run commands 0 (node 'twice') to 1 (node 'increment'): "));
    EXPECT_THAT(std::string(status.message()), HasSubstr("CUDA_ERROR_ILLEGAL_ADDRESS (700)"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("context is lost"));
    // What follows says the same, and nothing hangs or crashes.
    status = (*session)->Run();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(status.message()), HasSubstr("context is lost"));
  }
}

TEST(CudaExecutionTest, AnErrorThatPassesLeavesTheSessionUsable) {
  for (const char* call : {"cuGraphLaunch", "cuMemcpyHtoDAsync", "cuMemcpyDtoHAsync", "cuStreamSynchronize"}) {
    FakeGpu gpu;
    PlanBuilder builder = CudaChain();
    auto session = gpu.Start(builder);
    ASSERT_HAS(session);
    ExpectChain(**session);
    gpu.driver.Fail(call, 1, cuda::kErrorOutOfMemory);
    const absl::Status status = (*session)->Run();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << call;
    EXPECT_THAT(std::string(status.message()), HasSubstr(call));
    ExpectChain(**session, 7);
  }
}

// Every call that loading and creating make fails once: an error each time, and nothing is left behind.
TEST(CudaExecutionTest, FailuresOfAnyCallLeaveNothingBehind) {
  std::vector<std::string> calls;
  {
    FakeGpu gpu;
    PlanBuilder builder = CudaChain();
    gpu.driver.ClearRecord();
    auto session = gpu.Start(builder);
    ASSERT_HAS(session);
    for (const std::string& call : gpu.driver.calls()) calls.push_back(call.substr(0, call.find(' ')));
  }
  int failed = 0;
  for (size_t i = 0; i < calls.size(); ++i) {
    // What these answer is not needed, or they give back.
    static const char* const kIgnored[] = {"cuMemGetInfo", "cuCtxP", "Destroy", "Unload", "cuFuncLoad", "cuGetError"};
    if (std::any_of(std::begin(kIgnored), std::end(kIgnored),
                    [&](const char* text) { return calls[i].find(text) != std::string::npos; })) {
      continue;
    }
    FakeGpu gpu;
    PlanBuilder builder = CudaChain();
    const auto nth =
        static_cast<int>(std::count(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(i) + 1, calls[i]));
    gpu.driver.Fail(calls[i], nth, cuda::kErrorInvalidValue);
    auto session = gpu.Start(builder);
    EXPECT_FALSE(session.ok()) << calls[i] << " " << nth;
    if (!session.ok()) EXPECT_THAT(std::string(session.status().message()), HasSubstr(calls[i]));
    ++failed;
  }
  EXPECT_GT(failed, 10);
}

// Commands on four streams with events, drawn at random, that [P3] allows, against the same in order. Host calls among
// them cut the plan into segments: some events are recorded in one and waited for in a later one.
TEST(CudaExecutionTest, RandomPlansOnSeveralStreams) {
  constexpr int kStreams = 4, kBuffers = 6, kCommands = 24;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    std::mt19937_64 random(seed);
    const auto draw = [&](int count) { return static_cast<int>(random() % static_cast<uint64_t>(count)); };
    PlanBuilder b = CudaPlan();
    b.run().set_streams(kStreams);
    std::vector<int> buffers;
    for (int i = 0; i < kBuffers; ++i) buffers.push_back(b.AddBuffer(b.run(), "b", Type(plan::F32, {16})));
    std::vector<float> expected(kBuffers, 0);
    std::vector<std::vector<int>> streams_since(kBuffers);  // that touched the buffer since the last write, it included
    std::vector<int> writer(kBuffers, 0);
    int events = 0;
    const auto wait_for = [&](int stream, int other) {
      if (stream == other) return;
      b.Add(b.run(), "record", {}, {}).mutable_event_record()->set_event(events);
      b.run().mutable_commands(b.run().commands_size() - 1)->set_stream(other);
      b.Add(b.run(), "wait", {}, {}).mutable_event_wait()->set_event(events++);
      b.run().mutable_commands(b.run().commands_size() - 1)->set_stream(stream);
    };
    for (int i = 0; i < kBuffers; ++i) {
      b.Fill(b.run(), buffers[i], std::string(4, '\0'));
      streams_since[i] = {0};
    }
    for (int c = 0; c < kCommands; ++c) {
      const int stream = draw(kStreams), from = draw(kBuffers), also = draw(kBuffers);
      int to = draw(kBuffers);
      while (to == from || to == also) to = (to + 1) % kBuffers;
      enum { kSum, kIncrement, kCopy, kHost };
      const int kind = draw(8) == 0 ? kHost : draw(3);
      wait_for(stream, writer[from]);
      if (kind == kSum) wait_for(stream, writer[also]);
      for (int other : streams_since[to]) wait_for(stream, other);
      expected[to] = expected[from];
      if (kind == kSum) {
        b.Launch(b.run(), "sum", 4, {buffers[from], buffers[also]}, {buffers[to]});
        expected[to] += expected[also];
      } else if (kind == kIncrement) {
        b.Launch(b.run(), "increment", 4, {buffers[from]}, {buffers[to]});
        expected[to] += 1;
      } else if (kind == kCopy) {
        b.Copy(b.run(), buffers[from], buffers[to]);
      } else {
        plan::HostCall* call = b.Add(b.run(), "host", {buffers[from]}, {buffers[to]}).mutable_host_call();
        call->set_function("bit_cast");  // to the same type: a copy
        call->set_inputs(1);
        for (int operand = 0; operand < 2; ++operand) *call->add_operand_types() = Type(plan::F32, {16});
      }
      b.run().mutable_commands(b.run().commands_size() - 1)->set_stream(stream);
      streams_since[from].push_back(stream);
      if (kind == kSum) streams_since[also].push_back(stream);
      streams_since[to] = {stream};
      writer[to] = stream;
    }
    b.run().set_events(events);
    for (int i = 0; i < kBuffers; ++i) b.Output("b" + std::to_string(i), buffers[i]);
    for (const bool graphs : {true, false}) {
      cuda::testing::FakeOptions fake;
      fake.seed = seed * 2 + (graphs ? 1 : 0);
      FakeGpu gpu(fake);
      LoadOptions options = gpu.Options();
      options.graphs = graphs;
      auto session = gpu.Start(b, options);
      ASSERT_HAS(session);
      EXPECT_EQ((*session)->graph_count() > 0, graphs);
      for (int run = 0; run < 3; ++run) {
        ASSERT_OK((*session)->Run());
        for (int i = 0; i < kBuffers; ++i) {
          auto out = (*session)->output(i);
          ASSERT_HAS(out);
          for (int e = 0; e < 16; ++e) {
            ASSERT_EQ(reinterpret_cast<float*>(out->data)[e], expected[i]) << "seed " << seed << " graphs " << graphs;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace plimsoll::runtime
