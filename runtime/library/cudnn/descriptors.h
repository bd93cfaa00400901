// A layer as the library holds it.
#pragma once

#include "absl/status/status.h"
#include "runtime/library/cudnn/api.h"
#include "runtime/library/cudnn/layer.h"

namespace plimsoll::runtime::cudnn {

DataType TypeOf(plan::DataType type);

// Owns the library's descriptors; those that the layer has no use for are null.
class Descriptors {
 public:
  explicit Descriptors(const Api& api) : api_(api) {}
  Descriptors(const Descriptors&) = delete;
  ~Descriptors();

  absl::Status Make(const Layer& layer);
  absl::Status SetMathType(int math_type);

  TensorDescriptor x() const { return x_; }
  TensorDescriptor y() const { return y_; }
  TensorDescriptor bias() const { return bias_; }
  FilterDescriptor weights() const { return weights_; }
  ConvolutionDescriptor convolution() const { return convolution_; }
  ActivationDescriptor activation() const { return activation_; }

 private:
  absl::Status MakeTensor(const Layer& layer, const std::vector<int>& dims, const std::vector<int>& strides,
                          TensorDescriptor& tensor);

  const Api& api_;
  TensorDescriptor x_ = nullptr, y_ = nullptr, bias_ = nullptr;
  FilterDescriptor weights_ = nullptr;
  ConvolutionDescriptor convolution_ = nullptr;
  ActivationDescriptor activation_ = nullptr;
};

}  // namespace plimsoll::runtime::cudnn
