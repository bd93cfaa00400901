// Builds, before one operation, what is computed of parts of the rows that it reduces.
#pragma once

#include <functional>

#include "ir/graph/build.h"
#include "ir/graph/graph.h"
#include "passes/fuse/row_parts.h"

namespace plimsoll::passes {

// Where a step fails, all later ones do nothing and give null.
class PartialRows {
 public:
  using Value = mlir::Value;
  using Shape = llvm::SmallVector<int64_t>;

  explicit PartialRows(mlir::Operation* op) : op_(op), builder_(op) {}

  // Sees `operand` as `shape` (of as many elements), of which `axes` are reduced, and cuts the longest of these dims,
  // neighbours merged, where ChooseRowParts says so; false where not. Of the problem, the fields after `bytes` are the
  // caller's.
  bool Cuts(Value operand, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> axes, RowProblem problem,
            const RowMachine& machine);
  int64_t columns() const { return problem_.columns; }
  const RowParts& parts() const { return parts_; }
  bool failed() const { return failed_; }

  template <typename Op, typename... Args>
  Value Make(Args&&... args) {
    if (failed_) return Value();
    auto result = graph::build::op<Op>(builder_, op_->getLoc(), std::forward<Args>(args)...);
    failed_ = mlir::failed(result);
    return failed_ ? Value() : *result;
  }
  Value Reshape(Value value, llvm::ArrayRef<int64_t> shape);
  Value Expand(Value value, llvm::ArrayRef<int64_t> shape);
  Value Cast(Value value, mlir::Type element);
  // Of the element type of `like`.
  Value Scalar(Value like, double value);
  mlir::OpBuilder& builder() { return builder_; }

  // The type to compute in: f32 for narrower floats.
  mlir::Type Wide(mlir::Type element);

  // What `partial` makes of each part's elements; where the last part is shorter, it is asked twice, for that part
  // alone at last, and both are put together. The result has a dim for the parts and, for each dim that is reduced, one
  // of size 1.
  Value OfParts(const std::function<Value(bool last)>& partial);
  // The elements of the parts, as they are or cast. PartAxes are the dims of a part's elements.
  Value Elements(bool last);
  Value Elements(bool last, mlir::Type element) { return failed_ ? Value() : Cast(Elements(last), element); }
  Shape PartAxes() const;
  int64_t PartsAxis() const { return static_cast<int64_t>(cut_); }
  Value Reduce(graph::ReduceKind kind, Value value, llvm::ArrayRef<int64_t> axes);
  // Over the parts.
  Value Combine(graph::ReduceKind kind, Value parts) { return Reduce(kind, parts, {PartsAxis()}); }
  // The number of elements of each part, in the shape of OfParts' results or broadcast to it.
  Value Counts(mlir::Type element);

 private:
  mlir::Operation* op_;
  mlir::OpBuilder builder_;
  bool failed_ = false;
  Shape shape_;                      // of the operand, merged
  llvm::SmallVector<bool> reduced_;  // its dims
  size_t cut_ = 0;
  RowProblem problem_;
  RowParts parts_;
  Value source_;  // the operand, reshapes apart
  bool shares_view_ = true;
  Value views_[2];
};

}  // namespace plimsoll::passes
