// Loading plans on a CUDA device over the fake driver: code, memory, budgets, weights on their way, fallbacks.
#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/device/cpu/cpu_device.h"
#include "runtime/device/cuda/module.h"
#include "runtime/testing/cuda_chain.h"
#include "runtime/upload.h"

namespace plimsoll::runtime {
namespace {

using namespace plimsoll::runtime::testing;  // NOLINT: the plans' names
using cuda::testing::FakeOptions;
using ::testing::HasSubstr;

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

// The image that the kernels of a program on such a GPU come from.
std::string ImageOn(int capability, const std::string& binary, cuda::CUresult refuse_first = cuda::kSuccess) {
  std::string image;
  FakeOptions options;
  options.capability = capability;
  FakeGpu gpu(options, [&](const cuda::testing::FakeLaunch& launch) {
    image = *launch.image;
    return RunCudaKernel(launch);
  });
  if (refuse_first != cuda::kSuccess) gpu.driver.Fail("cuModuleLoadDataEx", 1, refuse_first);
  PlanBuilder builder = CudaChain(binary);
  auto session = gpu.Start(builder);
  if (!session.ok()) return session.status().ToString();
  if (absl::Status status = (*session)->Run(); !status.ok()) return status.ToString();
  return image;
}

TEST(CudaLoadTest, TakesTheBinaryWhereItFitsElseTheText) {
  for (const int capability : {80, 86, 89}) EXPECT_EQ(ImageOn(capability, "binary"), "binary") << capability;
  for (const int capability : {90, 100, 120}) EXPECT_EQ(ImageOn(capability, "binary"), CudaText()) << capability;
  EXPECT_EQ(ImageOn(80, ""), CudaText());
  // A driver that is older than the assembler.
  EXPECT_EQ(ImageOn(80, "binary", cuda::kErrorNoBinaryForGpu), CudaText());
  EXPECT_THAT(ImageOn(80, "binary", cuda::kErrorOutOfMemory), HasSubstr("RESOURCE_EXHAUSTED"));
  EXPECT_THAT(
      ImageOn(75, "binary"),
      HasSubstr(
          "the plan is for sm_80 and later, the device is Fake GPU (sm_75): compile it with --target=cuda:sm_75"));
}

TEST(CudaLoadTest, ArchitecturesAndGenerations) {
  EXPECT_EQ(cuda::CapabilityOf("sm_80"), 80);
  EXPECT_EQ(cuda::CapabilityOf("sm_120"), 120);
  for (const char* name : {"sm_", "80", "sm_9x", "compute_80", "sm_-80", ""}) EXPECT_EQ(cuda::CapabilityOf(name), -1);
  EXPECT_TRUE(cuda::BinaryFits(80, 86));
  EXPECT_FALSE(cuda::BinaryFits(86, 80));
  EXPECT_FALSE(cuda::BinaryFits(80, 90));
  EXPECT_TRUE(cuda::TextFits(80, 120));
  EXPECT_FALSE(cuda::TextFits(90, 89));
}

TEST(CudaLoadTest, ErrorsOfCodeSayWhatTheDriverSays) {
  FakeOptions options;
  options.jit_log = "ptxas application ptx input, line 5; fatal: Unexpected non-ASCII character";
  FakeGpu gpu(options);
  PlanBuilder builder = CudaChain("binary");
  gpu.driver.Fail("cuModuleLoadDataEx", 1, cuda::kErrorNoBinaryForGpu);
  gpu.driver.Fail("cuModuleLoadDataEx", 2, cuda::kErrorInvalidPtx);
  auto program = gpu.Load(builder);
  EXPECT_EQ(program.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(MessageOf(program.status()),
              HasSubstr("refuses code/kernels.ptx, which is for sm_80, on Fake GPU (sm_80)"));
  EXPECT_THAT(MessageOf(program.status()), HasSubstr("Unexpected non-ASCII character"));
  EXPECT_THAT(MessageOf(program.status()),
              HasSubstr("and code/kernels.cubin: cuModuleLoadDataEx: CUDA_ERROR_NO_BINARY"));
}

TEST(CudaLoadTest, KernelsThatAreMissingOrTakeOtherOperandsAreRefused) {
  FakeOptions options;
  options.has_symbol = [](const std::string&, const std::string& symbol) { return symbol != "increment"; };
  {
    FakeGpu gpu(options);
    PlanBuilder builder = CudaChain();
    auto session = gpu.Start(builder);
    EXPECT_EQ(session.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(MessageOf(session.status()),
                HasSubstr("run command 1 (launch, node 'increment'): code/kernels.ptx does not define 'increment'"));
  }
  options.has_symbol = nullptr;
  for (const int parameters : {1, 2, 3}) {
    options.parameters = [=](const std::string&) { return parameters; };
    FakeGpu gpu(options);
    PlanBuilder builder = CudaChain();
    auto session = gpu.Start(builder);
    EXPECT_EQ(session.ok(), parameters == 2);
    if (!session.ok()) EXPECT_THAT(MessageOf(session.status()), HasSubstr("does not take 2 addresses"));
  }
}

TEST(CudaLoadTest, LaunchesThatTheDeviceCannotDoAreRefused) {
  {
    FakeGpu gpu;
    PlanBuilder builder = CudaChain();
    builder.run().mutable_commands(0)->mutable_launch()->set_grid(1, 70000);
    EXPECT_THAT(MessageOf(gpu.Start(builder).status()), HasSubstr("4 x 70000 x 1 blocks; at most 65535"));
  }
  for (const int64_t shared : {49152, 100000, 200000}) {
    FakeGpu gpu;
    PlanBuilder builder = CudaChain();
    builder.run().mutable_commands(0)->mutable_launch()->set_shared_bytes(shared);
    auto session = gpu.Start(builder);
    EXPECT_EQ(session.ok(), shared < 200000) << session.status().ToString();
    if (!session.ok())
      EXPECT_THAT(MessageOf(session.status()), HasSubstr("'twice' wants 200000 bytes of shared memory"));
  }
}

// A weight of `count` floats that load copies to the device, and the chain.
PlanBuilder WithWeight(int64_t count) {
  PlanBuilder b = CudaChain();
  std::vector<float> values(static_cast<size_t>(count));
  std::iota(values.begin(), values.end(), 0.0f);
  const int from = b.AddWeightBuffer(b.load(), b.AddWeight("w", Type(plan::F32, {count}), values.data()));
  const int to = b.AddBuffer(b.load(), "w", Type(plan::F32, {count}), PlanBuilder::kParameters);
  b.Copy(b.load(), from, to);
  b.Output("w", b.ShareParameter(to));
  return b;
}

TEST(CudaLoadTest, OneBlockHoldsParametersAndTheFirstSession) {
  FakeGpu gpu;
  PlanBuilder builder = WithWeight(256);
  auto program = gpu.Load(builder);
  ASSERT_HAS(program);
  EXPECT_EQ(gpu.driver.count("cuMemAlloc"), 1);
  EXPECT_EQ(gpu.driver.used_bytes(), 1024 + 3 * 64);
  EXPECT_EQ((*program)->device_usage().planned_bytes, 1024 + 3 * 64);
  EXPECT_EQ((*program)->parameters_bytes(), 1024);
  EXPECT_EQ((*program)->mapped_weight_bytes(), 0);
  {
    auto first = Session::Create(*program);
    ASSERT_HAS(first);
    EXPECT_EQ(gpu.driver.count("cuMemAlloc"), 1);
    auto second = Session::Create(*program);
    ASSERT_HAS(second);
    EXPECT_EQ(gpu.driver.used_bytes(), 1024 + 2 * 3 * 64);
  }
  EXPECT_EQ(gpu.driver.used_bytes(), 1024 + 3 * 64);
  ASSERT_HAS(Session::Create(*program));  // in the first one's place
  EXPECT_EQ(gpu.driver.peak_bytes(), 1024 + 2 * 3 * 64);
}

TEST(CudaLoadTest, ASessionTooManyLeavesTheOthersUsable) {
  FakeOptions options;
  options.memory_bytes = 1024 + 2 * 3 * 64;
  FakeGpu gpu(options);
  PlanBuilder builder = WithWeight(256);
  auto program = gpu.Load(builder);
  ASSERT_HAS(program);
  auto first = Session::Create(*program), second = Session::Create(*program), third = Session::Create(*program);
  ASSERT_HAS(first);
  ASSERT_HAS(second);
  EXPECT_EQ(third.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(
      MessageOf(third.status()),
      HasSubstr("a session takes 192 bytes: cannot allocate 192 bytes on Fake GPU (sm_80), which has 0 bytes free"));
  Floats x{}, y;
  for (Session* session : {first->get(), second->get()}) {
    ASSERT_OK(session->BindInput(0, &x, 64));
    ASSERT_OK(session->BindOutput(0, &y, 64));
    ASSERT_OK(session->Run());
    EXPECT_EQ(y.values[15], 1);
  }
  first->reset();
  ASSERT_HAS(Session::Create(*program));
}

TEST(CudaLoadTest, APlanThatDoesNotFitIsRefusedBeforeItIsRead) {
  FakeOptions options;
  options.memory_bytes = 1000;
  FakeGpu gpu(options);
  PlanBuilder builder = WithWeight(256);
  auto program = gpu.Load(builder);
  EXPECT_EQ(program.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(MessageOf(program.status()),
              HasSubstr("the plan takes 1216 bytes of Fake GPU (sm_80), which has 1000 free"));
  EXPECT_EQ(gpu.driver.count("cuMemAlloc"), 0);
}

TEST(CudaLoadTest, UsesTheCallersMemory) {
  FakeGpu gpu;
  PlanBuilder builder = WithWeight(256);
  DeviceScope scope(*gpu.device, builder.plan().target());
  auto block = gpu.device->Allocate(4096, 256);
  ASSERT_HAS(block);
  LoadOptions options = gpu.Options();
  options.memory = block->data;
  options.memory_bytes = 1024 + 3 * 64;
  EXPECT_EQ(Program::RequiredBytes(builder.plan()), options.memory_bytes);
  {
    auto session = gpu.Start(builder, options);
    ASSERT_HAS(session);
    EXPECT_EQ(gpu.driver.count("cuMemAlloc"), 1);
    ASSERT_OK((*session)->Run());
    auto w = (*session)->output(1);
    ASSERT_HAS(w);
    EXPECT_EQ(reinterpret_cast<float*>(w->data)[255], 255);
  }
  --options.memory_bytes;
  EXPECT_EQ(gpu.Load(builder, options).status().code(), absl::StatusCode::kInvalidArgument);
  ++options.memory_bytes;
  options.memory = block->data + 32;
  EXPECT_THAT(MessageOf(gpu.Load(builder, options).status()), HasSubstr("1216 bytes at a multiple of 64"));
}

TEST(CudaLoadTest, WhatDriverAndLibrariesTakeCountsAgainstTheBudget) {
  for (const bool management : {true, false}) {
    FakeOptions options;
    options.context_bytes = 3000;
    options.module_bytes = 500;
    options.management = management;
    FakeGpu gpu(options);
    PlanBuilder builder = WithWeight(256);
    builder.plan().mutable_target()->set_reserved_bytes(100);
    // Without the management library what the context took cannot be seen.
    const int64_t reserve = management ? 3500 : 500;
    builder.plan().set_budget_bytes(1024 + 3 * 64 + reserve);
    {
      auto program = gpu.Load(builder);
      ASSERT_HAS(program);
      EXPECT_EQ((*program)->device_usage().planned_reserve_bytes, 100);
      EXPECT_EQ((*program)->device_usage().measured_reserve_bytes, reserve);
      ASSERT_HAS(Session::Create(*program));
      gpu.driver.Reserve(1);  // a library, opened by a session
      auto session = Session::Create(*program);
      EXPECT_EQ(session.status().code(), absl::StatusCode::kResourceExhausted);
      gpu.driver.Reserve(-1);
      ASSERT_HAS(Session::Create(*program));
    }
    builder.plan().set_budget_bytes(1024 + 3 * 64 + reserve - 1);
    auto refused = gpu.Load(builder);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(MessageOf(refused.status()),
                HasSubstr("the plan takes 1216 bytes, driver and libraries took " + std::to_string(reserve)));
    EXPECT_THAT(MessageOf(refused.status()), HasSubstr("the plan reserves 100"));
  }
}

TEST(CudaLoadTest, WeightsGoThroughTwoPinnedChunks) {
  constexpr int64_t kBytes = 5 * Uploader::kChunkBytes / 2;
  FakeGpu gpu;
  PlanBuilder builder = WithWeight(kBytes / 4);
  auto session = gpu.Start(builder);
  ASSERT_HAS(session);
  const std::vector<std::string> calls = gpu.driver.calls();
  const std::string chunk = std::to_string(Uploader::kChunkBytes), half = std::to_string(Uploader::kChunkBytes / 2);
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "cuMemHostAlloc " + chunk), 2);
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "cuMemcpyHtoDAsync " + chunk), 2);
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "cuMemcpyHtoDAsync " + half), 1);
  EXPECT_EQ(gpu.driver.count("cuMemHostAlloc"), gpu.driver.count("cuMemFreeHost"));  // given back
  auto w = (*session)->output(1);
  ASSERT_HAS(w);
  ASSERT_OK((*session)->Run());
  for (int64_t i = 0; i < kBytes / 4; ++i) ASSERT_EQ(reinterpret_cast<float*>(w->data)[i], static_cast<float>(i));
}

TEST(CudaLoadTest, ErrorsOfLoadNameTheCommand) {
  FakeGpu gpu;
  PlanBuilder builder = WithWeight(256);
  gpu.driver.Fail("cuMemcpyHtoDAsync", 1, cuda::kErrorInvalidValue);
  auto program = gpu.Load(builder);
  EXPECT_THAT(MessageOf(program.status()), HasSubstr("load command 0 (copy, node 'copy'): cuMemcpyHtoDAsync"));
}

// y = x w, [4, 4] each, by a library that is not there, or by the kernel "sum" of the same operands.
void AddLibraryCall(PlanBuilder& b, plan::Program& program, int x, int w, int y, int workspace, bool with_fallback) {
  plan::LibraryCall* call = b.Add(program, "product", {x, w}, {y, workspace}).mutable_library_call();
  call->mutable_op()->set_library("no_such_library");
  call->mutable_op()->set_workspace_bytes(256);
  plan::Matmul* matmul = call->mutable_op()->mutable_matmul();
  for (plan::MemoryDesc* desc : {matmul->mutable_a(), matmul->mutable_b(), matmul->mutable_dst()}) {
    desc->set_dtype(plan::F32);
    for (int d = 0; d < 2; ++d) desc->add_dims(4);
  }
  if (with_fallback) *call->mutable_fallback() = b.MakeLaunch("sum", 4);
}

PlanBuilder WithLibraryCall(bool with_fallback) {
  PlanBuilder b = CudaPlan();
  const auto type = Type(plan::F32, {4, 4});
  const int x = b.AddBuffer(b.run(), "x", type), w = b.AddBuffer(b.run(), "w", type),
            y = b.AddBuffer(b.run(), "y", type);
  const int workspace = b.AddWorkspace(b.run(), 256);
  for (int call = 0; call < 2; ++call) AddLibraryCall(b, b.run(), x, w, y, workspace, with_fallback);
  b.Input("x", x);
  b.Input("w", w);
  b.Output("y", y);
  return b;
}

TEST(CudaLoadTest, AKernelStandsInForALibraryThatIsNotThere) {
  FakeOptions options;
  options.parameters = CudaParameters;  // three: the operands without the workspace
  FakeGpu gpu(options);
  PlanBuilder builder = WithLibraryCall(true);
  auto session = gpu.Start(builder);
  ASSERT_HAS(session);
  ASSERT_EQ((*session)->fallbacks().size(), 2u);
  EXPECT_EQ((*session)->fallbacks()[1].command, 1);
  EXPECT_THAT(MessageOf((*session)->fallbacks()[0].reason), HasSubstr("no_such_library"));
  Floats x, w, y;
  std::iota(x.values, x.values + 16, 0.0f);
  std::iota(w.values, w.values + 16, 100.0f);
  ASSERT_OK((*session)->BindInput(0, &x, 64));
  ASSERT_OK((*session)->BindInput(1, &w, 64));
  ASSERT_OK((*session)->BindOutput(0, &y, 64));
  ASSERT_OK((*session)->Run());
  for (int i = 0; i < 16; ++i) EXPECT_EQ(y.values[i], 2 * i + 100);
}

TEST(CudaLoadTest, AKernelStandsInWhileLoadingToo) {
  FakeGpu gpu;
  PlanBuilder b = CudaPlan();
  const auto type = Type(plan::F32, {4, 4});
  const int x = b.AddBuffer(b.load(), "x", type, PlanBuilder::kLoad);
  const int y = b.AddBuffer(b.load(), "y", type, PlanBuilder::kParameters);
  const float one = 1;
  b.Fill(b.load(), x, std::string(reinterpret_cast<const char*>(&one), 4));
  AddLibraryCall(b, b.load(), x, x, y, b.AddWorkspace(b.load(), 256, PlanBuilder::kLoad), true);
  b.Output("y", b.ShareParameter(y));
  auto program = gpu.Load(b);
  ASSERT_HAS(program);
  ASSERT_EQ((*program)->load_fallbacks().size(), 1u);
  EXPECT_EQ((*program)->load_fallbacks()[0].command, 1);
  auto session = Session::Create(*program);
  ASSERT_HAS(session);
  EXPECT_TRUE((*session)->fallbacks().empty());
  ASSERT_OK((*session)->Run());
  auto out = (*session)->output(0);
  ASSERT_HAS(out);
  for (int i = 0; i < 16; ++i) EXPECT_EQ(reinterpret_cast<float*>(out->data)[i], 2);
}

TEST(CudaLoadTest, WithoutAKernelToStandInTheErrorNamesTheCommand) {
  FakeGpu gpu;
  PlanBuilder builder = WithLibraryCall(false);
  auto session = gpu.Start(builder);
  EXPECT_THAT(MessageOf(session.status()), HasSubstr("run command 0 (library call, node 'product'): "));
  EXPECT_THAT(MessageOf(session.status()), HasSubstr("no_such_library"));
}

TEST(CudaLoadTest, APlanForCudaSaysWhatTheCpuIsNot) {
  PlanBuilder builder = CudaChain();
  auto artefact = builder.Finish();
  ASSERT_HAS(artefact);
  LoadOptions options;
  options.device = cpu::CpuDevice();
  auto program = Program::Load(*std::move(artefact), options);
  EXPECT_EQ(program.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(MessageOf(program.status()), HasSubstr("CUDA"));
}

}  // namespace
}  // namespace plimsoll::runtime
