#include <algorithm>

#include "ir/graph/work.h"

namespace plimsoll::graph {

namespace {

// The operations in a region, once, with their own traffic.
Cost total(mlir::Region& region) {
  Cost sum;
  for (mlir::Operation& op : region.getOps()) {
    auto work = llvm::dyn_cast<CostInterface>(op);
    if (!work) continue;
    Cost part = work.cost();
    sum.contraction_flops += part.contraction_flops;
    sum.vector_flops += part.vector_flops;
    if (__builtin_add_overflow(sum.bytes_read, part.bytes_read, &sum.bytes_read)) sum.bytes_read = INT64_MAX;
    if (__builtin_add_overflow(sum.bytes_written, part.bytes_written, &sum.bytes_written))
      sum.bytes_written = INT64_MAX;
  }
  return sum;
}

}  // namespace

// The dearer of the two.
Cost IfOp::cost() {
  Cost yes = total(getThenRegion()), no = total(getElseRegion());
  return {std::max(yes.contraction_flops, no.contraction_flops), std::max(yes.vector_flops, no.vector_flops),
          std::max(yes.bytes_read, no.bytes_read), std::max(yes.bytes_written, no.bytes_written)};
}

// Every iteration that it may take.
Cost LoopOp::cost() {
  Cost once = total(getBody());
  double trips = static_cast<double>(getMaxTrips());
  auto scaled = [&](int64_t bytes) {
    double product = static_cast<double>(bytes) * trips;
    return product < 9e18 ? static_cast<int64_t>(product) : INT64_MAX;
  };
  return {once.contraction_flops * trips, once.vector_flops * trips, scaled(once.bytes_read),
          scaled(once.bytes_written)};
}

}  // namespace plimsoll::graph
