// Operations of the emulated graph interface: what their descriptors say, checked.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/library/cudnn/backend.h"
#include "runtime/library/cudnn/testing/emulated_descriptor.h"

namespace plimsoll::runtime::cudnn::emulated {

using Dims = std::vector<int64_t>;

int64_t Count(const Dims& dims);

struct Tensor : Content {
  int64_t id = 0;
  int type = kFloat;
  Dims dims, strides;
  int64_t alignment = 1;
  bool is_virtual = false, is_by_value = false;

  bool IsInMemory() const { return !is_virtual && !is_by_value; }
  // Elements from the first to the last.
  int64_t Span() const;
  // Strides and dims of more than 1, from the innermost on: tensors that are alike in them lie in the same places.
  std::vector<std::pair<int64_t, int64_t>> Places() const;
  // Whether no element lies between its elements, in whichever order they lie.
  bool IsDense() const;
  // Whether the second dim lies closest, as convolutions' fused engines want it.
  bool IsChannelsLast() const;
  bool operator==(const Tensor& other) const;
};

// Bytes of an element: of f32, f16, bf16, f64, i32 and booleans; else 0.
int64_t ElementBytes(int type);

struct ConvolutionParameters : Content {
  int64_t spatial = 0;
  int compute_type = kFloat;
  Dims pads_begin, pads_end, strides, dilations;
};

struct PointwiseParameters : Content {
  backend::PointwiseMode mode = {};
  double lower_clip = 0, upper_clip = std::numeric_limits<double>::infinity(), slope = 0, swish_beta = 1;
  int64_t axis = -1;
};

struct MatmulParameters : Content {};

struct ReductionParameters : Content {
  backend::ReductionOperator function = {};
};

// y of x, b and t. A convolution's b is its weights, or dy where y is the gradient by the weights; x is dy where y is
// the gradient by the data.
struct Operation : Content {
  backend::DescriptorType kind = {};
  Tensor x, y;
  std::optional<Tensor> b, t;
  double alpha = 1, beta = 0;
  ConvolutionParameters convolution;
  PointwiseParameters pointwise;
  ReductionParameters reduction;

  bool IsConvolution() const;
  std::vector<const Tensor*> Inputs() const;
  std::string Name() const;
};

// Content of a descriptor when it is finalized, from its attributes, which are all there: kBadParam for dims, numbers
// or parts that are none or do not fit together, kNotSupported for what cuDNN may have and the emulation has not.
// `object`'s kind is that of a tensor, of parameters or of an operation.
Outcome MakeContent(Object& object);

// Whether y's shape follows from its inputs (and the reverse, for gradients).
Outcome CheckShapes(const Operation& operation);

}  // namespace plimsoll::runtime::cudnn::emulated
