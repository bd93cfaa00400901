#include "ir/graph/work.h"

namespace plimsoll::graph {

Cost RecurrentOp::cost() {
  Cost cost = traffic(*this);
  auto x = getX().getType();
  // Every step of every batch element meets all weights once; gates cost about 15 operations an element.
  double steps = static_cast<double>(x.getDimSize(0)) * static_cast<double>(x.getDimSize(1));
  cost.contraction_flops = 2 * steps * (elementsOf(getW()) + elementsOf(getR()));
  auto w = getW().getType();
  cost.vector_flops = 15 * steps * static_cast<double>(w.getDimSize(0)) * static_cast<double>(w.getDimSize(getQuantization() ? 2 : 1));
  return cost;
}

}  // namespace plimsoll::graph
