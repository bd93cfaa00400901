#include "runtime/library/cudnn/descriptors.h"

namespace plimsoll::runtime::cudnn {

DataType TypeOf(plan::DataType type) { return type == plan::F16 ? kHalf : type == plan::BF16 ? kBfloat16 : kFloat; }

Descriptors::~Descriptors() {
  for (TensorDescriptor tensor : {x_, y_, bias_}) {
    if (tensor != nullptr) api_.DestroyTensorDescriptor(tensor);
  }
  if (weights_ != nullptr) api_.DestroyFilterDescriptor(weights_);
  if (convolution_ != nullptr) api_.DestroyConvolutionDescriptor(convolution_);
  if (activation_ != nullptr) api_.DestroyActivationDescriptor(activation_);
}

absl::Status Descriptors::MakeTensor(const Layer& layer, const std::vector<int>& dims, const std::vector<int>& strides,
                                     TensorDescriptor& tensor) {
  absl::Status status = ToStatus(api_, api_.CreateTensorDescriptor(&tensor), "cudnnCreateTensorDescriptor");
  if (!status.ok()) return status;
  return ToStatus(api_,
                  api_.SetTensorNdDescriptor(tensor, TypeOf(layer.dtype), static_cast<int>(dims.size()), dims.data(),
                                             strides.data()),
                  "cudnnSetTensorNdDescriptor");
}

absl::Status Descriptors::SetMathType(int math_type) {
  return ToStatus(api_, api_.SetConvolutionMathType(convolution_, math_type), "cudnnSetConvolutionMathType");
}

absl::Status Descriptors::Make(const Layer& layer) {
  const int rank = static_cast<int>(layer.x.dims.size());
  absl::Status status = MakeTensor(layer, layer.x.dims, layer.x.strides, x_);
  if (status.ok()) status = MakeTensor(layer, layer.y.dims, layer.y.strides, y_);
  if (status.ok() && layer.bias_operand >= 0) {
    std::vector<int> dims(rank, 1), strides(rank, 1);
    dims[1] = strides[0] = layer.destination().dims[1];
    status = MakeTensor(layer, dims, strides, bias_);
  }
  if (status.ok()) status = ToStatus(api_, api_.CreateFilterDescriptor(&weights_), "cudnnCreateFilterDescriptor");
  if (status.ok()) {
    status = ToStatus(
        api_,
        api_.SetFilterNdDescriptor(weights_, TypeOf(layer.dtype), layer.channels_last ? kChannelsLast : kChannelsFirst,
                                   rank, layer.weights_dims.data()),
        "cudnnSetFilterNdDescriptor");
  }
  if (status.ok()) {
    status = ToStatus(api_, api_.CreateConvolutionDescriptor(&convolution_), "cudnnCreateConvolutionDescriptor");
  }
  if (status.ok()) {
    status = ToStatus(api_,
                      api_.SetConvolutionNdDescriptor(convolution_, rank - 2, layer.pads.data(), layer.strides.data(),
                                                      layer.dilations.data(), kCrossCorrelation, kFloat),
                      "cudnnSetConvolutionNdDescriptor");
  }
  if (status.ok()) {
    status = ToStatus(api_, api_.SetConvolutionGroupCount(convolution_, layer.groups), "cudnnSetConvolutionGroupCount");
  }
  // Default math rounds f32 to TF32.
  const int math = layer.dtype != plan::F32 ? kTensorOpMath : layer.tf32 ? kDefaultMath : kFmaMath;
  if (status.ok()) status = SetMathType(math);
  if (!status.ok() || !layer.is_fused()) return status;
  status = ToStatus(api_, api_.CreateActivationDescriptor(&activation_), "cudnnCreateActivationDescriptor");
  if (!status.ok()) return status;
  return ToStatus(api_,
                  api_.SetActivationDescriptor(activation_, layer.has_relu ? kRelu : kIdentity, kNotPropagateNan, 0),
                  "cudnnSetActivationDescriptor");
}

}  // namespace plimsoll::runtime::cudnn
