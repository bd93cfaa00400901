#include "ir/graph/work.h"

namespace plimsoll::graph {

Cost ReduceOp::cost() {
  bool squares = getKind() == ReduceKind::sum_square || getKind() == ReduceKind::l1 || getKind() == ReduceKind::l2;
  return perOperand(*this, squares ? 2 : 1);
}
Cost ArgReduceOp::cost() { return perOperand(*this, 2); }

}  // namespace plimsoll::graph
