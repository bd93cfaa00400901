#include "compiler/codegen/analysis.h"

namespace plimsoll::codegen {
using mlir::failure;
using mlir::FailureOr;
using mlir::success;

namespace {

class Analysis : public Evaluator {
 public:
  explicit Analysis(Nest& nest) : Evaluator(nest.space), nest_(nest) {}

  mlir::LogicalResult Run() {
    nest_.space = IndexSpace();
    nest_.accesses.clear();
    nest_.reductions.clear();
    nest_.evaluations.clear();
    nest_.passes = 1;
    for (int64_t extent : nest_.extents) space_.AddDim(extent);
    // Dims behind those of the root are reduced; they were appended by an earlier run.
    for (size_t d = nest_.root_dims; d < nest_.extents.size(); ++d) rest_ |= Bit(d);
    has_rest_ = rest_ != 0;
    nest_.reduced = rest_;
    for (Root& root : nest_.roots) {
      auto at = RootIndex(space_, nest_, root);
      auto element = Eval(root.tensor, at);
      if (mlir::failed(element)) return failure();
      if (!root.of_row) nest_.passes = std::max(nest_.passes, element->pass + 1);
      else nest_.passes = std::max(nest_.passes, element->pass);
      Index address(root.base);
      for (auto [index, stride] : llvm::zip(at, root.strides)) address = space_.Add(address, space_.Scale(index, stride));
      nest_.accesses.push_back({root.tensor, address, true, BytesOf(ElementOf(root.tensor))});
    }
    return success();
  }

 protected:
  Element Load(mlir::Value source, const Index& address, int mask) override {
    nest_.accesses.push_back({source, address, false, BytesOf(ElementOf(source)), mask != 0, masks_[mask].dims});
    Element e;
    e.dims = space_.Dims(address) | masks_[mask].dims;
    e.pass = masks_[mask].pass;
    return e;
  }
  FailureOr<Element> Apply(mlir::Operation& op, llvm::ArrayRef<Element> operands) override {
    Element e;
    for (const Element& operand : operands) {
      e.dims |= operand.dims;
      e.pass = std::max(e.pass, operand.pass);
    }
    e.value = nullptr;
    return e;
  }
  Element InRange(llvm::ArrayRef<Bound> bounds) override {
    Element e;
    for (const Bound& bound : bounds) {
      e.dims |= space_.Dims(bound.index);
      nest_.accesses.push_back({nullptr, bound.index, false, 0});
    }
    return e;
  }
  Element Select(const Element& a, const Element& b, const Element& c) override {
    Element e;
    e.dims = a.dims | b.dims | c.dims;
    e.pass = std::max({a.pass, b.pass, c.pass});
    return e;
  }
  Element Materialize(const Index& index, mlir::Type type) override {
    nest_.accesses.push_back({nullptr, index, false, 0});
    Element e;
    e.dims = space_.Dims(index);
    return e;
  }
  const void* Key(const Element& element) override { return reinterpret_cast<const void*>(++keys_); }
  void Computed(mlir::Value tensor, llvm::ArrayRef<Index> at, const Element& element) override {
    ++nest_.evaluations[tensor.getDefiningOp()];
  }

  FailureOr<Element> Reduction(mlir::linalg::LinalgOp op, unsigned result, llvm::ArrayRef<Index> at, int mask) override {
    if (mask != 0) return failure();
    // A row whose number is computed is not one of the nest's own rows: it is reduced in a kernel before this one.
    for (const Index& index : at)
      if (space_.HasRuntime(index)) return failure();
    for (const ReductionInstance& known : nest_.reductions)
      if (known.op == op && llvm::ArrayRef<Index>(known.at) == at) return Of(known);
    DimSet used = 0;
    for (const Index& index : at) used |= space_.Dims(index);
    llvm::SmallVector<int64_t> shape;
    llvm::SmallVector<unsigned> loops;
    int64_t count = 1;
    auto ranges = op.getStaticLoopRanges();
    for (auto [d, kind] : llvm::enumerate(op.getIteratorTypesArray()))
      if (kind != mlir::utils::IteratorType::parallel) {
        shape.push_back(ranges[d]);
        loops.push_back(d);
        count *= ranges[d];
      }
    if (!has_rest_) {
      int64_t remaining = 1;
      for (int d = 0; d < nest_.root_dims; ++d)
        if (!(used & Bit(d)) && nest_.extents[d] > 1) {
          rest_ |= Bit(d);
          remaining *= nest_.extents[d];
        }
      if (rest_ == 0 || (count == 1 && remaining == 1)) {  // the root has one element for each row
        for (int64_t extent : shape) {
          if (extent == 1) continue;
          rest_ |= Bit(space_.AddDim(extent));
          nest_.extents.push_back(extent);
        }
        remaining = count;
      }
      if (remaining != count) return failure();
      has_rest_ = true;
      nest_.reduced = rest_;
    }
    int64_t remaining = 1;
    llvm::SmallVector<Index> reduced;
    llvm::SmallVector<int64_t> extents;
    for (int d = 0; d < space_.NumDims(); ++d) {
      if (nest_.extents[d] == 1) continue;
      if (rest_ & Bit(d)) {
        reduced.push_back(space_.Dim(d));
        extents.push_back(nest_.extents[d]);
        remaining *= nest_.extents[d];
      } else if (!(used & Bit(d))) {
        return failure();
      }
    }
    if ((used & rest_) || remaining != count) return failure();
    auto bind = Bind(op, result, at);
    if (mlir::failed(bind)) return failure();
    auto inner = space_.Delinearize(space_.Linearize(reduced, extents), shape);
    for (auto [loop, index] : llvm::zip(loops, inner)) (*bind)[loop] = index;
    auto inputs = Inputs(op, *bind, 0);
    if (mlir::failed(inputs)) return failure();
    ReductionInstance instance{op, {at.begin(), at.end()}, *bind, 0};
    for (const Element& input : *inputs) instance.pass = std::max(instance.pass, input.pass);
    inputs->resize(op->getNumOperands());
    if (mlir::failed(Inline(op, *inputs, *bind, 0))) return failure();  // notes what the body reads
    nest_.reductions.push_back(std::move(instance));
    return Of(nest_.reductions.back());
  }

 private:
  Element Of(const ReductionInstance& instance) {
    Element e;
    for (const Index& index : instance.at) e.dims |= space_.Dims(index);
    e.pass = instance.pass + 1;
    return e;
  }

  Nest& nest_;
  DimSet rest_ = 0;
  bool has_rest_ = false;
  intptr_t keys_ = 0;
};

}  // namespace

std::vector<Index> RootIndex(IndexSpace& space, const Nest& nest, const Root& root) {
  std::vector<Index> dims;
  llvm::SmallVector<int64_t> extents;
  for (int d = 0; d < nest.root_dims; ++d) {
    if (root.of_row && (nest.reduced & Bit(d))) continue;
    dims.push_back(space.Dim(d));
    extents.push_back(nest.extents[d]);
  }
  return space.Delinearize(space.Linearize(dims, {extents.data(), extents.size()}), {ShapeOf(root.tensor).data(), ShapeOf(root.tensor).size()});
}

mlir::LogicalResult Analyze(Nest& nest) { return Analysis(nest).Run(); }

}  // namespace plimsoll::codegen
