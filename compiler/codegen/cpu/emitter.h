// A planned kernel as a function of LLVM IR: loops from the nest, bodies by pulling (evaluator.h). What does not depend on an
// inner loop's dims is computed before that loop.
#pragma once

#include "compiler/codegen/body.h"
#include "compiler/codegen/cpu/plan.h"

namespace plimsoll::codegen {

// Adds the function `symbol` to `module`; fails (and leaves nothing behind) where an operation of a body is unknown.
mlir::LogicalResult EmitKernel(llvm::Module& module, llvm::StringRef symbol, const Region& region, KernelPlan& plan);

// Emits the tiles [begin, end) of one nest.
class NestEmitter : public Evaluator {
 public:
  NestEmitter(llvm::IRBuilder<>& b, const Region& region, CpuNest& nest, llvm::ArrayRef<llvm::Value*> buffers);
  mlir::LogicalResult Run(llvm::Value* begin, llvm::Value* end);

 private:
  using Values = llvm::SmallVector<llvm::Value*>;

  Element Load(mlir::Value source, const Index& address, int mask) override;
  mlir::FailureOr<Element> Apply(mlir::Operation& op, llvm::ArrayRef<Element> operands) override;
  mlir::FailureOr<Element> Reduction(mlir::linalg::LinalgOp op, unsigned result, llvm::ArrayRef<Index> at, int mask) override;
  Element InRange(llvm::ArrayRef<Bound> bounds) override;
  Element Select(const Element& condition, const Element& on_true, const Element& on_false) override;
  Element Materialize(const Index& index, mlir::Type type) override;
  std::optional<Element> Kept(mlir::Value tensor, llvm::ArrayRef<Index> at) override;
  void Computed(mlir::Value tensor, llvm::ArrayRef<Index> at, const Element& element) override;
  const void* Key(const Element& element) override { return element.value; }

  // Structure of loops (loops.cc).
  void Tile(llvm::Value* tile);
  void InnerLoops(size_t number, llvm::Value* low, llvm::Value* high);
  // `body` for the lanes of vector_dim in [low, high), `carried` through; a masked tail where lanes are left over.
  void VectorLoop(llvm::Value* low, llvm::Value* high, Values& carried, const std::function<void(Values&)>& body);
  void Passes();
  void Pass(int pass);
  void PrefetchNextRow();
  void ReducedLoops(llvm::ArrayRef<int> dims, Values& carried, const std::function<void(Values&)>& body);
  void Loop(int dim, llvm::Value* low, llvm::Value* high, int64_t step, Values& carried, const std::function<void(Values&)>& body);
  void StoreRoots(bool of_row);
  void StoreElement(llvm::Value* buffer, llvm::Type* type, const Index& address, const Element& element);
  void FinishReduction(const ReductionInstance& instance, llvm::ArrayRef<llvm::Value*> lanes, llvm::SmallVectorImpl<llvm::Value*>& results);
  void TransposedBlocks(llvm::Value* low, llvm::Value* high);

  // Scopes: a scope's values may be used until it ends; what goes into scope k is emitted before the jump into scope k + 1.
  int LevelOf(DimSet dims) const;
  void At(int level);
  void SetDim(int dim, llvm::Value* value);
  llvm::Value* Offset(const Index& index);                 // at lane 0; no atom varies by lane in another way than linear
  llvm::Value* VectorIndex(const Index& index);            // all lanes, i64
  bool VariesByLane(const Index& index, int64_t* stride);  // false: linear with this stride
  llvm::Value* AtomValue(int number, bool vector);
  bool IsVector(DimSet dims) const { return nest_.lanes > 1 && nest_.vector_dim >= 0 && (dims & Bit(nest_.vector_dim)); }
  llvm::Value* Splat(llvm::Value* value) { return value->getType()->isVectorTy() ? value : b_.CreateVectorSplat(nest_.lanes, value); }
  llvm::Type* Wide(llvm::Type* type) { return llvm::FixedVectorType::get(type, nest_.lanes); }
  llvm::Value* I64(int64_t value) { return b_.getInt64(value); }
  llvm::Value* Pointer(mlir::Value source);
  void Fail() { failed_ = true; }

  llvm::IRBuilder<>& b_;
  const Region& region_;
  CpuNest& nest_;
  llvm::ArrayRef<llvm::Value*> buffers_;
  IndexSpace own_space_;
  bool failed_ = false;

  llvm::BasicBlock* current_ = nullptr;                   // the innermost scope's end
  llvm::SmallVector<llvm::Instruction*> jumps_;           // into scope k + 1
  llvm::SmallVector<llvm::Value*> dim_values_;
  llvm::SmallVector<int> dim_levels_;
  static constexpr DimSet kRow = DimSet{1} << 63;         // of values that a pass made: they belong to the row at hand
  int row_level_ = 0;
  llvm::Value* tail_mask_ = nullptr;                      // of the lanes, where not all count

  struct Row { mlir::linalg::LinalgOp op; std::vector<Index> at; llvm::SmallVector<Element> results; };
  llvm::SmallVector<Row> rows_;                           // reductions done
  struct Cache { llvm::Value* memory = nullptr; llvm::Type* type = nullptr; int pass = 0; std::vector<Index> at; bool written = false; };
  llvm::DenseMap<mlir::Value, Cache> caches_;
  int pass_ = 0;
  llvm::DenseMap<mlir::Value, llvm::GlobalVariable*> tables_;
  // Loads that a transposed block made beforehand, for the step of block_dim at hand.
  struct Preloaded { mlir::Value source; Index address; llvm::Value* value; };
  llvm::SmallVector<Preloaded> preloaded_;
};

}  // namespace plimsoll::codegen
