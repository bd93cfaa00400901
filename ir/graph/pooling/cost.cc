#include "ir/graph/work.h"

namespace plimsoll::graph {

Cost PoolOp::cost() {
  double window = 1;
  for (int64_t size : getKernel()) window *= static_cast<double>(size);
  return perResult(*this, window);
}

}  // namespace plimsoll::graph
