#include "ir/graph/work.h"

namespace plimsoll::graph {

Cost DotGeneralOp::cost() {
  Cost cost = traffic(*this);
  auto lhs = getLhs().getType();
  double k = static_cast<double>(lhs.getDimSize(lhs.getRank() - (getTransposeLhs() ? 2 : 1)));
  double results = elementsOf(getResult());
  cost.contraction_flops = 2 * k * results;
  // The bias and each fused operation, on each element.
  cost.vector_flops = results * ((getBias() ? 1 : 0) + (getPostOps() ? getPostOps()->size() : 0));
  return cost;
}

Cost ConvolutionOp::cost() {
  Cost cost = traffic(*this);
  double results = elementsOf(getResult());
  auto weights = getWeights().getType();
  // Each element of the operand (transposed) or of the result meets the weights of one output (input) channel.
  double per_element = 1;
  for (int64_t dim : weights.getShape().drop_front(1)) per_element *= static_cast<double>(dim);
  cost.contraction_flops = 2 * per_element * (getTransposed() ? elementsOf(getOperand()) : results);
  cost.vector_flops = results * ((getBias() ? 1 : 0) + (getPostOps() ? getPostOps()->size() : 0));
  return cost;
}

}  // namespace plimsoll::graph
