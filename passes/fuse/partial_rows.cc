#include "passes/fuse/partial_rows.h"

#include <algorithm>

#include "ir/graph/infer.h"
#include "passes/types.h"

namespace plimsoll::passes {

using mlir::Value;

bool PartialRows::Cuts(Value operand, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> axes, RowProblem problem,
                       const RowMachine& machine) {
  problem.rows = problem.columns = problem.extent = problem.inner = 1;
  for (auto [d, extent] : llvm::enumerate(shape)) {
    const bool reduced = llvm::is_contained(axes, static_cast<int64_t>(d));
    (reduced ? problem.columns : problem.rows) *= extent;
    if (extent == 1) continue;
    if (!shape_.empty() && reduced_.back() == reduced) {
      shape_.back() *= extent;
      continue;
    }
    shape_.push_back(extent);
    reduced_.push_back(reduced);
  }
  for (auto [d, extent] : llvm::enumerate(shape_)) {
    if (!reduced_[d]) continue;
    problem.inner *= extent;
    if (extent <= problem.extent) continue;
    problem.extent = extent;
    problem.inner = 1;
    cut_ = d;
  }
  problem.along_memory = !reduced_.empty() && reduced_.back();
  const unsigned bits = graph::storageType(ElementOf(operand)).getIntOrFloatBitWidth();
  problem.bytes = static_cast<int>(std::max(8u, bits) / 8);

  source_ = operand;
  const bool ordered = problem.rows > 1 || problem.stores_elements || problem.kernels > 1;
  for (mlir::Operation* op = source_.getDefiningOp(); op != nullptr; op = source_.getDefiningOp()) {
    // Where all elements go into one number, it does not matter where they lie.
    if (!llvm::isa<graph::ReshapeOp>(op) && (ordered || !llvm::isa<graph::TransposeOp>(op))) break;
    source_ = op->getOperand(0);
  }
  mlir::Operation* producer = source_.getDefiningOp();
  const bool elementwise = producer != nullptr && producer->hasTrait<graph::ElementwiseOp>();
  int64_t below = 1;
  for (size_t d = cut_ + 1; d < shape_.size(); ++d) below *= shape_[d];
  int64_t stride = 1;
  for (int64_t extent : llvm::reverse(graph::tensorType(source_).getShape())) {
    if (elementwise && stride % below == 0 && below * problem.extent % stride == 0)
      problem.seams.push_back(below * problem.extent / stride);
    stride *= extent;
  }
  problem_ = problem;
  parts_ = ChooseRowParts(problem, machine);

  // What computes the operand goes into a reader's kernel through a view that the reader has for itself. Not movements:
  // a row that memory does not run along is read badly. Where there are several readers, they become one kernel only if
  // all agree on the loops.
  const bool at_seam = parts_.tail == 0 && llvm::is_contained(problem.seams, parts_.count);
  shares_view_ = !elementwise || (problem.passes > 1 && !at_seam);
  return parts_.count > 1;
}

Value PartialRows::Reshape(Value value, llvm::ArrayRef<int64_t> shape) {
  if (failed_ || graph::tensorType(value).getShape() == shape) return value;
  return Make<graph::ReshapeOp>(mlir::RankedTensorType::get(shape, ElementOf(value)), value);
}

Value PartialRows::Expand(Value value, llvm::ArrayRef<int64_t> shape) {
  if (failed_ || graph::tensorType(value).getShape() == shape) return value;
  return Make<graph::ExpandOp>(mlir::RankedTensorType::get(shape, ElementOf(value)), value);
}

Value PartialRows::Cast(Value value, mlir::Type element) {
  if (failed_ || ElementOf(value) == element) return value;
  return Make<graph::CastOp>(mlir::RankedTensorType::get(graph::tensorType(value).getShape(), element), value);
}

Value PartialRows::Scalar(Value like, double value) {
  return failed_ ? Value() : graph::build::scalar(builder_, op_->getLoc(), ElementOf(like), value);
}

mlir::Type PartialRows::Wide(mlir::Type element) {
  auto is_float = llvm::dyn_cast<mlir::FloatType>(element);
  return is_float && is_float.getWidth() < 32 ? builder_.getF32Type() : element;
}

Value PartialRows::OfParts(const std::function<Value(bool)>& partial) {
  Value parts = partial(false);
  if (parts_.tail == 0 || failed_) return parts;
  Value last = partial(true);
  return Make<graph::ConcatOp>(mlir::ValueRange{parts, last}, builder_.getI64IntegerAttr(PartsAxis()));
}

Value PartialRows::Elements(bool last) {
  Value& known = views_[last ? 1 : 0];
  if (failed_ || (known && shares_view_)) return known;
  Value view = source_;
  Shape shape(shape_);
  if (parts_.tail != 0) {
    const int64_t others = parts_.count * parts_.size;
    Shape starts(shape.size(), 0), strides(shape.size(), 1);
    view = Reshape(view, shape);
    starts[cut_] = last ? others : 0;
    shape[cut_] = last ? parts_.tail : others;
    view = Make<graph::SliceOp>(view, builder_.getDenseI64ArrayAttr(starts), builder_.getDenseI64ArrayAttr(shape),
                                builder_.getDenseI64ArrayAttr(strides));
  }
  shape[cut_] = last ? parts_.tail : parts_.size;
  shape.insert(shape.begin() + static_cast<int64_t>(cut_), last ? 1 : parts_.count);
  return known = Reshape(view, shape);
}

PartialRows::Shape PartialRows::PartAxes() const {
  Shape axes;
  for (auto [d, reduced] : llvm::enumerate(reduced_))
    if (reduced) axes.push_back(static_cast<int64_t>(d < cut_ ? d : d + 1));
  return axes;
}

Value PartialRows::Reduce(graph::ReduceKind kind, Value value, llvm::ArrayRef<int64_t> axes) {
  return Make<graph::ReduceOp>(value, graph::ReduceKindAttr::get(builder_.getContext(), kind),
                               builder_.getDenseI64ArrayAttr(axes), builder_.getBoolAttr(true));
}

Value PartialRows::Counts(mlir::Type element) {
  const auto inner = static_cast<double>(problem_.columns / problem_.extent);
  const double of_each = static_cast<double>(parts_.size) * inner;
  if (parts_.tail == 0) return graph::build::scalar(builder_, op_->getLoc(), element, of_each);
  Shape shape(shape_.size() + 1, 1);
  shape[cut_] = parts_.count + 1;
  llvm::SmallVector<mlir::Attribute> counts(parts_.count, builder_.getFloatAttr(element, of_each));
  counts.push_back(builder_.getFloatAttr(element, static_cast<double>(parts_.tail) * inner));
  return graph::build::constant(builder_, op_->getLoc(),
                                mlir::DenseElementsAttr::get(mlir::RankedTensorType::get(shape, element), counts));
}

}  // namespace plimsoll::passes
