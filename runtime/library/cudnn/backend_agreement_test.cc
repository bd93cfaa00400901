// Tensors, parameters and operations of the emulated graph interface against cuDNN's own.
#include <functional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/cudnn/testing/agreement.h"

namespace plimsoll::runtime::cudnn {
namespace {

using backend::Attribute;
using backend::AttributeType;
using backend::Descriptor;
using backend::DescriptorType;
using backend::PointwiseMode;
using backend::ReductionOperator;
using Dims = std::vector<int64_t>;
using Case = AgreementCase;

constexpr int kDouble = 1, kBoolean = 11;

// Sets the good attributes of a tensor, those of `instead` in their place or, without elements, left out.
struct Numbers {
  Attribute attribute;
  Dims elements;
};
void RawTensor(BackendCalls& calls, const Numbers& instead) {
  const Descriptor tensor = calls.Make(DescriptorType::kTensor);
  auto numbers = [&](Attribute attribute, const Dims& good) {
    const Dims& elements = attribute == instead.attribute ? instead.elements : good;
    if (!elements.empty()) calls.Set(tensor, attribute, AttributeType::kInt64, elements);
  };
  if (instead.attribute != Attribute::kTensorDataType || !instead.elements.empty()) {
    const int64_t type = instead.attribute == Attribute::kTensorDataType ? instead.elements[0] : kFloat;
    calls.SetOne(tensor, Attribute::kTensorDataType, AttributeType::kDataType, static_cast<int>(type));
  }
  numbers(Attribute::kTensorDimensions, {2, 3});
  numbers(Attribute::kTensorStrides, {3, 1});
  numbers(Attribute::kTensorUniqueId, {1});
  numbers(Attribute::kTensorByteAlignment, {16});
  calls.Finalize(tensor);
}

std::vector<Case> TensorCases() {
  auto with = [](Attribute attribute, Dims elements) {
    return [=](BackendCalls& calls) { RawTensor(calls, {attribute, elements}); };
  };
  const Dims nine(9, 1), eight(8, 1);
  return {
      {"a tensor", kSuccess, with(Attribute::kTensorUniqueId, {7})},
      {"of f64", kSuccess, with(Attribute::kTensorDataType, {kDouble})},
      {"of booleans", kSuccess, with(Attribute::kTensorDataType, {kBoolean})},
      {"a stride of 0", kSuccess, with(Attribute::kTensorStrides, {0, 1})},
      {"strides that overlap", kSuccess, with(Attribute::kTensorStrides, {1, 1})},
      {"of 8 dims", kSuccess, [=](BackendCalls& calls) { calls.Tensor({1, eight}); }},
      {"of 9 dims", kBadParam, [=](BackendCalls& calls) { calls.Tensor({1, nine}); }},
      {"without dims", kBadParam, with(Attribute::kTensorDimensions, {})},
      {"without strides", kBadParam, with(Attribute::kTensorStrides, {})},
      {"fewer strides than dims", kBadParam, with(Attribute::kTensorStrides, {1})},
      {"a stride below 0", kBadParam, with(Attribute::kTensorStrides, {-3, 1})},
      {"without an alignment", kBadParam, with(Attribute::kTensorByteAlignment, {})},
      {"at multiples of 3 bytes", kBadParam, with(Attribute::kTensorByteAlignment, {3})},
      {"two ids", kBadParam, with(Attribute::kTensorUniqueId, {1, 2})},
      {"no type: the library takes f32", kBadParam, with(Attribute::kTensorDataType, {}), kSuccess},
      {"no id: the library takes 0", kBadParam, with(Attribute::kTensorUniqueId, {}), kSuccess},
      {"a dim of 0", kBadParam, with(Attribute::kTensorDimensions, {0, 3}), kSuccess},
      {"of a type that is not emulated", kNotSupported, with(Attribute::kTensorDataType, {10}), kSuccess},
      {"virtual and by value", kBadParam,
       [](BackendCalls& calls) { calls.Tensor({1, {1, 1}, {}, kFloat, true, true}); }, kSuccess},
      {"by value, of 6 elements", kBadParam,
       [](BackendCalls& calls) { calls.Tensor({1, {2, 3}, {}, kFloat, false, true}); }},
      {"finalized twice", kBadParam, [](BackendCalls& calls) { calls.Finalize(calls.Tensor({1, {2}})); }},
      {"set after it was finalized", kBadParam,
       [](BackendCalls& calls) {
         calls.SetOne(calls.Tensor({1, {2}}), Attribute::kTensorUniqueId, AttributeType::kInt64, int64_t{1});
       }},
      {"a pack's attribute", kBadParam,
       [](BackendCalls& calls) {
         calls.SetOne(calls.Make(DescriptorType::kTensor), Attribute::kPackUniqueIds, AttributeType::kInt64,
                      int64_t{1});
       }},
      {"dims in f32", kBadParam,
       [](BackendCalls& calls) {
         calls.SetOne(calls.Make(DescriptorType::kTensor), Attribute::kTensorDimensions, AttributeType::kFloat, 1.0f);
       }},
      {"asked before it is finalized", kNotInitialized,
       [](BackendCalls& calls) { calls.Int64(calls.Make(DescriptorType::kTensor), Attribute::kTensorUniqueId); }},
      {"asked for its id", kSuccess,
       [](BackendCalls& calls) { EXPECT_EQ(calls.Int64(calls.Tensor({5, {2}}), Attribute::kTensorUniqueId), 5); }},
      {"asked for a pack's attribute", kBadParam,
       [](BackendCalls& calls) { calls.Int64(calls.Tensor({5, {2}}), Attribute::kPackUniqueIds); }},
      {"asked for its type as an integer", kBadParam,
       [](BackendCalls& calls) { calls.Int64(calls.Tensor({5, {2}}), Attribute::kTensorDataType); }},
      {"a kind of descriptor that is none", kInternalError,
       [](BackendCalls& calls) { calls.Make(static_cast<DescriptorType>(999)); }},
  };
}

const ConvolutionSpec kPlain = {{0, 0}, {0, 0}, {1, 1}, {1, 1}};

// A forward convolution of tensors of these dims, f32, row-major.
std::function<void(BackendCalls&)> Forward(Dims x, Dims w, Dims y, ConvolutionSpec spec = kPlain) {
  return [=](BackendCalls& calls) {
    calls.Forward(spec, calls.Tensor({1, x}), calls.Tensor({2, w}), calls.Tensor({3, y}));
  };
}
std::function<void(BackendCalls&)> Gradients(Dims x, Dims w, Dims y, bool by_data) {
  return [=](BackendCalls& calls) {
    const Descriptor in = calls.Tensor({1, x}), weights = calls.Tensor({2, w}), out = calls.Tensor({3, y});
    if (by_data) {
      calls.BackwardData(kPlain, weights, out, in);
    } else {
      calls.BackwardFilter(kPlain, in, out, weights);
    }
  };
}

std::vector<Case> ConvolutionCases() {
  const Dims x = {2, 8, 10, 10}, w = {4, 8, 3, 3}, y = {2, 4, 8, 8};
  auto parameters = [](ConvolutionSpec spec) { return [=](BackendCalls& calls) { calls.Convolution(spec); }; };
  std::vector<Case> cases = {
      {"a convolution", kSuccess, Forward(x, w, y)},
      {"in groups", kSuccess, Forward(x, {4, 4, 3, 3}, y)},
      {"pads that differ", kSuccess, Forward(x, w, {2, 4, 9, 9}, {{1, 0}, {0, 1}, {1, 1}, {1, 1}})},
      {"strides that leave rows", kSuccess, Forward(x, w, {2, 4, 4, 4}, {{0, 0}, {0, 0}, {2, 2}, {1, 1}})},
      {"dilations", kSuccess, Forward(x, w, {2, 4, 6, 6}, {{0, 0}, {0, 0}, {1, 1}, {2, 2}})},
      {"one spatial dim", kSuccess, Forward({2, 8, 10}, {4, 8, 3}, {2, 4, 8}, {{0}, {0}, {1}, {1}})},
      {"another batch", kBadParam, Forward(x, w, {3, 4, 8, 8})},
      {"other channels of y", kBadParam, Forward(x, w, {2, 5, 8, 8})},
      {"another height of y", kBadParam, Forward(x, w, {2, 4, 7, 8})},
      {"groups of 3 channels of 8", kBadParam, Forward(x, {4, 3, 3, 3}, y)},
      {"5 results in 2 groups", kBadParam, Forward(x, {5, 4, 3, 3}, {2, 5, 8, 8})},
      {"weights of 3 dims", kBadParam, Forward(x, {4, 8, 3}, y)},
      {"spatial dims that tensors do not have", kBadParam,
       Forward(x, w, y, {{0, 0, 0}, {0, 0, 0}, {1, 1, 1}, {1, 1, 1}})},
      {"a pad below 0", kBadParam, parameters({{-1, 0}, {0, 0}, {1, 1}, {1, 1}})},
      {"a stride of 0", kBadParam, parameters({{0, 0}, {0, 0}, {0, 1}, {1, 1}})},
      {"a dilation of 0", kBadParam, parameters({{0, 0}, {0, 0}, {1, 1}, {0, 1}})},
      {"three pads for two dims", kBadParam, parameters({{0, 0, 0}, {0, 0}, {1, 1}, {1, 1}})},
      {"without weights", kBadParam,
       [=](BackendCalls& calls) { calls.Forward(kPlain, calls.Tensor({1, x}), nullptr, calls.Tensor({3, y})); }},
      {"a tensor that is finalized too late", kBadParam,
       [=](BackendCalls& calls) {
         const Descriptor late = calls.Make(DescriptorType::kTensor);
         calls.Forward(kPlain, late, calls.Tensor({2, w}), calls.Tensor({3, y}));
       }},
      {"a source by value", kBadParam,
       [](BackendCalls& calls) {
         const Dims one = {1, 1, 1, 1};
         calls.Forward(kPlain, calls.Tensor({1, one, {}, kFloat, false, true}), calls.Tensor({2, one}),
                       calls.Tensor({3, one}));
       },
       kSuccess},
  };
  for (bool by_data : {true, false}) {
    cases.push_back({"a gradient", kSuccess, Gradients(x, w, y, by_data)});
    cases.push_back({"a gradient in groups", kSuccess, Gradients(x, {4, 4, 3, 3}, y, by_data)});
    cases.push_back({"a gradient of another batch", kBadParam, Gradients(x, w, {3, 4, 8, 8}, by_data)});
    cases.push_back({"a gradient of other channels", kBadParam, Gradients(x, w, {2, 5, 8, 8}, by_data)});
    cases.push_back({"a gradient of another height", kBadParam, Gradients(x, w, {2, 4, 7, 8}, by_data)});
    cases.push_back({"a gradient of groups of 3 of 8", kBadParam, Gradients(x, {4, 3, 3, 3}, y, by_data)});
  }
  return cases;
}

std::function<void(BackendCalls&)> Product(Dims a, Dims b, Dims c) {
  return [=](BackendCalls& calls) { calls.Matmul(calls.Tensor({1, a}), calls.Tensor({2, b}), calls.Tensor({3, c})); };
}
// b and t may be empty; t is of booleans.
std::function<void(BackendCalls&)> Pointwise(PointwiseMode mode, Dims x, Dims b, Dims y, Dims t = {},
                                             int64_t axis = -1) {
  return [=](BackendCalls& calls) {
    calls.Pointwise(mode, calls.Tensor({1, x}), b.empty() ? nullptr : calls.Tensor({2, b}), calls.Tensor({3, y}),
                    t.empty() ? nullptr : calls.Tensor({4, t, {}, kBoolean}), axis);
  };
}
std::function<void(BackendCalls&)> Reduction(Dims x, Dims y, int function = 0) {
  return [=](BackendCalls& calls) {
    calls.Reduce(static_cast<ReductionOperator>(function), calls.Tensor({1, x}), calls.Tensor({2, y}));
  };
}
std::function<void(BackendCalls&)> Reshape(Dims x, Dims y, Dims y_strides = {}) {
  return [=](BackendCalls& calls) { calls.Reshape(calls.Tensor({1, x}), calls.Tensor({2, y, y_strides})); };
}

std::vector<Case> OperationCases() {
  const Dims q = {2, 6, 4, 5}, k = {2, 6, 5, 7}, s = {2, 6, 4, 7};
  const PointwiseMode add = PointwiseMode::kAdd, relu = PointwiseMode::kReluForward, select = PointwiseMode::kSelect;
  return {
      {"a product", kSuccess, Product(q, k, s)},
      {"a product of matrices", kSuccess, Product({4, 5}, {5, 7}, {4, 7})},
      {"a product with one head", kSuccess, Product(q, {2, 1, 5, 7}, s)},
      {"a product with shared heads", kSuccess, Product(q, {2, 3, 5, 7}, s)},
      {"a product with 4 heads of 6", kBadParam, Product(q, {2, 4, 5, 7}, s)},
      {"a product of other inner dims", kBadParam, Product(q, {2, 6, 6, 7}, s)},
      {"a product of other rows", kBadParam, Product(q, k, {2, 6, 3, 7})},
      {"a product of other columns", kBadParam, Product(q, k, {2, 6, 4, 6})},
      {"a product summed over heads", kBadParam, Product(q, k, {2, 1, 4, 7})},
      {"a product copied to heads", kBadParam, Product({1, 1, 4, 5}, {1, 1, 5, 7}, s)},
      {"a product of vectors", kBadParam, Product({5}, {5}, {5})},
      {"a product of ranks that differ", kNotSupported, Product({6, 4, 5}, k, s)},
      {"a product of one operand", kBadParam,
       [=](BackendCalls& calls) { calls.Matmul(nullptr, calls.Tensor({2, k}), calls.Tensor({3, s})); }, kNotSupported},

      {"a sum", kSuccess, Pointwise(add, s, s, s)},
      {"a sum with one element a column", kSuccess, Pointwise(add, s, {1, 1, 1, 7}, s)},
      {"a sum of a row and a column", kSuccess, Pointwise(add, {2, 6, 4, 1}, {1, 1, 1, 7}, s)},
      {"a sum of one operand", kBadParam, Pointwise(add, s, {}, s)},
      {"a sum of ranks that differ", kBadParam, Pointwise(add, {4, 7}, s, s)},
      {"a select", kSuccess, Pointwise(select, s, s, s, s)},
      {"a select by nothing", kBadParam, Pointwise(select, s, s, s)},
      {"an index", kSuccess, Pointwise(PointwiseMode::kGenIndex, s, {}, s, {}, 3)},
      {"an index along no dim", kBadParam, Pointwise(PointwiseMode::kGenIndex, s, {}, s, {}, 7)},
      // Engines refuse these later, or compute something.
      {"a sum of shapes that differ", kBadParam, Pointwise(add, {2, 5, 4, 7}, s, s), kSuccess},
      {"a sum into fewer elements", kBadParam, Pointwise(add, s, s, {1, 6, 4, 7}), kSuccess},
      {"a function into more elements", kBadParam, Pointwise(relu, {2, 5, 4, 7}, {}, s), kSuccess},
      {"a function of two operands", kBadParam, Pointwise(relu, s, s, s), kSuccess},
      {"an index along nothing said", kBadParam, Pointwise(PointwiseMode::kGenIndex, s, {}, s)},
      {"a function that is none", kNotSupported, Pointwise(static_cast<PointwiseMode>(999), s, {}, s), kSuccess},

      {"a sum of rows", kSuccess, Reduction(s, {2, 6, 4, 1})},
      {"a maximum of rows", kSuccess, Reduction(s, {2, 6, 4, 1}, 3)},
      {"a sum over heads that share keys", kSuccess, Reduction(s, {2, 3, 4, 7})},
      {"a sum into more elements", kBadParam, Reduction({2, 6, 4, 1}, s)},
      {"a sum into fewer dims", kBadParam, Reduction(s, {2, 6, 4})},
      {"a reduction that is none", kBadParam, Reduction(s, {2, 6, 4, 1}, 99)},
      {"an average", kNotSupported, Reduction(s, {2, 6, 4, 1}, 5)},

      {"a transposed view", kSuccess, Reshape(s, {2, 6, 7, 4}, {168, 28, 1, 7})},
      {"a reshape", kSuccess, Reshape(s, {12, 28})},
      {"a reshape to more elements", kBadParam, Reshape(s, {12, 29})},
      {"a reshape to other places", kNotSupported, Reshape(s, {12, 28}, {56, 1}), kSuccess},
  };
}

// One element of f32, which none of these is.
std::vector<Case> TypeCases() {
  std::vector<Case> cases;
  for (const auto& [kind, attribute] : std::vector<std::pair<DescriptorType, Attribute>>{
           {DescriptorType::kConvolution, Attribute::kConvolutionSpatialDims},
           {DescriptorType::kConvolution, Attribute::kConvolutionComputeType},
           {DescriptorType::kConvolution, Attribute::kConvolutionMode},
           {DescriptorType::kConvolution, Attribute::kConvolutionDilations},
           {DescriptorType::kPointwise, Attribute::kPointwiseMode},
           {DescriptorType::kPointwise, Attribute::kPointwisePrecision},
           {DescriptorType::kPointwise, Attribute::kPointwiseAxis},
           {DescriptorType::kMatmul, Attribute::kMatmulComputeType},
           {DescriptorType::kReduction, Attribute::kReductionOperator},
           {DescriptorType::kConvolutionForward, Attribute::kForwardX},
           {DescriptorType::kPointwiseOperation, Attribute::kPointwiseOperationPointwise},
           {DescriptorType::kMatmulOperation, Attribute::kMatmulOperationA},
           {DescriptorType::kReductionOperation, Attribute::kReductionOperationX},
           {DescriptorType::kReshapeOperation, Attribute::kReshapeOperationX},
           {DescriptorType::kOperationGraph, Attribute::kGraphOperations},
           {DescriptorType::kEngineHeuristics, Attribute::kHeuristicsOperationGraph},
           {DescriptorType::kEngineHeuristics, Attribute::kHeuristicsMode},
           {DescriptorType::kEngine, Attribute::kEngineOperationGraph},
           {DescriptorType::kEngine, Attribute::kEngineGlobalIndex},
           {DescriptorType::kEngineConfig, Attribute::kEngineConfigEngine},
           {DescriptorType::kExecutionPlan, Attribute::kPlanEngineConfig}}) {
    cases.push_back({"of another type", kBadParam, [kind = kind, attribute = attribute](BackendCalls& calls) {
                       calls.SetOne(calls.Make(kind), attribute, AttributeType::kFloat, 1.0f);
                     }});
    cases.push_back({"of another kind of descriptor", kBadParam, [kind = kind](BackendCalls& calls) {
                       calls.SetOne(calls.Make(kind), Attribute::kTensorByteAlignment, AttributeType::kInt64,
                                    int64_t{16});
                     }});
  }
  return cases;
}

TEST(BackendAgreementTest, AttributesOfOtherTypes) { ExpectAgreement(TypeCases()); }
TEST(BackendAgreementTest, Tensors) { ExpectAgreement(TensorCases()); }
TEST(BackendAgreementTest, Convolutions) { ExpectAgreement(ConvolutionCases()); }
TEST(BackendAgreementTest, Operations) { ExpectAgreement(OperationCases()); }

}  // namespace
}  // namespace plimsoll::runtime::cudnn
