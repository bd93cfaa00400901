#include "ir/graph/work.h"

#include <algorithm>
#include <limits>

namespace plimsoll::graph {

namespace {

int64_t bytesOf(mlir::Value value) {
  auto type = llvm::dyn_cast<mlir::RankedTensorType>(value.getType());
  return type ? byteSize(type).value_or(0) : 0;
}

int64_t add(int64_t a, int64_t b) {
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

}  // namespace

double elementsOf(mlir::Value value) {
  auto type = llvm::dyn_cast<mlir::RankedTensorType>(value.getType());
  if (!type) return 0;
  auto bounds = llvm::dyn_cast_or_null<BoundsAttr>(type.getEncoding());
  double count = 1;
  for (auto [i, dim] : llvm::enumerate(type.getShape())) {
    if (!mlir::ShapedType::isDynamic(dim)) {
      count *= static_cast<double>(dim);
    } else {
      count *= bounds && i < bounds.getSizes().size() ? static_cast<double>(bounds.getSizes()[i]) : 0;
    }
  }
  return count;
}

Cost traffic(mlir::Operation* op) {
  Cost cost;
  for (mlir::Value operand : op->getOperands()) cost.bytes_read = add(cost.bytes_read, bytesOf(operand));
  for (mlir::Value result : op->getResults()) cost.bytes_written = add(cost.bytes_written, bytesOf(result));
  return cost;
}

Cost perResult(mlir::Operation* op, double operations) {
  Cost cost = traffic(op);
  cost.vector_flops = operations * elementsOf(op->getResult(0));
  return cost;
}

Cost perOperand(mlir::Operation* op, double operations) {
  Cost cost = traffic(op);
  cost.vector_flops = operations * elementsOf(op->getOperand(0));
  return cost;
}

Cost gathered(mlir::Operation* op, unsigned sparse) {
  Cost cost;
  for (mlir::Value result : op->getResults()) cost.bytes_written = add(cost.bytes_written, bytesOf(result));
  for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
    int64_t bytes = bytesOf(operand);
    cost.bytes_read = add(cost.bytes_read, i == sparse ? std::min(bytes, cost.bytes_written) : bytes);
  }
  return cost;
}

Cost bodies(mlir::Operation* op) {
  Cost cost = traffic(op);
  for (mlir::Region& region : op->getRegions()) {
    for (mlir::Operation& inner : region.getOps()) {
      auto work = llvm::dyn_cast<CostInterface>(inner);
      if (!work) continue;
      Cost part = work.cost();
      cost.contraction_flops += part.contraction_flops;
      cost.vector_flops += part.vector_flops;
    }
  }
  return cost;
}

}  // namespace plimsoll::graph
