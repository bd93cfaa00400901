#include "runtime/library/cudnn/convolution_graph.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace plimsoll::runtime::cudnn {

using backend::PointwiseMode;

void AddConvolution(const Layer& layer, Graph& graph) {
  const DataType type = TypeOf(layer.dtype);
  const ConvolutionGeometry geometry{layer.pads_begin, layer.pads_end, layer.strides, layer.dilations};
  auto operand = [&](const Layer::Tensor& tensor) {
    return graph.Operand(tensor.operand, type, {tensor.dims, tensor.strides});
  };
  const Graph::Tensor x = operand(layer.x), w = operand(layer.weights), y = operand(layer.y);
  if (layer.is_transposed) {
    graph.ConvolutionBackwardData(geometry, w, y, x);
    return;
  }
  const Graph::Shape shape{layer.y.dims, layer.y.strides};
  if (layer.bias_operand < 0) {
    graph.ConvolutionForward(geometry, x, w, y, /*adds=*/layer.addend == Layer::Addend::kDestination);
    return;
  }
  Graph::Tensor sum = graph.Virtual(kFloat, shape);
  graph.ConvolutionForward(geometry, x, w, sum, /*adds=*/false);
  if (layer.addend != Layer::Addend::kNone) {
    const Graph::Tensor before = sum;
    sum = graph.Virtual(kFloat, shape);
    graph.Pointwise(PointwiseMode::kAdd, before, graph.Operand(layer.addend_operand, type, shape), sum);
  }
  std::vector<int64_t> bias_dims(shape.dims.size(), 1), bias_strides(shape.dims.size(), 1);
  bias_dims[1] = bias_strides[0] = shape.dims[1];
  if (layer.channels_last) bias_strides.assign(bias_strides.size(), shape.dims[1]), bias_strides[1] = 1;
  const Graph::Tensor bias = graph.Operand(layer.bias_operand, type, {bias_dims, bias_strides});
  const Graph::Tensor biased = layer.has_relu ? graph.Virtual(kFloat, shape) : y;
  graph.Pointwise(PointwiseMode::kAdd, sum, bias, biased);
  if (layer.has_relu) graph.Pointwise(PointwiseMode::kReluForward, biased, y);
}

std::string Describe(const Layer& layer) {
  auto dims = [](const std::vector<int64_t>& list) { return absl::StrJoin(list, "x"); };
  return absl::StrCat(layer.is_transposed ? "a transposed convolution of " : "a convolution of ",
                      plan::DataType_Name(layer.dtype), layer.channels_last ? ", channels last, " : ", ",
                      dims(layer.x.dims), " * ", dims(layer.weights.dims), " -> ", dims(layer.y.dims), ", pads ",
                      dims(layer.pads_begin), " and ", dims(layer.pads_end), ", strides ", dims(layer.strides),
                      ", dilations ", dims(layer.dilations), ", ", layer.groups, " groups");
}

}  // namespace plimsoll::runtime::cudnn
