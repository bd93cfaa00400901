#include "runtime/library/cudnn/graph.h"

#include <utility>

#include "runtime/library/nvidia/address.h"

namespace plimsoll::runtime::cudnn {

using backend::Attribute;
using backend::DescriptorType;

DataType TypeOf(plan::DataType type) { return type == plan::F16 ? kHalf : type == plan::BF16 ? kBfloat16 : kFloat; }

Graph::Tensor Graph::Add(DataType type, const Shape& shape, bool is_virtual, bool is_by_value) {
  Descriptor& tensor = tensors_.emplace_back(*api_, DescriptorType::kTensor);
  const int64_t id = static_cast<int64_t>(tensors_.size());
  Keep(tensor.Set(Attribute::kTensorUniqueId, id)
           .Set(Attribute::kTensorDataType, type)
           .Set(Attribute::kTensorDimensions, shape.dims)
           .Set(Attribute::kTensorStrides, shape.strides)
           .Set(Attribute::kTensorByteAlignment, nvidia::kOperandAlignment)
           .Set(Attribute::kTensorIsVirtual, is_virtual)
           .Set(Attribute::kTensorIsByValue, is_by_value)
           .Finalize());
  return {id};
}

Graph::Tensor Graph::Operand(int operand, DataType type, const Shape& shape) {
  return operands_.emplace_back(Add(type, shape, /*is_virtual=*/false, /*is_by_value=*/false), operand).first;
}

Graph::Tensor Graph::Scalar(float value, int rank) {
  const std::vector<int64_t> ones(rank, 1);
  return scalars_.emplace_back(Add(kFloat, {ones, ones}, /*is_virtual=*/false, /*is_by_value=*/true), value).first;
}

Graph::Tensor Graph::Virtual(DataType type, const Shape& shape) {
  return Add(type, shape, /*is_virtual=*/true, /*is_by_value=*/false);
}

Descriptor Graph::MakeConvolution(const ConvolutionGeometry& geometry) {
  Descriptor convolution(*api_, DescriptorType::kConvolution);
  Keep(convolution.Set(Attribute::kConvolutionSpatialDims, static_cast<int64_t>(geometry.strides.size()))
           .Set(Attribute::kConvolutionComputeType, kFloat)
           .Set(Attribute::kConvolutionMode, kCrossCorrelation)
           .Set(Attribute::kConvolutionPrePaddings, geometry.pads_begin)
           .Set(Attribute::kConvolutionPostPaddings, geometry.pads_end)
           .Set(Attribute::kConvolutionStrides, geometry.strides)
           .Set(Attribute::kConvolutionDilations, geometry.dilations)
           .Finalize());
  return convolution;
}

void Graph::ConvolutionForward(const ConvolutionGeometry& geometry, Tensor x, Tensor w, Tensor y, bool adds) {
  const Descriptor convolution = MakeConvolution(geometry);
  Keep(NewOperation(DescriptorType::kConvolutionForward)
           .Set(Attribute::kForwardConvolution, convolution)
           .Set(Attribute::kForwardX, Of(x))
           .Set(Attribute::kForwardW, Of(w))
           .Set(Attribute::kForwardY, Of(y))
           .SetFactor(Attribute::kForwardAlpha, 1)
           .SetFactor(Attribute::kForwardBeta, adds ? 1.0f : 0.0f)
           .Finalize());
}

void Graph::ConvolutionBackwardData(const ConvolutionGeometry& geometry, Tensor w, Tensor dy, Tensor dx) {
  const Descriptor convolution = MakeConvolution(geometry);
  Keep(NewOperation(DescriptorType::kConvolutionBackwardData)
           .Set(Attribute::kBackwardDataConvolution, convolution)
           .Set(Attribute::kBackwardDataW, Of(w))
           .Set(Attribute::kBackwardDataDy, Of(dy))
           .Set(Attribute::kBackwardDataDx, Of(dx))
           .SetFactor(Attribute::kBackwardDataAlpha, 1)
           .SetFactor(Attribute::kBackwardDataBeta, 0)
           .Finalize());
}

void Graph::Matmul(Tensor a, Tensor b, Tensor c) {
  Descriptor matmul(*api_, DescriptorType::kMatmul);
  Keep(matmul.Set(Attribute::kMatmulComputeType, kFloat).Finalize());
  Keep(NewOperation(DescriptorType::kMatmulOperation)
           .Set(Attribute::kMatmulOperationMatmul, matmul)
           .Set(Attribute::kMatmulOperationA, Of(a))
           .Set(Attribute::kMatmulOperationB, Of(b))
           .Set(Attribute::kMatmulOperationC, Of(c))
           .Finalize());
}

void Graph::Pointwise(backend::PointwiseMode mode, Tensor x, Tensor y) { Pointwise(mode, x, Tensor{}, y); }

void Graph::Pointwise(backend::PointwiseMode mode, Tensor x, Tensor b, Tensor y) {
  Descriptor pointwise(*api_, DescriptorType::kPointwise);
  Keep(pointwise.Set(Attribute::kPointwiseMode, mode).Set(Attribute::kPointwisePrecision, kFloat).Finalize());
  Descriptor& operation = NewOperation(DescriptorType::kPointwiseOperation)
                              .Set(Attribute::kPointwiseOperationPointwise, pointwise)
                              .Set(Attribute::kPointwiseOperationX, Of(x))
                              .Set(Attribute::kPointwiseOperationY, Of(y));
  if (b.id != 0) operation.Set(Attribute::kPointwiseOperationB, Of(b));
  Keep(operation.Finalize());
}

void Graph::Reduce(backend::ReductionOperator reduction, Tensor x, Tensor y) {
  Descriptor operation(*api_, DescriptorType::kReduction);
  Keep(
      operation.Set(Attribute::kReductionOperator, reduction).Set(Attribute::kReductionComputeType, kFloat).Finalize());
  Keep(NewOperation(DescriptorType::kReductionOperation)
           .Set(Attribute::kReductionOperationReduction, operation)
           .Set(Attribute::kReductionOperationX, Of(x))
           .Set(Attribute::kReductionOperationY, Of(y))
           .Finalize());
}

void Graph::Reshape(Tensor x, Tensor y) {
  Keep(NewOperation(DescriptorType::kReshapeOperation)
           .Set(Attribute::kReshapeOperationX, Of(x))
           .Set(Attribute::kReshapeOperationY, Of(y))
           .Finalize());
}

absl::Status Graph::Finalize(const Device& device) {
  if (!status_.ok()) return status_;
  std::vector<const Descriptor*> operations;
  for (const Descriptor& operation : operations_) operations.push_back(&operation);
  Descriptor& graph = NewOperation(DescriptorType::kOperationGraph).Set(Attribute::kGraphOperations, operations);
  if (device.handle != nullptr) graph.Set(Attribute::kGraphHandle, device.handle);
  Keep(graph.Finalize());
  return status_;
}

}  // namespace plimsoll::runtime::cudnn
