// The emulated graph interface is as strict as the library that it stands for, and stricter where the library would
// read what is not there.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/cudnn/testing/backend_calls.h"
#include "runtime/library/cudnn/testing/emulated_cudnn.h"

namespace plimsoll::runtime::cudnn {
namespace {

using backend::Attribute;
using backend::AttributeType;
using backend::Descriptor;
using backend::DescriptorType;
using backend::HeuristicsMode;
using backend::PointwiseMode;

// y [1, 2, 3, 3] = x [1, 2, 4, 4] * w [2, 2, 2, 2] + bias, channels last, f32.
class EmulatedBackendTest : public testing::Test {
 protected:
  EmulatedBackendTest() : api_(*Emulate(&emulated_)), calls_(std::make_unique<BackendCalls>(api_)) {
    api_.Create(&handle_);
    for (int i = 0; i < 64; ++i) x_[i] = static_cast<float>(i % 7) / 8;
    for (int i = 0; i < 16; ++i) w_[i] = static_cast<float>(i % 5) / 4 - 0.5f;
    bias_[0] = 1;
    bias_[1] = -2;
  }
  ~EmulatedBackendTest() override {
    calls_.reset();
    api_.Destroy(handle_);
    EXPECT_EQ(emulated_.live_objects, 0);
  }

  // The graph's tensors have the ids 1 to 4: x, w, bias, y. `type`: of x, w and y.
  Descriptor MakeGraph(int64_t alignment = 16, int type = kFloat) {
    const Descriptor x = calls_->Tensor({1, {1, 2, 4, 4}, {32, 1, 8, 2}, type, false, false, alignment}),
                     w = calls_->Tensor({2, {2, 2, 2, 2}, {8, 1, 4, 2}, type, false, false, alignment}),
                     bias = calls_->Tensor({3, {1, 2, 1, 1}, {2, 1, 2, 2}, kFloat, false, false, alignment}),
                     y = calls_->Tensor({4, {1, 2, 3, 3}, {18, 1, 6, 2}, type, false, false, alignment}),
                     products = calls_->Tensor({10, {1, 2, 3, 3}, {18, 1, 6, 2}, kFloat, true});
    return calls_->Graph({calls_->Forward({{0, 0}, {0, 0}, {1, 1}, {1, 1}}, x, w, products),
                          calls_->Pointwise(PointwiseMode::kAdd, products, bias, y)});
  }
  // Of the engine with this index; null where its configuration is not finalized.
  Descriptor PlanOf(Descriptor graph, int64_t index) {
    for (HeuristicsMode mode : {HeuristicsMode::kA, HeuristicsMode::kFallback}) {
      for (Descriptor configuration : calls_->Configurations(calls_->Heuristics(graph, mode, nullptr))) {
        int64_t found = -1, count = 0;
        Descriptor engine = calls_->Make(DescriptorType::kEngine);
        if (api_.BackendGetAttribute(configuration, Attribute::kEngineConfigEngine, AttributeType::kDescriptor, 1,
                                     &count, &engine) != kSuccess) {
          continue;
        }
        calls_->Get(engine, Attribute::kEngineGlobalIndex, AttributeType::kInt64, 1, &found);
        if (found == index) return calls_->Plan(configuration, handle_);
      }
    }
    return nullptr;
  }
  Descriptor Pack(void* workspace) { return calls_->Pack({1, 2, 3, 4}, {x_, w_, bias_, y_}, workspace); }
  double Right(int64_t k, int64_t i, int64_t j) const {
    double sum = bias_[k];
    for (int64_t c = 0; c < 2; ++c) {
      for (int64_t r = 0; r < 4; ++r) {
        sum += static_cast<double>(x_[((i + r / 2) * 4 + j + r % 2) * 2 + c]) * w_[(k * 4 + r) * 2 + c];
      }
    }
    return sum;
  }
  void ExpectRight(double tolerance) const {
    for (int64_t i = 0; i < 18; ++i) EXPECT_NEAR(y_[i], Right(i % 2, i / 6, i / 2 % 3), tolerance);
  }

  EmulatedCudnn emulated_;
  const Api& api_;
  std::unique_ptr<BackendCalls> calls_;
  Handle handle_ = nullptr;
  alignas(256) float x_[64] = {}, w_[64] = {}, bias_[64] = {}, y_[64] = {};
  alignas(256) char workspace_[1024] = {};
};

TEST_F(EmulatedBackendTest, EnginesDifferAsTheySay) {
  for (float& x : x_) x += std::ldexp(1.0f, -13);  // needs more than TF32's bits
  for (const EmulatedEngine& engine : DefaultEngines()) {
    SCOPED_TRACE(engine.index);
    calls_ = std::make_unique<BackendCalls>(api_);
    const Descriptor plan = PlanOf(MakeGraph(), engine.index);
    ASSERT_EQ(plan != nullptr, engine.is_supported);
    EXPECT_EQ(calls_->status(), engine.has_plan ? kSuccess : kInternalError);
    if (plan == nullptr || !engine.has_plan) continue;
    const int64_t bytes = calls_->Int64(plan, Attribute::kPlanWorkspaceSize);
    EXPECT_EQ(bytes, engine.workspace_bytes);
    if (bytes > static_cast<int64_t>(sizeof(workspace_))) continue;
    ASSERT_EQ(api_.BackendExecute(handle_, plan, Pack(workspace_)), kSuccess) << calls_->message();
    EXPECT_EQ(emulated_.last_engine, engine.index);
    double error = 0;
    for (int64_t i = 0; i < 18; ++i) error = std::max(error, std::abs(y_[i] - Right(i % 2, i / 6, i / 2 % 3)));
    const bool is_exact = engine.rounding == EmulatedEngine::Rounding::kNone && !engine.is_random;
    if (is_exact) {
      EXPECT_LT(error, 1e-6);
    } else {
      EXPECT_GT(error, 1e-6);
    }
  }
  EXPECT_EQ(emulated_.executions, 8);
  EXPECT_EQ(emulated_.executions_by_engine.size(), 8u);
  EXPECT_EQ(emulated_.last_graph, "forward, pointwise 0");
}

TEST_F(EmulatedBackendTest, AnEngineThatIsNotDeterministicGivesOtherBytes) {
  const Descriptor plan = PlanOf(MakeGraph(), 11), pack = Pack(nullptr);
  float before[18];
  ASSERT_EQ(api_.BackendExecute(handle_, plan, pack), kSuccess);
  std::memcpy(before, y_, sizeof(before));
  ASSERT_EQ(api_.BackendExecute(handle_, plan, pack), kSuccess);
  EXPECT_NE(std::memcmp(before, y_, sizeof(before)), 0);
  ExpectRight(1e-4);
}

TEST_F(EmulatedBackendTest, APlanWritesAllOfItsWorkspaceAndNoMore) {
  std::memset(workspace_, 0, sizeof(workspace_));
  ASSERT_EQ(api_.BackendExecute(handle_, PlanOf(MakeGraph(), 18), Pack(workspace_)), kSuccess);
  ExpectRight(1e-6);
  EXPECT_GT(std::count_if(workspace_, workspace_ + 100, [](char byte) { return byte != 0; }), 90);
  EXPECT_EQ(std::count_if(workspace_ + 100, workspace_ + 1024, [](char byte) { return byte != 0; }), 0);
}

TEST_F(EmulatedBackendTest, WorkWaitsForItsStreamButNotWhatItWasToldWith) {
  std::vector<std::pair<void*, std::function<void()>>> queue;
  emulated_.host.enqueue = [&](void* stream, const std::string&, std::function<void()> work) {
    queue.emplace_back(stream, std::move(work));
    return absl::OkStatus();
  };
  int stream = 0;
  api_.SetStream(handle_, &stream);
  // y = x * factor, the factor from the host.
  const Descriptor x = calls_->Tensor({1, {1, 1, 1, 8}}), y = calls_->Tensor({2, {1, 1, 1, 8}}),
                   factor = calls_->Tensor({3, {1, 1, 1, 1}, {}, kFloat, false, true});
  const Descriptor plan = PlanOf(calls_->Graph({calls_->Pointwise(PointwiseMode::kMul, x, factor, y)}), 16);
  float value = 3;
  const Descriptor pack = calls_->Pack({3, 2, 1}, {&value, y_, x_}, workspace_);
  ASSERT_EQ(api_.BackendExecute(handle_, plan, pack), kSuccess) << calls_->message();
  value = 5;
  calls_ = std::make_unique<BackendCalls>(api_);  // all descriptors are gone
  EXPECT_EQ(y_[1], 0);
  ASSERT_EQ(queue.size(), 1u);
  EXPECT_EQ(queue[0].first, &stream);
  queue[0].second();
  for (int i = 0; i < 8; ++i) EXPECT_EQ(y_[i], 3 * x_[i]);
}

TEST_F(EmulatedBackendTest, RefusesWhatCannotBeExecuted) {
  const Descriptor plan = PlanOf(MakeGraph(), 18);
  auto run = [&](const std::vector<int64_t>& ids, const std::vector<void*>& pointers, void* workspace) {
    return api_.BackendExecute(handle_, plan, calls_->Pack(ids, pointers, workspace));
  };
  EXPECT_EQ(run({1, 2, 3, 4}, {x_, w_, bias_, y_}, workspace_), kSuccess);
  EXPECT_EQ(run({1, 2, 3}, {x_, w_, bias_}, workspace_), kBadParam);
  EXPECT_EQ(run({1, 2, 3, 4, 5}, {x_, w_, bias_, y_, y_}, workspace_), kBadParam);
  EXPECT_EQ(run({1, 2, 3, 4, 10}, {x_, w_, bias_, y_, y_}, workspace_), kBadParam);  // a virtual one
  EXPECT_EQ(run({1, 2, 3, 4}, {x_, w_, nullptr, y_}, workspace_), kBadParam);
  EXPECT_EQ(run({1, 2, 3, 4}, {x_, w_, bias_, y_ + 1}, workspace_), kBadParam);  // at a multiple of 4
  EXPECT_EQ(run({1, 2, 3, 4}, {x_, w_, bias_, y_}, nullptr), kBadParam);
  EXPECT_EQ(run({1, 2, 3, 4}, {x_, w_, bias_, y_}, workspace_ + 16), kBadParam);
  EXPECT_EQ(run({1, 2, 3, 4}, {x_, w_, bias_, x_}, workspace_), kBadParam);   // the result over the source
  EXPECT_EQ(run({1, 2, 3, 4}, {x_, w_, y_ + 4, y_}, workspace_), kBadParam);  // and over the bias
  EXPECT_EQ(run({1, 2, 3, 4}, {x_, w_, bias_, workspace_}, workspace_), kBadParam);
  emulated_.host.address = [](const void*, int64_t) -> void* { return nullptr; };
  EXPECT_EQ(run({1, 2, 3, 4}, {x_, w_, bias_, y_}, workspace_), kExecutionFailed);
  EXPECT_EQ(api_.BackendExecute(nullptr, plan, Pack(workspace_)), kBadParam);
  EXPECT_EQ(api_.BackendExecute(handle_, Pack(workspace_), plan), kBadParam);
  Handle other = nullptr;
  api_.Create(&other);
  EXPECT_EQ(api_.BackendExecute(other, plan, Pack(workspace_)), kBadParam);
  api_.Destroy(other);
  EXPECT_EQ(emulated_.executions, 1);
}

TEST_F(EmulatedBackendTest, AnAddendMayLieInTheResultsPlace) {
  const Descriptor x = calls_->Tensor({1, {1, 1, 1, 8}}), z = calls_->Tensor({2, {1, 1, 1, 8}}),
                   y = calls_->Tensor({3, {1, 1, 1, 8}});
  const Descriptor plan = PlanOf(calls_->Graph({calls_->Pointwise(PointwiseMode::kAdd, x, z, y)}), 16);
  std::fill_n(y_, 8, 2.0f);
  ASSERT_EQ(api_.BackendExecute(handle_, plan, calls_->Pack({1, 2, 3}, {x_, y_, y_}, workspace_)), kSuccess);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(y_[i], x_[i] + 2);
  EXPECT_EQ(api_.BackendExecute(handle_, plan, calls_->Pack({1, 2, 3}, {x_, y_ + 4, y_}, workspace_)), kBadParam);
}

TEST_F(EmulatedBackendTest, EnginesTakeTheGraphsThatTheLibrarysTake) {
  auto indices = [&](Descriptor graph) {
    std::vector<int64_t> taken;
    for (const EmulatedEngine& engine : DefaultEngines()) {
      if (PlanOf(graph, engine.index) != nullptr) taken.push_back(engine.index);
    }
    return taken;
  };
  EXPECT_EQ(indices(MakeGraph()).size(), DefaultEngines().size() - 1);
  // What begins at multiples of 4 bytes: no tensor cores, nothing compiled at run time.
  EXPECT_EQ(indices(MakeGraph(4)), (std::vector<int64_t>{10, 11, 14, 18, 20}));
  EXPECT_TRUE(indices(MakeGraph(16, /*type=*/1)).empty());  // f64
  EXPECT_TRUE(indices(MakeGraph(16, kHalf)).size() > 5);
  // A function without a bias: only compiled at run time, with channels last.
  for (bool channels_last : {true, false}) {
    const std::vector<int64_t> dims = {1, 2, 4, 4};
    const std::vector<int64_t> strides = channels_last ? std::vector<int64_t>{32, 1, 8, 2} : std::vector<int64_t>{};
    const Descriptor x = calls_->Tensor({1, dims, strides}), y = calls_->Tensor({3, dims, strides}),
                     w = calls_->Tensor({2, {2, 2, 1, 1}, {2, 1, 2, 2}}),
                     products = calls_->Tensor({4, dims, strides, kFloat, true});
    const Descriptor graph = calls_->Graph({calls_->Forward({{0, 0}, {0, 0}, {1, 1}, {1, 1}}, x, w, products),
                                            calls_->Pointwise(PointwiseMode::kReluForward, products, nullptr, y)});
    EXPECT_EQ(indices(graph), channels_last ? (std::vector<int64_t>{15, 16, 19}) : std::vector<int64_t>{});
  }
}

TEST_F(EmulatedBackendTest, RefusesDescriptorsThatDoNotLive) {
  int64_t number = 0;
  EXPECT_EQ(api_.BackendCreateDescriptor(DescriptorType::kTensor, nullptr), kBadParam);
  EXPECT_EQ(api_.BackendDestroyDescriptor(nullptr), kBadParam);
  EXPECT_EQ(api_.BackendFinalize(nullptr), kBadParam);
  EXPECT_EQ(api_.BackendFinalize(handle_), kBadParam);  // lives, and is no descriptor
  EXPECT_EQ(api_.BackendSetAttribute(nullptr, Attribute::kTensorUniqueId, AttributeType::kInt64, 1, &number),
            kBadParam);
  EXPECT_EQ(api_.BackendGetAttribute(nullptr, Attribute::kTensorUniqueId, AttributeType::kInt64, 1, &number, &number),
            kBadParam);
  const Descriptor tensor = calls_->Make(DescriptorType::kTensor);
  EXPECT_EQ(api_.BackendSetAttribute(tensor, Attribute::kTensorUniqueId, AttributeType::kInt64, 1, nullptr), kBadParam);
  EXPECT_EQ(api_.BackendSetAttribute(tensor, Attribute::kTensorDimensions, AttributeType::kInt64, -1, &number),
            kBadParam);
  const Descriptor operation = calls_->Make(DescriptorType::kReshapeOperation);
  EXPECT_EQ(calls_->SetPart(operation, Attribute::kReshapeOperationX, nullptr), kBadParam);
  EXPECT_EQ(calls_->SetPart(operation, Attribute::kReshapeOperationX, handle_), kBadParam);
  EXPECT_EQ(calls_->SetPart(operation, Attribute::kReshapeOperationX, operation), kSuccess);  // of another kind
  EXPECT_EQ(calls_->SetPart(operation, Attribute::kReshapeOperationY, calls_->Tensor({1, {2}})), kSuccess);
  EXPECT_EQ(api_.BackendFinalize(operation), kBadParam);
  // Operations, graphs and configurations must live until what is made of them is finalized.
  const Descriptor x = calls_->Tensor({1, {2, 2}}), y = calls_->Tensor({2, {2, 2}});
  BackendCalls later(api_);
  const Descriptor graph = later.Make(DescriptorType::kOperationGraph);
  {
    BackendCalls gone(api_);
    later.Set(graph, Attribute::kGraphOperations, AttributeType::kDescriptor,
              std::vector<Descriptor>{gone.Pointwise(PointwiseMode::kAbs, x, nullptr, y)});
  }
  EXPECT_EQ(api_.BackendFinalize(graph), kBadParam);
  EXPECT_STREQ(later.message().c_str(), "an operation that was destroyed before its graph was made");
  const Descriptor plan = later.Make(DescriptorType::kExecutionPlan);
  {
    BackendCalls gone(api_);
    const Descriptor whole = gone.Graph({calls_->Pointwise(PointwiseMode::kAbs, x, nullptr, y)});
    later.SetPart(plan, Attribute::kPlanEngineConfig,
                  gone.Configurations(gone.Heuristics(whole, HeuristicsMode::kFallback, nullptr))[0]);
  }
  EXPECT_EQ(api_.BackendFinalize(plan), kBadParam);
}

// Where cuDNN 9.26 crashes.
TEST_F(EmulatedBackendTest, RefusesPlansOfNoConfiguration) {
  EXPECT_EQ(api_.BackendFinalize(calls_->Make(DescriptorType::kExecutionPlan)), kBadParam);
  BackendCalls other(api_);
  other.Plan(calls_->Make(DescriptorType::kEngineConfig), handle_);
  EXPECT_EQ(other.status(), kBadParam);
}

TEST_F(EmulatedBackendTest, NothingIsNamedWhereThereAreNoEngines) {
  emulated_.offers_engines = false;
  for (HeuristicsMode mode : {HeuristicsMode::kA, HeuristicsMode::kFallback}) {
    EXPECT_TRUE(calls_->Configurations(calls_->Heuristics(MakeGraph(), mode, nullptr)).empty());
  }
  EXPECT_EQ(calls_->status(), kSuccess);
  EXPECT_EQ(emulated_.heuristic_calls, 2);
}

}  // namespace
}  // namespace plimsoll::runtime::cudnn
