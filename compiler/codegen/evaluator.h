// Computes one element of a tensor of a region by pulling: the operations that it depends on are evaluated where an index
// says, bodies are inlined, moved data is read in its old place. Subclasses decide what a load or an operation is: Analysis
// only looks (analysis.h), Emitter makes LLVM IR (emitter.h).
#pragma once

#include "compiler/codegen/index.h"
#include "compiler/codegen/region.h"

namespace plimsoll::codegen {

// A scalar of the program, one for each point of the dims that it depends on.
struct Element {
  llvm::Value* value = nullptr;  // null while analysing, and where `is_index`
  bool is_index = false;
  Index index;
  DimSet dims = 0;
  int pass = 0;                  // over the reduced dims: the number of reductions that come before
};

class Evaluator {
 public:
  explicit Evaluator(IndexSpace& space) : space_(space) {}
  virtual ~Evaluator() = default;
  // `mask`: 0, or the mask under which the index is in range.
  mlir::FailureOr<Element> Eval(mlir::Value tensor, llvm::ArrayRef<Index> at, int mask = 0);

 protected:
  // From the memory of an argument or of a constant tensor, at an element number.
  virtual Element Load(mlir::Value source, const Index& address, int mask) = 0;
  virtual mlir::FailureOr<Element> Apply(mlir::Operation& op, llvm::ArrayRef<Element> operands) = 0;
  virtual mlir::FailureOr<Element> Reduction(mlir::linalg::LinalgOp op, unsigned result, llvm::ArrayRef<Index> at, int mask) = 0;
  // Some i1: low <= index < high for all.
  struct Bound { Index index; int64_t low, high; };
  virtual Element InRange(llvm::ArrayRef<Bound> bounds) = 0;
  virtual Element Select(const Element& condition, const Element& on_true, const Element& on_false) = 0;
  virtual Element Materialize(const Index& index, mlir::Type type) = 0;
  // An element that is kept from an earlier pass.
  virtual std::optional<Element> Kept(mlir::Value tensor, llvm::ArrayRef<Index> at) { return std::nullopt; }
  virtual void Computed(mlir::Value tensor, llvm::ArrayRef<Index> at, const Element& element) {}
  virtual const void* Key(const Element& element) = 0;

  // The values yielded by a body. `bind`: the indices of its loops; `index_override`: what linalg.index gives instead.
  mlir::FailureOr<llvm::SmallVector<Element>> Inline(mlir::linalg::LinalgOp op, llvm::ArrayRef<Element> arguments, llvm::ArrayRef<Index> bind,
                                                     int mask, const Element* index_override = nullptr);
  // The inputs of a linalg operation at a point of its loops.
  mlir::FailureOr<llvm::SmallVector<Element>> Inputs(mlir::linalg::LinalgOp op, llvm::ArrayRef<Index> bind, int mask);
  // Loop indices from an index into result `number`, reduced loops unset.
  mlir::FailureOr<std::vector<Index>> Bind(mlir::linalg::LinalgOp op, unsigned number, llvm::ArrayRef<Index> at);
  // Forgets what depends on a dim whose value changes.
  void Forget(DimSet dims);

  // What was evaluated. A subclass may set it aside where a value's code does not reach what comes later.
  struct Memo { mlir::Value tensor; int mask; std::vector<Index> at; Element element; };
  using Memory = llvm::DenseMap<mlir::Value, llvm::SmallVector<Memo, 1>>;
  Memory memo_;

  IndexSpace& space_;
  // The masks made by padding and concatenation; 0 is none.
  llvm::SmallVector<Element> masks_{Element{}};

 private:
  mlir::FailureOr<Element> EvalUncached(mlir::Value tensor, llvm::ArrayRef<Index> at, int mask);
  mlir::FailureOr<Element> EvalScalar(mlir::Value scalar, int mask);
  Index ToIndex(const Element& element);
  std::optional<Element> FoldIndex(mlir::Operation& op, llvm::ArrayRef<Element> operands);
  Index Affine(mlir::AffineExpr expression, llvm::ArrayRef<Index> dims);
};

// Shared by analysis and emission.
bool IsReduction(mlir::linalg::LinalgOp op);

}  // namespace plimsoll::codegen
