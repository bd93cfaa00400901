// The arithmetic of shapes of emulated operations.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/library/cudnn/testing/emulated_operation.h"

namespace plimsoll::runtime::cudnn::emulated {
namespace {

using backend::DescriptorType;
using backend::PointwiseMode;

std::string Shape(const Tensor& tensor) { return absl::StrCat("[", absl::StrJoin(tensor.dims, ","), "]"); }

Outcome Mismatch(const Operation& operation) {
  std::string shapes;
  for (const Tensor* tensor : operation.Inputs()) absl::StrAppend(&shapes, Shape(*tensor), " ");
  return Bad(absl::StrCat(operation.Name(), ": ", shapes, "do not give ", Shape(operation.y)));
}

// y = x * w, whichever of the three is computed.
Outcome CheckConvolution(const Operation& operation) {
  const ConvolutionParameters& convolution = operation.convolution;
  const bool is_data = operation.kind == DescriptorType::kConvolutionBackwardData;
  const bool is_filter = operation.kind == DescriptorType::kConvolutionBackwardFilter;
  const Dims& x = (is_data ? operation.y : operation.x).dims;
  const Dims& w = (is_filter ? operation.y : *operation.b).dims;
  const Dims& y = (is_data ? operation.x : is_filter ? *operation.b : operation.y).dims;
  for (const Tensor* tensor : {&operation.x, &*operation.b, &operation.y}) {
    if (tensor->is_by_value) return Bad("a convolution of a tensor by value");
  }
  if (operation.beta != 0 && operation.y.is_virtual) return Bad("a convolution added to a virtual tensor");
  const size_t rank = static_cast<size_t>(convolution.spatial) + 2;
  if (x.size() != rank || w.size() != rank || y.size() != rank) return Mismatch(operation);
  if (x[0] != y[0] || y[1] != w[0] || x[1] % w[1] != 0 || w[0] % (x[1] / w[1]) != 0) return Mismatch(operation);
  for (size_t i = 2; i < rank; ++i) {
    const int64_t range = (w[i] - 1) * convolution.dilations[i - 2] + 1;
    const int64_t free = x[i] + convolution.pads_begin[i - 2] + convolution.pads_end[i - 2] - range;
    if (free < 0 || y[i] != free / convolution.strides[i - 2] + 1) return Mismatch(operation);
  }
  return {};
}

// The last two dims are multiplied. Of the others, those of one operand may be a fraction of the other's, as where
// heads share keys.
Outcome CheckMatmul(const Operation& operation) {
  const Dims &a = operation.x.dims, &b = operation.b->dims, &c = operation.y.dims;
  const size_t rank = c.size();
  if (a.size() != rank || b.size() != rank) return Unsupported("a product of tensors of different ranks");
  if (rank < 2 || a[rank - 2] != c[rank - 2] || b[rank - 1] != c[rank - 1] || a[rank - 1] != b[rank - 2]) {
    return Mismatch(operation);
  }
  for (size_t i = 0; i + 2 < rank; ++i) {
    if ((a[i] % b[i] != 0 && b[i] % a[i] != 0) || c[i] != std::max(a[i], b[i])) return Mismatch(operation);
  }
  return {};
}

int OperandsOf(PointwiseMode mode) {
  switch (mode) {
    case PointwiseMode::kAdd:
    case PointwiseMode::kMul:
    case PointwiseMode::kMin:
    case PointwiseMode::kMax:
    case PointwiseMode::kDiv:
    case PointwiseMode::kSub:
    case PointwiseMode::kCompareGreaterEqual:
      return 2;
    case PointwiseMode::kSelect:
      return 3;
    default:
      return 1;
  }
}

// Dims of 1 are broadcast.
Outcome CheckPointwise(const Operation& operation) {
  const PointwiseMode mode = operation.pointwise.mode;
  if (operation.b.has_value() != (OperandsOf(mode) >= 2) || operation.t.has_value() != (OperandsOf(mode) == 3)) {
    return Bad(absl::StrCat(operation.Name(), ": takes ", OperandsOf(mode), " operands"));
  }
  const size_t rank = operation.y.dims.size();
  for (const Tensor* tensor : operation.Inputs()) {
    if (tensor->dims.size() != rank) return Mismatch(operation);
  }
  for (size_t i = 0; i < rank; ++i) {
    int64_t largest = 1;
    for (const Tensor* tensor : operation.Inputs()) {
      largest = std::max(largest, tensor->dims[i]);
      if (tensor->dims[i] != 1 && tensor->dims[i] != operation.y.dims[i]) return Mismatch(operation);
    }
    if (largest != operation.y.dims[i]) return Mismatch(operation);
  }
  if (mode == PointwiseMode::kGenIndex &&
      (operation.pointwise.axis < 0 || operation.pointwise.axis >= static_cast<int64_t>(rank))) {
    return Bad("an index along a dim that is not there");
  }
  if (mode == PointwiseMode::kSelect && operation.t->type != kBoolean) return Bad("a select by no booleans");
  return {};
}

}  // namespace

Outcome CheckShapes(const Operation& operation) {
  if (operation.y.is_by_value) return Bad("a result by value");
  switch (operation.kind) {
    case DescriptorType::kMatmulOperation:
      return CheckMatmul(operation);
    case DescriptorType::kPointwiseOperation:
      return CheckPointwise(operation);
    case DescriptorType::kReductionOperation: {
      // Each element of y takes as many neighbours of x as go into it: all of a dim where y has 1.
      const Dims &x = operation.x.dims, &y = operation.y.dims;
      if (x.size() != y.size()) return Mismatch(operation);
      for (size_t i = 0; i < x.size(); ++i) {
        if (x[i] % y[i] != 0) return Mismatch(operation);
      }
      return {};
    }
    case DescriptorType::kReshapeOperation:
      if (Count(operation.x.dims) != Count(operation.y.dims)) return Mismatch(operation);
      if (operation.x.IsDense() && operation.y.IsDense()) return {};
      return operation.x.Places() == operation.y.Places() ? Outcome() : Unsupported("a reshape to other places");
    default:
      return CheckConvolution(operation);
  }
}

}  // namespace plimsoll::runtime::cudnn::emulated
