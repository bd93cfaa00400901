#include "ir/graph/work.h"

namespace plimsoll::graph {

Cost AttentionOp::cost() {
  Cost cost = traffic(*this);
  auto k = getK().getType(), q = getQ().getType();
  const bool first = getSequenceFirst()[1];
  const double keys = static_cast<double>(k.getDimSize(first ? 1 : 2));
  const double rows = elementsOf(getQ()) / std::max<double>(1, static_cast<double>(q.getDimSize(3)));
  // Two products; scale, mask, the largest, exp and the sum of each score.
  cost.contraction_flops = 2 * keys * (elementsOf(getQ()) + elementsOf(getResult()));
  cost.vector_flops = rows * keys * (getMask() ? 5 : 4);
  return cost;
}

}  // namespace plimsoll::graph
