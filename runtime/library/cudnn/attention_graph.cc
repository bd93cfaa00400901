#include "runtime/library/cudnn/attention_graph.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace plimsoll::runtime::cudnn {
namespace {

using backend::PointwiseMode;
using backend::ReductionOperator;

Graph::Shape Dense(const std::vector<int64_t>& dims) {
  std::vector<int64_t> strides(dims.size());
  int64_t stride = 1;
  for (size_t i = dims.size(); i-- > 0; stride *= dims[i]) strides[i] = stride;
  return {dims, strides};
}

}  // namespace

void AddAttention(const AttentionLayer& layer, Graph& graph) {
  auto operand = [&](const AttentionLayer::Tensor& tensor) {
    return graph.Operand(tensor.operand, TypeOf(tensor.dtype), {tensor.dims, tensor.strides});
  };
  const int rank = static_cast<int>(layer.q.dims.size());
  const Graph::Shape all = Dense({layer.q.dims[0], layer.q.dims[1], layer.q.dims[2], layer.k.dims[3]});
  const Graph::Shape row = Dense({layer.q.dims[0], layer.q.dims[1], layer.q.dims[2], 1});
  auto scores = [&] { return graph.Virtual(kFloat, all); };
  auto rows = [&] { return graph.Virtual(kFloat, row); };

  Graph::Tensor score = scores();
  graph.Matmul(operand(layer.q), operand(layer.k), score);
  const Graph::Tensor scaled = scores();
  graph.Pointwise(PointwiseMode::kMul, score, graph.Scalar(layer.scale, rank), scaled);
  score = scaled;
  if (layer.mask) {
    const Graph::Tensor masked = scores();
    graph.Pointwise(PointwiseMode::kAdd, score, operand(*layer.mask), masked);
    score = masked;
  }
  const Graph::Tensor largest = rows(), shifted = scores(), exponential = scores(), sum = rows();
  graph.Reduce(ReductionOperator::kMax, score, largest);
  graph.Pointwise(PointwiseMode::kSub, score, largest, shifted);
  graph.Pointwise(PointwiseMode::kExp, shifted, exponential);
  graph.Reduce(ReductionOperator::kAdd, exponential, sum);
  // Without them the engines do not know the graph.
  const Graph::Tensor logarithm = rows(), stats = layer.stats ? operand(*layer.stats) : rows();
  graph.Pointwise(PointwiseMode::kLog, sum, logarithm);
  graph.Pointwise(PointwiseMode::kAdd, largest, logarithm, stats);
  const Graph::Tensor weight = graph.Virtual(TypeOf(layer.q.dtype), all);
  graph.Pointwise(PointwiseMode::kDiv, exponential, sum, weight);
  graph.Matmul(weight, operand(layer.v), operand(layer.dst));
}

std::string Describe(const AttentionLayer& layer) {
  auto dims = [](const AttentionLayer::Tensor& tensor) { return absl::StrJoin(tensor.dims, "x"); };
  return absl::StrCat("attention of ", plan::DataType_Name(layer.q.dtype), ", ", dims(layer.q), " by ", dims(layer.k),
                      " and ", dims(layer.v), layer.mask ? absl::StrCat(", masked by ", dims(*layer.mask)) : "",
                      layer.stats ? ", with statistics" : "");
}

}  // namespace plimsoll::runtime::cudnn
