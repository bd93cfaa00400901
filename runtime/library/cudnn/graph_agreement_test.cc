// Graphs, engines and plans of the emulated graph interface against cuDNN's own, for a device that is not there.
#include <functional>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/cudnn/testing/agreement.h"

namespace plimsoll::runtime::cudnn {
namespace {

using backend::Attribute;
using backend::AttributeType;
using backend::Descriptor;
using backend::DescriptorType;
using backend::HeuristicsMode;
using backend::PointwiseMode;
using Dims = std::vector<int64_t>;
using Case = AgreementCase;

constexpr int kDouble = 1;

const Dims kMap = {2, 64, 16, 16}, kMapStrides = {16384, 1, 1024, 64}, kBias = {1, 64, 1, 1};

// Tensors of a convolution, its result by channels last, and what may follow it.
struct Parts {
  explicit Parts(BackendCalls& calls, int type = kHalf)
      : x(calls.Tensor({1, kMap, kMapStrides, type})),
        w(calls.Tensor({2, {64, 64, 3, 3}, {576, 1, 192, 64}, type})),
        y(calls.Tensor({3, kMap, kMapStrides, type})),
        bias(calls.Tensor({4, kBias, {64, 1, 64, 64}, type})),
        products(calls.Tensor({10, kMap, kMapStrides, kFloat, true})),
        sums(calls.Tensor({11, kMap, kMapStrides, kFloat, true})) {}
  Descriptor x, w, y, bias, products, sums;
};
const ConvolutionSpec kSame = {{1, 1}, {1, 1}, {1, 1}, {1, 1}};

std::vector<Case> GraphCases() {
  const PointwiseMode add = PointwiseMode::kAdd, relu = PointwiseMode::kReluForward;
  return {
      {"a convolution with a bias", kSuccess,
       [=](BackendCalls& calls) {
         const Parts p(calls);
         calls.Graph({calls.Forward(kSame, p.x, p.w, p.products), calls.Pointwise(add, p.products, p.bias, p.y)});
       }},
      {"in any order", kSuccess,
       [=](BackendCalls& calls) {
         const Parts p(calls);
         calls.Graph({calls.Pointwise(add, p.products, p.bias, p.y), calls.Forward(kSame, p.x, p.w, p.products)});
       }},
      {"no operations", kBadParam,
       [](BackendCalls& calls) { calls.Finalize(calls.Make(DescriptorType::kOperationGraph)); }},
      {"two producers", kBadParam,
       [=](BackendCalls& calls) {
         const Parts p(calls);
         calls.Graph({calls.Forward(kSame, p.x, p.w, p.y), calls.Pointwise(relu, p.x, nullptr, p.y)});
       }},
      {"two producers of a virtual tensor", kBadParam,
       [=](BackendCalls& calls) {
         const Parts p(calls);
         calls.Graph({calls.Forward(kSame, p.x, p.w, p.products), calls.Pointwise(relu, p.x, nullptr, p.products),
                      calls.Pointwise(relu, p.products, nullptr, p.y)});
       }},
      {"operations that wait for each other", kBadParam,
       [=](BackendCalls& calls) {
         const Parts p(calls);
         calls.Graph(
             {calls.Pointwise(add, p.products, p.x, p.sums), calls.Pointwise(relu, p.sums, nullptr, p.products)});
       }},
      {"asked for its operations, which are not given back", kNotSupported,
       [=](BackendCalls& calls) {
         const Parts p(calls);
         const Descriptor graph = calls.Graph({calls.Forward(kSame, p.x, p.w, p.y)});
         EXPECT_EQ(calls.status(), kSuccess);
         Descriptor operation = calls.Make(DescriptorType::kConvolutionForward);
         calls.Get(graph, Attribute::kGraphOperations, AttributeType::kDescriptor, 1, &operation);
       }},
      // Engines refuse these, or read what nobody wrote.
      {"a virtual tensor without a producer", kBadParam,
       [=](BackendCalls& calls) {
         const Parts p(calls);
         calls.Graph({calls.Pointwise(add, p.products, p.bias, p.y)});
       },
       kSuccess},
      {"no result in memory", kBadParam,
       [=](BackendCalls& calls) {
         const Parts p(calls);
         calls.Graph({calls.Forward(kSame, p.x, p.w, p.products)});
       },
       kSuccess},
      {"one id of two tensors", kBadParam,
       [=](BackendCalls& calls) {
         const Parts p(calls);
         const Descriptor other = calls.Tensor({1, kBias, {64, 1, 64, 64}, kHalf});
         calls.Graph({calls.Forward(kSame, p.x, p.w, p.products), calls.Pointwise(add, p.products, other, p.y)});
       },
       kSuccess},
      {"a pack", kSuccess, [](BackendCalls& calls) { calls.Pack({1, 2}, {&calls, &calls}, nullptr); }},
      {"a pack of nothing", kSuccess,
       [](BackendCalls& calls) { calls.Finalize(calls.Make(DescriptorType::kVariantPack)); }},
      {"a pack of fewer addresses than ids", kBadParam,
       [](BackendCalls& calls) { calls.Pack({1, 2}, {&calls}, nullptr); }},
      {"a pack with two workspaces", kBadParam,
       [](BackendCalls& calls) {
         calls.Set(calls.Make(DescriptorType::kVariantPack), Attribute::kPackWorkspace, AttributeType::kVoidPointer,
                   std::vector<void*>(2));
       }},
      {"a pack with ids in f32", kNotSupported,
       [](BackendCalls& calls) {
         calls.SetOne(calls.Make(DescriptorType::kVariantPack), Attribute::kPackUniqueIds, AttributeType::kFloat, 1.0f);
       }},
      {"a pack with an id twice", kBadParam, [](BackendCalls& calls) { calls.Pack({1, 1}, {&calls, &calls}, nullptr); },
       kSuccess},
  };
}

// Up to plans, for a device that is not there.
std::vector<Case> EngineCases() {
  auto plans = [](int type, HeuristicsMode mode) {
    return [=](BackendCalls& calls) {
      const Parts p(calls, type);
      const Descriptor device = calls.DeviceProperties(AbsentH200());
      const Descriptor graph = calls.Graph({calls.Forward(kSame, p.x, p.w, p.y)});
      int plans = 0;
      for (Descriptor configuration : calls.Configurations(calls.Heuristics(graph, mode, device))) {
        // Some configurations are not finalized (9.26 crashes where a plan is made of one), some plans cannot be made.
        BackendCalls attempt(calls.api());
        Descriptor engine = attempt.Make(DescriptorType::kEngine);
        attempt.Get(configuration, Attribute::kEngineConfigEngine, AttributeType::kDescriptor, 1, &engine);
        if (attempt.status() != kSuccess) continue;
        const Descriptor plan = attempt.Plan(configuration, nullptr, device);
        if (attempt.status() != kSuccess) continue;
        ++plans;
        const int64_t stated = calls.Int64(configuration, Attribute::kEngineConfigWorkspaceSize);
        EXPECT_EQ(attempt.Int64(plan, Attribute::kPlanWorkspaceSize), stated);
        std::vector<int> notes(static_cast<size_t>(backend::NumericalNote::kCount));
        calls.Get(engine, Attribute::kEngineNumericalNotes, AttributeType::kNumericalNote,
                  static_cast<int64_t>(notes.size()), notes.data());
        EXPECT_GE(calls.Int64(engine, Attribute::kEngineGlobalIndex), 0);
      }
      EXPECT_GT(plans, 0);
    };
  };
  std::vector<Case> cases;
  for (int type : {int{kFloat}, int{kHalf}, int{kBfloat16}}) {
    for (HeuristicsMode mode : {HeuristicsMode::kA, HeuristicsMode::kFallback}) {
      cases.push_back({"plans of a convolution", kSuccess, plans(type, mode)});
    }
  }
  auto none = [](int type, PointwiseMode mode) {
    return [=](BackendCalls& calls) {
      const Parts p(calls, type);
      const Descriptor device = calls.DeviceProperties(AbsentH200());
      const Descriptor first = calls.Tensor({1, {2, 64, 16, 16}, {}, type}),
                       y = calls.Tensor({3, {2, 64, 16, 16}, {}, type}),
                       products = calls.Tensor({10, {2, 64, 16, 16}, {}, kFloat, true});
      const Descriptor graph =
          calls.Graph({calls.Forward(kSame, first, p.w, products), calls.Pointwise(mode, products, nullptr, y)});
      for (HeuristicsMode heuristics : {HeuristicsMode::kA, HeuristicsMode::kFallback}) {
        for (Descriptor configuration : calls.Configurations(calls.Heuristics(graph, heuristics, device))) {
          Descriptor engine = calls.Make(DescriptorType::kEngine);
          int64_t count = 0;
          const int status = calls.api().BackendGetAttribute(configuration, Attribute::kEngineConfigEngine,
                                                             AttributeType::kDescriptor, 1, &count, &engine);
          EXPECT_EQ(status, kNotInitialized);  // not finalized
        }
      }
    };
  };
  cases.push_back({"no plan of a convolution of f64", kSuccess, none(kDouble, PointwiseMode::kReluForward)});
  cases.push_back({"no plan of a function on channels first", kSuccess, none(kHalf, PointwiseMode::kSwishForward)});
  cases.push_back({"properties of no device", kBadParam, [](BackendCalls& calls) { calls.DeviceProperties("{}"); }});
  cases.push_back({"heuristics of nothing", kBadParam, [](BackendCalls& calls) {
                     const Descriptor heuristics = calls.Make(DescriptorType::kEngineHeuristics);
                     calls.SetOne(heuristics, Attribute::kHeuristicsMode, AttributeType::kHeuristicsMode,
                                  HeuristicsMode::kA);
                     calls.Finalize(heuristics);
                   }});
  cases.push_back({"heuristics of a graph that is not finalized", kBadParam, [](BackendCalls& calls) {
                     calls.Heuristics(calls.Make(DescriptorType::kOperationGraph), HeuristicsMode::kA,
                                      calls.DeviceProperties(AbsentH200()));
                   }});
  cases.push_back({"results of heuristics that are not finalized", kNotInitialized,
                   [](BackendCalls& calls) { calls.Configurations(calls.Make(DescriptorType::kEngineHeuristics)); }});
  cases.push_back({"an engine that is not there", kNotSupported, [](BackendCalls& calls) {
                     const Parts p(calls);
                     const Descriptor engine = calls.Make(DescriptorType::kEngine);
                     calls.SetPart(engine, Attribute::kEngineOperationGraph,
                                   calls.Graph({calls.Forward(kSame, p.x, p.w, p.y)}));
                     calls.SetPart(engine, Attribute::kEngineDeviceProperties, calls.DeviceProperties(AbsentH200()));
                     calls.SetOne(engine, Attribute::kEngineGlobalIndex, AttributeType::kInt64, int64_t{99999});
                     calls.Finalize(engine);
                   }});
  return cases;
}

TEST(BackendAgreementTest, GraphsAndPacks) { ExpectAgreement(GraphCases()); }
TEST(BackendAgreementTest, EnginesAndPlans) { ExpectAgreement(EngineCases()); }

}  // namespace
}  // namespace plimsoll::runtime::cudnn
