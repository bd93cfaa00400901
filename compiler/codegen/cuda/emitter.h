// A planned nest as the code of one GPU thread, in LLVM IR with NVVM's intrinsics: the skeletons say which points a
// thread computes, bodies come by pulling (evaluator.h), a scalar at a time. Code is emitted in order at the builder's
// place; what is computed twice is left to the optimizer.
#pragma once

#include "compiler/codegen/body.h"
#include "compiler/codegen/cuda/plan.h"

namespace plimsoll::codegen {

// NVIDIA's address spaces.
inline constexpr unsigned kGlobalSpace = 1, kSharedSpace = 3;

// math.cc: calls to libdevice.
llvm::Value* EmitLibdevice(llvm::IRBuilder<>& b, llvm::StringRef function, llvm::ArrayRef<llvm::Value*> operands);

// kernel.cc: adds the entry `symbol` to `module`; fails (and leaves nothing behind) where an operation of a body is
// unknown. `shared_arguments`: operands and results, by number, that may lie in the memory of another.
mlir::LogicalResult EmitCudaKernel(llvm::Module& module, llvm::StringRef symbol, const Region& region,
                                   const CudaKernelPlan& plan, const llvm::DenseSet<unsigned>& shared_arguments);

class SimtEmitter : public Evaluator {
 public:
  // `block`: the block's number within the nest, i32.
  SimtEmitter(llvm::IRBuilder<>& b, const Region& region, const CudaKernelPlan& plan, const CudaNest& nest,
              llvm::ArrayRef<llvm::Value*> buffers, llvm::Value* block);
  mlir::LogicalResult Run();

 private:
  using Values = llvm::SmallVector<llvm::Value*>;

  Element Load(mlir::Value source, const Index& address, int mask) override;
  mlir::FailureOr<Element> Apply(mlir::Operation& op, llvm::ArrayRef<Element> operands) override;
  mlir::FailureOr<Element> Reduction(mlir::linalg::LinalgOp op, unsigned result, llvm::ArrayRef<Index> at,
                                     int mask) override;
  Element InRange(llvm::ArrayRef<Bound> bounds) override;
  Element Select(const Element& condition, const Element& on_true, const Element& on_false) override;
  Element Materialize(const Index& index, mlir::Type type) override;
  const void* Key(const Element& element) override { return element.value; }

  // Skeletons: map.cc, transpose.cc, rows.cc.
  void Map();
  void Transpose();
  void Rows();

  // transpose.cc
  struct Square {
    const Access* access;
    llvm::Type *type, *word;  // of an element; of what one access takes
    llvm::Value* memory;
    int pitch;                // words from row to row
  };
  llvm::SmallVector<Square> Squares();
  Values Picked(const Square& square, llvm::ArrayRef<llvm::Value*> words, int place);

  // rows.cc
  struct Thread {
    llvm::Value *row, *valid, *first, *number;
  };  // valid: null where all rows are; first: i1, stores for the row
  Thread TakeRow();
  void Pass(int pass, const Thread& thread);
  void HeldColumns(const Thread& thread, Values& carried, const std::function<void(llvm::Value* valid, Values&)>& body);
  void LoopedColumns(const Thread& thread, Values& carried,
                     const std::function<void(llvm::Value* valid, Values&)>& body);
  void Accumulate(llvm::ArrayRef<const ReductionInstance*> instances, llvm::Value* valid, Values& carried);
  void Combine(const ReductionInstance& instance, llvm::MutableArrayRef<llvm::Value*> mine,
               llvm::ArrayRef<llvm::Value*> others);
  void AcrossWarp(const ReductionInstance& instance, int width, llvm::MutableArrayRef<llvm::Value*> values);
  void AcrossBlock(llvm::ArrayRef<const ReductionInstance*> instances, const Thread& thread, Values& values);
  void AcrossColumns(llvm::ArrayRef<const ReductionInstance*> instances, const Thread& thread, Values& values);
  llvm::Value* Shuffle(llvm::Value* value, int offset);

  // Elements base .. base + lanes of vector_dim (set beforehand) of all roots that are no rows'; stored where `valid`.
  void Group(int lanes, llvm::Value* valid);
  // One lane after another of the elements at hand; `visit` evaluates. (In a held row each has its own memory.)
  void ForLanes(int lanes, const std::function<void(int lane)>& visit);
  void StoreRows(llvm::Value* valid);

  // access.cc
  Values LoadElements(llvm::Value* pointer, llvm::Type* type, int count);
  void StoreElements(llvm::Value* pointer, llvm::Type* type, llvm::ArrayRef<llvm::Value*> values);
  llvm::Value* Pointer(mlir::Value source);
  llvm::Value* At(llvm::Value* base, llvm::Type* type, const Index& address, llvm::Value* condition = nullptr);
  int Alignment(mlir::Value source) const;
  llvm::Value* SharedArray(llvm::Type* type, int64_t count);
  llvm::Value* SharedElement(llvm::Value* array, llvm::Type* type, llvm::Value* index) {
    return b_.CreateGEP(type, array, index);
  }

  // Index arithmetic: 32 bits where all values fit.
  bool NeedsWide(const Index& index) const;
  llvm::Value* IndexValue(const Index& index, bool wide);
  llvm::Value* AtomValue(int number, bool wide);
  llvm::Value* Cast(llvm::Value* value, bool wide);
  llvm::Type* Number() { return nest_.wide ? b_.getInt64Ty() : b_.getInt32Ty(); }
  llvm::Value* N(int64_t value) { return llvm::ConstantInt::getSigned(Number(), value); }
  void SetDim(int dim, llvm::Value* value) {
    dim_values_[dim] = value;
    Forget(Bit(dim));
  }
  // The dims of a position, the fastest first; the first one counts in steps of `lanes`.
  void SetDims(llvm::ArrayRef<int> dims, llvm::Value* position, int lanes);

  // Structure.
  void If(llvm::Value* condition, const std::function<void()>& body);
  void Loop(llvm::Value* begin, llvm::Value* end, llvm::Value* step, Values& carried,
            const std::function<void(llvm::Value*, Values&)>& body);
  llvm::Value* And(llvm::Value* a, llvm::Value* b) { return !a ? b : !b ? a : b_.CreateAnd(a, b); }
  llvm::Value* ThreadNumber();
  void Barrier();
  void Fail() { failed_ = true; }

  llvm::IRBuilder<>& b_;
  const Region& region_;
  const CudaKernelPlan& plan_;
  const CudaNest& nest_;
  llvm::ArrayRef<llvm::Value*> buffers_;
  llvm::Value* block_;
  IndexSpace own_space_;
  bool failed_ = false;

  Values dim_values_;
  // The group at hand: lane of vector_dim, which starts at base_; what was loaded for all lanes together.
  llvm::Value* base_ = nullptr;
  int lane_ = 0, group_lanes_ = 1;
  struct Loaded {
    mlir::Value source;
    Index address;
    llvm::Value* condition;
    Values lanes;
  };
  struct Range {
    llvm::SmallVector<Bound> bounds;
    Element inside;
  };
  struct Shared {
    llvm::SmallVector<Loaded> loaded;
    llvm::SmallVector<Range> ranges;
  };
  Shared shared_;
  struct Preloaded {
    mlir::Value source;
    Index address;
    Values lanes;
  };
  llvm::SmallVector<Preloaded> preloaded_;  // through shared memory, by Transpose
  // A held row: what was evaluated for each of its values.
  struct Held {
    Values dims;
    llvm::Value *base = nullptr, *valid = nullptr;
    Shared shared;
    std::vector<Memory> memory;
  };
  std::vector<Held> held_;
  Held* slot_ = nullptr;  // the one at hand
  struct Row {
    mlir::linalg::LinalgOp op;
    std::vector<Index> at;
    llvm::SmallVector<Element> results;
  };
  llvm::SmallVector<Row> rows_;  // reductions done
  llvm::DenseMap<mlir::Value, llvm::GlobalVariable*> tables_;
};

}  // namespace plimsoll::codegen
