// Plans with library calls on the CUDA device: memory and streams of the driver on the host, products and convolutions
// of the emulated libraries.
#include <numeric>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/cublaslt/testing/emulated_cublaslt.h"
#include "runtime/library/cudnn/testing/emulated_cudnn.h"
#include "runtime/library/library.h"
#include "runtime/library/nvidia/testing/on_fake_driver.h"
#include "runtime/library/testing/operation.h"
#include "runtime/testing/cuda_chain.h"

namespace plimsoll::runtime::nvidia {
namespace {

using testing::CudaPlan;
using testing::FakeGpu;
using testing::PlanBuilder;
using testing::Type;

class LibraryPlanTest : public ::testing::Test {
 protected:
  LibraryPlanTest() {
    cublaslt_.host = OnFakeDriver(gpu_.driver);
    cudnn_.host = OnFakeDriver(gpu_.driver);
    cublaslt::Replace(cublaslt::Emulate(&cublaslt_));
    cudnn::Replace(cudnn::Emulate(&cudnn_));
  }
  ~LibraryPlanTest() override {
    EXPECT_EQ(cublaslt_.live_objects, 0);
    EXPECT_EQ(cudnn_.live_objects, 0);
    cublaslt::Replace(nullptr);
    cudnn::Replace(nullptr);
  }

  // As the compiler adds a library operation: library, workspace and sizes by the rules.
  void AddCall(PlanBuilder& b, plan::Program& program, plan::LibraryOp op, std::vector<int> reads, int write,
               int stream = 0) {
    const plan::Target& target = b.plan().target();
    if (op.library().empty()) op.set_library(LibraryFor(op, target));
    absl::StatusOr<Requirements> needs = Query(op, target);
    ASSERT_TRUE(needs.ok()) << needs.status();
    op.set_workspace_bytes(needs->workspace_bytes);
    std::vector<int> writes = {write};
    if (needs->workspace_bytes > 0) writes.push_back(b.AddWorkspace(program, needs->workspace_bytes));
    plan::Command& command = b.Add(program, op.library(), reads, writes);
    command.set_stream(stream);
    *command.mutable_library_call()->mutable_op() = op;
  }

  // y = twice(relu(x w + bias)) in stream 0, and in stream 1 a convolution of an image with channels last.
  PlanBuilder MakePlan() {
    PlanBuilder b = CudaPlan();
    b.run().set_streams(2);
    plan::LibraryOp product;
    plan::Matmul& matmul = *product.mutable_matmul();
    SetDesc(matmul.mutable_a(), plan::F32, {4, 300});
    SetDesc(matmul.mutable_b(), plan::F32, {300, 4});
    SetDesc(matmul.mutable_bias(), plan::F32, {4});
    SetDesc(matmul.mutable_dst(), plan::F32, {4, 4});
    matmul.add_post_ops()->set_function("relu");
    const int x = b.AddBuffer(b.run(), "x", Type(plan::F32, {4, 300}));
    const int w = AddParameter(b, "w", {300, 4}, w_);
    const int bias = AddParameter(b, "bias", {4}, bias_);
    const int h = b.AddBuffer(b.run(), "h", Type(plan::F32, {4, 4})),
              y = b.AddBuffer(b.run(), "y", Type(plan::F32, {4, 4}));
    AddCall(b, b.run(), product, {x, w, bias}, h);
    b.Launch(b.run(), "twice", 4, {h}, {y});

    plan::LibraryOp layer;
    plan::Convolution& convolution = *layer.mutable_convolution();
    SetDesc(convolution.mutable_src(), plan::F32, {1, 4, 5, 5}, ChannelsLast({1, 4, 5, 5}));
    SetDesc(convolution.mutable_weights(), plan::F32, {2, 4, 3, 3});
    SetDesc(convolution.mutable_dst(), plan::F32, {1, 2, 3, 3}, ChannelsLast({1, 2, 3, 3}));
    convolution.set_groups(1);
    layer.set_library(LibraryFor(layer, b.plan().target()));
    EXPECT_EQ(layer.library(), "cudnn");
    convolution.mutable_weights()->Clear();
    SetDesc(convolution.mutable_weights(), plan::F32, {2, 4, 3, 3}, ChannelsLast({2, 4, 3, 3}));
    std::vector<float> packed(72);  // as a generated kernel does in load
    for (int i = 0; i < 72; ++i) packed[i / 36 * 36 + i % 9 * 4 + i / 9 % 4] = filter_[i];
    const int filter = AddParameter(b, "filter", {2, 3, 3, 4}, packed);
    const int image = b.AddBuffer(b.run(), "image", Type(plan::F32, {1, 5, 5, 4}));
    const int map = b.AddBuffer(b.run(), "map", Type(plan::F32, {1, 3, 3, 2}));
    AddCall(b, b.run(), layer, {image, filter}, map, /*stream=*/1);
    b.Input("x", x);
    b.Input("image", image);
    b.Output("y", y);
    b.Output("map", map);
    return b;
  }

  void ExpectRight(Session& session, int seed) {
    const std::vector<float> x = Small(1200, seed), image = Small(100, seed + 1);
    std::vector<float> y(16), map(18);
    ASSERT_TRUE(session.BindInput(0, x.data(), 4800).ok());
    ASSERT_TRUE(session.BindInput(1, image.data(), 400).ok());
    ASSERT_TRUE(session.BindOutput(0, y.data(), 64).ok());
    ASSERT_TRUE(session.BindOutput(1, map.data(), 72).ok());
    const absl::Status status = session.Run();
    ASSERT_TRUE(status.ok()) << status;
    for (int i = 0; i < 4; ++i) {
      for (int j = 0; j < 4; ++j) {
        double sum = bias_[j];
        for (int k = 0; k < 300; ++k) sum += static_cast<double>(x[i * 300 + k]) * w_[k * 4 + j];
        ASSERT_NEAR(y[i * 4 + j], 2 * std::max(sum, 0.0), 1e-5) << i << " " << j;
      }
    }
    for (int i = 0; i < 9; ++i) {
      for (int k = 0; k < 2; ++k) {
        double sum = 0;
        for (int c = 0; c < 4; ++c) {
          for (int t = 0; t < 9; ++t) {
            sum += static_cast<double>(image[((i / 3 + t / 3) * 5 + i % 3 + t % 3) * 4 + c]) *
                   filter_[(k * 4 + c) * 9 + t];
          }
        }
        ASSERT_NEAR(map[i * 2 + k], sum, 1e-5);
      }
    }
  }

  static std::vector<float> Small(int count, int seed) { return Random<float>(count, seed); }

  static cuda::testing::FakeOptions TwoDevices() {
    cuda::testing::FakeOptions options;
    options.devices = 2;
    return options;
  }

  FakeGpu gpu_{TwoDevices()};
  cublaslt::EmulatedCublasLt cublaslt_;
  cudnn::EmulatedCudnn cudnn_;

 private:
  int AddParameter(PlanBuilder& b, const std::string& name, const std::vector<int64_t>& dims,
                   const std::vector<float>& values) {
    const int raw = b.AddWeightBuffer(b.load(), b.AddWeight(name, Type(plan::F32, dims), values.data()));
    const int parameter = b.AddBuffer(b.load(), name, Type(plan::F32, dims), PlanBuilder::kParameters);
    b.Copy(b.load(), raw, parameter);
    return b.ShareParameter(parameter);
  }

  const std::vector<float> w_ = Small(1200, 1), bias_ = Small(4, 2), filter_ = Small(72, 3);
};

TEST_F(LibraryPlanTest, LibraryCallsRunInGraphsAndWithout) {
  for (bool graphs : {true, false}) {
    PlanBuilder b = MakePlan();
    LoadOptions options = gpu_.Options();
    options.graphs = graphs;
    auto session = gpu_.Start(b, options);
    ASSERT_HAS(session);
    EXPECT_TRUE((*session)->fallbacks().empty());
    EXPECT_EQ((*session)->graph_count() > 0, graphs);
    const int64_t prepared = cublaslt_.heuristic_calls;
    for (int seed = 10; seed < 14; ++seed) ExpectRight(**session, seed);
    EXPECT_EQ(cublaslt_.heuristic_calls, prepared);  // algorithms are chosen once
    EXPECT_EQ(cublaslt_.last_algorithm, 1u);         // parts in the workspace
  }
}

TEST_F(LibraryPlanTest, AlgorithmsAreTimedWhereThatIsAskedFor) {
  PlanBuilder b = MakePlan();
  LoadOptions options = gpu_.Options();
  options.tune = true;
  const int64_t before = cublaslt_.matmuls;
  auto session = gpu_.Start(b, options);
  ASSERT_HAS(session);
  const int64_t timed = cublaslt_.matmuls - before;
  EXPECT_GT(timed, 100);   // several algorithms, each in several samples
  for (int seed = 30; seed < 33; ++seed) ExpectRight(**session, seed);
}

TEST_F(LibraryPlanTest, SessionsRunBesideEachOther) {
  PlanBuilder b = MakePlan();
  auto program = gpu_.Load(b);
  ASSERT_HAS(program);
  auto one = Session::Create(*program), other = Session::Create(*program);
  ASSERT_HAS(one);
  ASSERT_HAS(other);
  for (int seed = 20; seed < 23; ++seed) {
    ExpectRight(**one, seed);
    ExpectRight(**other, seed + 100);
  }
}

TEST_F(LibraryPlanTest, EachDeviceHasTheLibrariesContextsOfItsOwn) {
  auto second = cuda::OpenCudaDevice(gpu_.driver.table(), 1);
  ASSERT_HAS(second);
  EXPECT_EQ(gpu_.device->ordinal(), 0);
  EXPECT_EQ((*second)->ordinal(), 1);
  EXPECT_EQ(cuda::OpenCudaDevice(gpu_.driver.table(), 2).status().code(), absl::StatusCode::kUnavailable);
  std::vector<std::unique_ptr<Session>> sessions;
  std::vector<int64_t> objects = {0};
  LoadOptions options = gpu_.Options();
  for (const std::shared_ptr<Device>& device : {gpu_.device, gpu_.device, *second}) {
    options.device = device;
    PlanBuilder b = MakePlan();
    auto session = gpu_.Start(b, options);
    ASSERT_HAS(session);
    sessions.push_back(*std::move(session));
    objects.push_back(cublaslt_.live_objects);
  }
  // A second session on one device shares its handle; on another it has one more.
  EXPECT_EQ(objects[1] - objects[0], objects[2] - objects[1] + 1);
  EXPECT_EQ(objects[3] - objects[2], objects[2] - objects[1] + 1);
  for (const auto& session : sessions) ExpectRight(*session, 40);
}

TEST_F(LibraryPlanTest, AKernelStandsInWhereTheLibraryHasNoAlgorithm) {
  cublaslt_.offers_algorithms = false;
  PlanBuilder without = MakePlan();
  auto refused = gpu_.Start(without);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_NE(refused.status().message().find("node 'cublaslt'"), std::string::npos) << refused.status();
  PlanBuilder with = MakePlan();
  for (plan::Command& command : *with.run().mutable_commands()) {
    if (command.library_call().op().library() == "cublaslt") {
      *command.mutable_library_call()->mutable_fallback() = with.MakeLaunch("sum", 4);  // of three operands, as any
    }
  }
  auto session = gpu_.Start(with);
  ASSERT_HAS(session);
  ASSERT_EQ((*session)->fallbacks().size(), 1u);
  EXPECT_EQ((*session)->fallbacks()[0].reason.code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace plimsoll::runtime::nvidia
