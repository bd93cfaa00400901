#include "compiler/codegen/nest.h"

#include <algorithm>
#include <numeric>

#include "compiler/codegen/analysis.h"

namespace plimsoll::codegen {
using mlir::failure;
using mlir::FailureOr;
using mlir::success;

int BytesOf(mlir::Type element) { return element.isIndex() ? 8 : static_cast<int>((element.getIntOrFloatBitWidth() + 7) / 8); }

bool IsCostly(mlir::linalg::LinalgOp op) {
  bool costly = false;
  op.getBlock()->walk([&](mlir::Operation* inner) {
    costly |= llvm::isa<mlir::math::MathDialect>(inner->getDialect()) &&
              !llvm::isa<mlir::math::AbsFOp, mlir::math::AbsIOp, mlir::math::FmaOp, mlir::math::FloorOp, mlir::math::CeilOp,
                         mlir::math::RoundEvenOp, mlir::math::TruncOp, mlir::math::CopySignOp, mlir::math::SqrtOp>(inner);
    costly |= llvm::isa<mlir::tensor::ExtractOp>(inner);
  });
  return costly;
}

bool RepeatsWork(llvm::ArrayRef<const Nest*> nests) {
  llvm::DenseMap<mlir::Operation*, int> times, reductions;
  for (const Nest* nest : nests) {
    for (auto [op, count] : nest->evaluations) times[op] += count;
    for (const ReductionInstance& reduction : nest->reductions)
      if (++reductions[reduction.op] > 1) return true;
  }
  for (auto [op, count] : times)
    if (count > 1 && (IsCostly(llvm::cast<mlir::linalg::LinalgOp>(op)) || count > 4)) return true;
  return false;
}

namespace {

int64_t Product(llvm::ArrayRef<int64_t> shape) { return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()); }
llvm::SmallVector<int64_t> RowMajor(llvm::ArrayRef<int64_t> shape) {
  llvm::SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

// Parts of a concatenation are stored by nests of their own.
void AddRoots(mlir::Value tensor, unsigned result, int64_t base, llvm::SmallVector<int64_t> strides, llvm::SmallVectorImpl<Root>& roots) {
  if (Product(ShapeOf(tensor)) == 0) return;
  if (auto concat = tensor.getDefiningOp<mlir::tensor::ConcatOp>()) {
    const int64_t axis = concat.getDim();
    for (mlir::Value part : concat.getInputs()) {
      AddRoots(part, result, base, strides, roots);
      base += strides[axis] * ShapeOf(part)[axis];
    }
    return;
  }
  roots.push_back(Root{tensor, result, base, std::move(strides)});
}

// A dim whose floor division the addresses need, split so that the division goes away. False where there is none.
bool SplitOne(Nest& nest) {
  IndexSpace& space = nest.space;
  llvm::SmallVector<Index> work;
  for (const Access& access : nest.accesses) work.push_back(access.address);
  while (!work.empty()) {
    const Index index = work.pop_back_val();
    for (auto [number, c] : index.terms) {
      const IndexSpace::Atom& atom = space.atom(number);
      if (atom.kind != IndexSpace::Atom::FLOOR) continue;
      for (auto [inner, coefficient] : atom.numerator.terms) {
        const IndexSpace::Atom& dim = space.atom(inner);
        if (dim.kind != IndexSpace::Atom::DIM || coefficient <= 0 || atom.divisor % coefficient != 0) continue;
        const int64_t size = atom.divisor / coefficient, extent = nest.extents[dim.dim];
        if (size <= 1 || size >= extent || extent % size != 0) continue;
        nest.extents[dim.dim] = extent / size;
        nest.extents.insert(nest.extents.begin() + dim.dim + 1, size);
        if (dim.dim < nest.root_dims) ++nest.root_dims;
        return true;
      }
      work.push_back(atom.numerator);
    }
  }
  return false;
}

// Neighbouring dims that every access walks as one.
bool MergeOne(Nest& nest) {
  for (int d = 0; d + 1 < static_cast<int>(nest.extents.size()); ++d) {
    const bool inner_reduced = nest.reduced & Bit(d + 1), outer_reduced = nest.reduced & Bit(d);
    if (inner_reduced != outer_reduced || d + 1 == nest.root_dims) continue;
    bool can = true;
    for (const Access& access : nest.accesses) {
      int64_t outer = 0, inner = 0;
      for (auto [number, c] : access.address.terms) {
        const IndexSpace::Atom& atom = nest.space.atom(number);
        if (atom.kind == IndexSpace::Atom::FLOOR && (atom.dims & (Bit(d) | Bit(d + 1)))) can = false;
      }
      if (access.address.terms.empty()) continue;
      // What depends on a run-time value is linear in the dims beside it.
      for (auto [number, c] : access.address.terms) {
        const IndexSpace::Atom& atom = nest.space.atom(number);
        if (atom.kind != IndexSpace::Atom::DIM) continue;
        if (atom.dim == d) outer = c;
        if (atom.dim == d + 1) inner = c;
      }
      can &= outer == inner * nest.extents[d + 1];
    }
    for (const ReductionInstance& reduction : nest.reductions)  // the body may ask for its loops' indices
      for (const Index& index : reduction.at)
        for (auto [number, c] : index.terms)
          if (nest.space.atom(number).kind == IndexSpace::Atom::FLOOR && (nest.space.atom(number).dims & (Bit(d) | Bit(d + 1)))) can = false;
    if (!can) continue;
    nest.extents[d] *= nest.extents[d + 1];
    nest.extents.erase(nest.extents.begin() + d + 1);
    if (d + 1 < nest.root_dims) --nest.root_dims;
    return true;
  }
  return false;
}

// The dims as the addresses want them: split where that takes a division away, merged where all accesses walk them as one.
mlir::LogicalResult Finish(Nest& nest, bool splits) {
  for (int i = 0; i < 12 && splits && SplitOne(nest); ++i)
    if (mlir::failed(Analyze(nest))) return failure();
  while (MergeOne(nest))
    if (mlir::failed(Analyze(nest))) return failure();
  return success(nest.extents.size() <= 60);
}

}  // namespace

FailureOr<std::vector<Nest>> PlanNests(const Region& region, bool splits) {
  struct Candidate { Root root; bool whole; };
  llvm::SmallVector<Candidate> candidates;
  for (auto [number, result] : llvm::enumerate(region.results)) {
    mlir::Value tensor = result;  // a reshape of the whole result moves nothing
    while (mlir::Operation* op = tensor.getDefiningOp()) {
      if (!llvm::isa<mlir::tensor::ExpandShapeOp, mlir::tensor::CollapseShapeOp>(op)) break;
      tensor = op->getOperand(0);
    }
    llvm::SmallVector<Root> roots;
    AddRoots(tensor, number, 0, RowMajor(ShapeOf(tensor)), roots);
    for (Root& root : roots) candidates.push_back({std::move(root), roots.size() == 1});
  }
  llvm::stable_sort(candidates, [](const Candidate& a, const Candidate& b) {
    return Product(ShapeOf(a.root.tensor)) > Product(ShapeOf(b.root.tensor));
  });

  std::vector<Nest> nests;
  for (Candidate& candidate : candidates) {
    const int64_t count = Product(ShapeOf(candidate.root.tensor));
    bool joined = false;
    for (Nest& nest : nests) {
      if (!candidate.whole) break;
      int64_t root_count = 1, row_count = 1;
      for (int d = 0; d < nest.root_dims; ++d) {
        root_count *= nest.extents[d];
        if (!(nest.reduced & Bit(d))) row_count *= nest.extents[d];
      }
      if (count != root_count && (nest.reduced == 0 || count != row_count)) continue;
      Nest attempt = nest;
      attempt.roots.push_back(candidate.root);
      attempt.roots.back().of_row = count == row_count && nest.reduced != 0;
      if (mlir::failed(Analyze(attempt))) continue;
      // Roots found before may have to be seen as of rows: only where the reduced dims were appended.
      for (Root& root : attempt.roots) root.of_row = attempt.reduced != 0 && Product(ShapeOf(root.tensor)) == row_count && (root.of_row || attempt.root_dims < static_cast<int>(attempt.extents.size()));
      if (mlir::failed(Analyze(attempt))) continue;
      nest = std::move(attempt);
      joined = true;
      break;
    }
    if (joined) continue;
    Nest nest;
    nest.roots.push_back(candidate.root);
    for (int64_t extent : ShapeOf(candidate.root.tensor))
      if (extent > 1) nest.extents.push_back(extent);
    nest.root_dims = static_cast<int>(nest.extents.size());
    if (mlir::failed(Analyze(nest))) return failure();
    if (nest.root_dims < static_cast<int>(nest.extents.size())) {
      nest.roots[0].of_row = true;
      if (mlir::failed(Analyze(nest))) return failure();
    } else if (nest.reduced == 0 && !nest.reductions.empty()) {  // reductions over dims of size 1
      nest.roots[0].of_row = true;
      if (mlir::failed(Analyze(nest))) return failure();
    }
    nests.push_back(std::move(nest));
  }
  for (Nest& nest : nests)
    if (mlir::failed(Finish(nest, splits))) return failure();
  return nests;
}

}  // namespace plimsoll::codegen
