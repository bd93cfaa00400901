#include "runtime/library/cudnn/testing/graph_interpreter.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <utility>

#include "runtime/library/cudnn/testing/convolution_sums.h"
#include "runtime/library/cudnn/testing/pointwise_functions.h"
#include "runtime/library/nvidia/testing/emulation.h"

namespace plimsoll::runtime::cudnn::emulated {
namespace {

using backend::DescriptorType;
using backend::ReductionOperator;
using Values = std::vector<double>;  // in row-major order of a tensor's dims

plan::DataType PlanType(int type) {
  return type == kHalf ? plan::F16 : type == kBfloat16 ? plan::BF16 : type == kDouble ? plan::F64 : plan::F32;
}

// As the type holds it.
double RoundTo(int type, double value) {
  if (type == kBoolean) return value != 0 ? 1 : 0;
  if (type == kInt32) return std::trunc(value);
  double bytes = 0;
  nvidia::StoreElement(PlanType(type), &bytes, 0, value);
  return nvidia::LoadElement(PlanType(type), &bytes, 0);
}

// Calls visit(offsets) for every index of `dims` in row-major order; offsets[i] is the sum of indices times strides[i].
template <typename Visit>
void ForEach(const Dims& dims, const std::vector<Dims>& strides, Visit visit) {
  const int rank = static_cast<int>(dims.size());
  Dims at(dims.size(), 0), offsets(strides.size(), 0);
  for (int64_t left = Count(dims); left > 0; --left) {
    visit(offsets);
    for (int i = rank - 1; i >= 0; --i) {
      const bool wraps = ++at[i] == dims[i];
      const int64_t steps = wraps ? 1 - dims[i] : 1;
      for (size_t j = 0; j < strides.size(); ++j) offsets[j] += steps * strides[j][i];
      if (!wraps) break;
      at[i] = 0;
    }
  }
}

Dims RowMajor(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (size_t i = dims.size() - 1; i-- > 0;) strides[i] = strides[i + 1] * dims[i + 1];
  return strides;
}

// Of a tensor whose dims of 1 are broadcast.
Dims BroadcastStrides(const Dims& dims) {
  Dims strides = RowMajor(dims);
  for (size_t i = 0; i < dims.size(); ++i) strides[i] = dims[i] == 1 ? 0 : strides[i];
  return strides;
}

Values Load(const Tensor& tensor, const void* memory) {
  Values values;
  values.reserve(Count(tensor.dims));
  ForEach(tensor.dims, {tensor.strides},
          [&](const Dims& at) { values.push_back(nvidia::LoadElement(PlanType(tensor.type), memory, at[0])); });
  return values;
}

void Store(const Tensor& tensor, const Values& values, void* memory) {
  int64_t next = 0;
  ForEach(tensor.dims, {tensor.strides},
          [&](const Dims& at) { nvidia::StoreElement(PlanType(tensor.type), memory, at[0], values[next++]); });
}

// Heads that share keys: index h of the larger dim takes h / (larger / smaller) of the smaller one.
Values Product(const Operation& operation, const Values& a, const Values& b) {
  const Dims &a_dims = operation.x.dims, &b_dims = operation.b->dims, &c_dims = operation.y.dims;
  const size_t rank = c_dims.size();
  const int64_t rows = c_dims[rank - 2], columns = c_dims[rank - 1], inner = a_dims[rank - 1];
  Values c(Count(c_dims), 0.0);
  const int64_t batches = Count(c_dims) / (rows * columns);
  for (int64_t batch = 0; batch < batches; ++batch) {
    int64_t of_a = 0, of_b = 0, left = batch, a_step = 1, b_step = 1;
    for (size_t i = rank - 2; i-- > 0;) {
      const int64_t index = left % c_dims[i];
      left /= c_dims[i];
      of_a += index / (c_dims[i] / a_dims[i]) * a_step;
      of_b += index / (c_dims[i] / b_dims[i]) * b_step;
      a_step *= a_dims[i];
      b_step *= b_dims[i];
    }
    for (int64_t i = 0; i < rows; ++i) {
      double* row = c.data() + (batch * rows + i) * columns;
      for (int64_t k = 0; k < inner; ++k) {
        const double left_factor = a[(of_a * rows + i) * inner + k];
        const double* right = b.data() + (of_b * inner + k) * columns;
        for (int64_t j = 0; j < columns; ++j) row[j] += left_factor * right[j];
      }
    }
  }
  return c;
}

Values Pointwise(const Operation& operation, const std::vector<const Values*>& inputs) {
  std::vector<Dims> strides;
  for (const Tensor* input : operation.Inputs()) strides.push_back(BroadcastStrides(input->dims));
  Dims along(operation.y.dims.size(), 0);  // the index along the axis
  if (operation.pointwise.axis >= 0) along[operation.pointwise.axis] = 1;
  strides.push_back(along);
  Values values;
  values.reserve(Count(operation.y.dims));
  ForEach(operation.y.dims, strides, [&](const Dims& at) {
    auto of = [&](size_t i) { return i < inputs.size() ? (*inputs[i])[at[i]] : 0.0; };
    values.push_back(PointwiseValue(operation.pointwise, of(0), of(1), of(2), at.back()));
  });
  return values;
}

Values Reduction(const Operation& operation, const Values& x) {
  const bool is_sum = operation.reduction.function == ReductionOperator::kAdd;
  const Dims &from = operation.x.dims, &to = operation.y.dims;
  Values values(Count(to), is_sum ? 0.0 : -std::numeric_limits<double>::infinity());
  const Dims to_strides = RowMajor(to);
  for (int64_t i = 0; i < static_cast<int64_t>(x.size()); ++i) {
    int64_t left = i, into = 0;
    for (size_t d = from.size(); d-- > 0; left /= from[d]) into += left % from[d] / (from[d] / to[d]) * to_strides[d];
    // A maximum is not a number where an element is none.
    values[into] = is_sum ? values[into] + x[i] : std::isnan(x[i]) || x[i] > values[into] ? x[i] : values[into];
  }
  return values;
}

// The same bytes by other dims and strides: y's element is x's that lies at the same place.
Values Reshape(const Operation& operation, const Values& x) {
  Values memory(operation.x.Span()), values;
  int64_t next = 0;
  ForEach(operation.x.dims, {operation.x.strides}, [&](const Dims& at) { memory[at[0]] = x[next++]; });
  values.reserve(x.size());
  ForEach(operation.y.dims, {operation.y.strides}, [&](const Dims& at) { values.push_back(memory[at[0]]); });
  return values;
}

// A product's f32 operand as the engine takes it.
Values Rounded(const Tensor& tensor, Values values, EmulatedEngine::Rounding rounding) {
  if (tensor.type != kFloat || rounding == EmulatedEngine::Rounding::kNone) return values;
  for (double& value : values) {
    value = rounding == EmulatedEngine::Rounding::kTf32 ? nvidia::RoundToTf32(value) : RoundTo(kBfloat16, value);
  }
  return values;
}

}  // namespace

double LoadByValue(const Tensor& tensor, const void* address) {
  if (tensor.type == kInt32) {
    int32_t value;
    std::memcpy(&value, address, sizeof(value));
    return value;
  }
  return nvidia::LoadElement(PlanType(tensor.type), address, 0);
}

void Run::Execute() const {
  std::mt19937_64 noise(static_cast<uint64_t>(number));
  for (int64_t i = 0; i < workspace_bytes; ++i) static_cast<unsigned char*>(workspace)[i] = noise() & 0xff;
  std::map<int64_t, Values> known;
  for (const auto& [id, value] : by_value) known[id] = {value};
  auto values_of = [&](const Tensor& tensor) -> const Values& {
    const auto [found, is_new] = known.try_emplace(tensor.id);
    if (is_new) found->second = Load(tensor, memory.at(tensor.id));
    return found->second;
  };
  for (const Operation& operation : graph->operations) {
    std::vector<const Values*> inputs;
    for (const Tensor* input : operation.Inputs()) inputs.push_back(&values_of(*input));
    Values result;
    const bool is_product = operation.IsConvolution() || operation.kind == DescriptorType::kMatmulOperation;
    if (is_product) {
      const Values first = Rounded(operation.x, *inputs[0], engine.rounding),
                   second = Rounded(*operation.b, *inputs[1], engine.rounding);
      result =
          operation.IsConvolution() ? ConvolutionSums(operation, first, second) : Product(operation, first, second);
    } else if (operation.kind == DescriptorType::kPointwiseOperation) {
      result = Pointwise(operation, inputs);
    } else if (operation.kind == DescriptorType::kReductionOperation) {
      result = Reduction(operation, *inputs[0]);
    } else {
      result = Reshape(operation, *inputs[0]);
    }
    const Tensor& y = operation.y;
    if (operation.alpha != 1 || operation.beta != 0) {
      const Values former = operation.beta != 0 ? Load(y, memory.at(y.id)) : Values(result.size(), 0.0);
      for (size_t i = 0; i < result.size(); ++i) result[i] = operation.alpha * result[i] + operation.beta * former[i];
    }
    for (double& value : result) {
      if (is_product && engine.is_random) value += std::ldexp(value, -20) * static_cast<double>(noise() % 9);
      value = RoundTo(y.type, static_cast<float>(value));
    }
    if (y.IsInMemory()) Store(y, result, memory.at(y.id));
    known[y.id] = std::move(result);
  }
}

}  // namespace plimsoll::runtime::cudnn::emulated
