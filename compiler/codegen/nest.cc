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

// Relative cost of computing with vectors along `dim`.
double VectorCost(const Nest& nest, int dim, int lanes) {
  double cost = 1;
  for (const Access& access : nest.accesses) {
    if (!access.source) continue;
    int64_t stride;
    if (!nest.space.Stride(access.address, dim, &stride)) cost += 20;
    else if (stride == 0) cost += access.store ? 1 : 0.1;
    else if (stride == 1) cost += 0.5;
    else if (stride == -1 && !access.store) cost += 0.7;
    else cost += access.store ? 24 : 16;
  }
  const int64_t extent = nest.extents[dim];
  int64_t width = lanes;
  while (width > 4 && width / 2 >= extent) width /= 2;
  const double steps = static_cast<double>((extent + width - 1) / width);
  cost *= steps * (static_cast<double>(width) / lanes * 0.7 + 0.3) / extent;
  if (nest.reduced & Bit(dim)) cost *= 1 + 6.0 / steps;  // the lanes are reduced at the end of a row
  return cost;
}

void ChooseVectors(Nest& nest, int vector_bits) {
  int widest = 1, narrowest = 8;
  for (const Access& access : nest.accesses) {
    if (!access.source) continue;
    widest = std::max(widest, access.bytes);
    narrowest = std::min(narrowest, access.bytes);
  }
  const int lanes = widest == 8 ? vector_bits / 32 : widest <= 1 ? vector_bits / 8 : vector_bits / 16;
  double best = 0;
  for (int d = 0; d < static_cast<int>(nest.extents.size()); ++d) {
    if (nest.extents[d] <= 1) continue;
    const double cost = VectorCost(nest, d, lanes);
    if (nest.vector_dim >= 0 && cost > best) continue;  // the innermost of equals
    best = cost;
    nest.vector_dim = d;
  }
  nest.lanes = 1;
  if (nest.vector_dim < 0) return;
  nest.lanes = lanes;
  while (nest.lanes > 4 && nest.lanes / 2 >= nest.extents[nest.vector_dim]) nest.lanes /= 2;
  // Down columns: a few cache lines of each row at a time.
  int64_t reduced = 1;
  for (int d = 0; d < static_cast<int>(nest.extents.size()); ++d)
    if (nest.reduced & Bit(d)) reduced *= nest.extents[d];
  bool costly = nest.passes > 1;
  for (auto [op, times] : nest.evaluations) costly |= IsCostly(llvm::cast<mlir::linalg::LinalgOp>(op));
  if (!(nest.reduced & Bit(nest.vector_dim)) && reduced >= 16 && !costly && nest.evaluations.size() <= 4)
    while (nest.lanes < 4 * lanes && nest.lanes * 2 <= nest.extents[nest.vector_dim]) nest.lanes *= 2;
}

// Where a load walks along another dim than the stores do, square blocks are transposed in registers.
void ChooseBlock(Nest& nest, int vector_bits) {
  if (nest.vector_dim < 0 || !nest.reductions.empty() || nest.evaluations.size() > 6) return;
  int block_dim = -1, widest = 1;
  for (const Access& access : nest.accesses) {
    if (!access.source) continue;
    widest = std::max(widest, access.bytes);
    for (auto [number, c] : access.address.terms)
      if (nest.space.atom(number).kind == IndexSpace::Atom::RUNTIME) return;
    int64_t stride;
    const bool linear = nest.space.Stride(access.address, nest.vector_dim, &stride);
    if (access.store ? (!linear || stride != 1) : !linear) return;
    if (access.store || stride == 0 || stride == 1 || stride == -1) continue;
    int along = -1;
    for (int d = 0; d < static_cast<int>(nest.extents.size()); ++d)
      if (int64_t s; nest.space.Stride(access.address, d, &s) && s == 1) along = d;
    if (along < 0 || (block_dim >= 0 && block_dim != along)) return;
    block_dim = along;
  }
  if (block_dim < 0 || nest.extents[block_dim] < 4 || nest.extents[nest.vector_dim] < 4) return;
  for (auto [op, times] : nest.evaluations)
    if (IsCostly(llvm::cast<mlir::linalg::LinalgOp>(op))) return;
  nest.block_dim = block_dim;
  nest.lanes = widest >= 4 ? vector_bits / 8 / widest : 16;
  while (nest.lanes > 4 && nest.lanes / 2 >= std::max(nest.extents[block_dim], nest.extents[nest.vector_dim])) nest.lanes /= 2;
}

// Elements of a tile where nothing is reduced: enough to hide a tile's own arithmetic, little enough to share a tensor out.
constexpr int64_t kTileElements = 4096;

void ChooseTiles(Nest& nest) {
  const int dims = static_cast<int>(nest.extents.size());
  int64_t reduced = 1, rows = 1;
  for (int d = 0; d < dims; ++d) ((nest.reduced & Bit(d)) ? reduced : rows) *= nest.extents[d];
  const bool across = nest.vector_dim >= 0 && !(nest.reduced & Bit(nest.vector_dim));
  int64_t elements = reduced;
  if (across) {
    const int64_t extent = nest.extents[nest.vector_dim];
    int64_t block = std::max<int64_t>(1, kTileElements / std::max<int64_t>(1, reduced * nest.lanes)) * nest.lanes;
    if (block * 2 > extent) block = extent;  // no second block that is nearly empty
    nest.vector_block = block;
    elements *= block;
  }
  if (nest.block_dim >= 0) {
    const int64_t extent = nest.extents[nest.vector_dim];
    nest.vector_block = std::min<int64_t>(4 * nest.lanes, (extent + nest.lanes - 1) / nest.lanes * nest.lanes);
    if (nest.vector_block * 2 > extent) nest.vector_block = extent;
    elements = nest.vector_block * nest.extents[nest.block_dim];
  }
  bool inner = across && nest.block_dim < 0;
  for (int d = dims; d-- > 0;) {
    if ((nest.reduced & Bit(d)) || d == nest.vector_dim || d == nest.block_dim || nest.extents[d] == 1) continue;
    if (inner && nest.reduced == 0 && elements * nest.extents[d] <= kTileElements) {
      nest.inner_dims.insert(nest.inner_dims.begin(), d);
      elements *= nest.extents[d];
      continue;
    }
    inner = false;
    nest.tile_dims.insert(nest.tile_dims.begin(), d);
  }
  nest.tiles = 1;
  for (int d : nest.tile_dims) nest.tiles *= nest.extents[d];
  if (across) nest.tiles *= (nest.extents[nest.vector_dim] + nest.vector_block - 1) / nest.vector_block;

  double bytes = 0, work = 0;
  for (const Access& access : nest.accesses)
    if (access.source) bytes += access.bytes;
  for (auto [op, times] : nest.evaluations)
    work += times * (IsCostly(llvm::cast<mlir::linalg::LinalgOp>(op)) ? 0.3 : 0.03);
  nest.tile_nanoseconds = 5 + static_cast<double>(elements) * (bytes * 0.04 + work + 0.1 * static_cast<double>(nest.reductions.size()));
}

// What is expensive and read again in a later pass is kept from the pass that first computes it.
void ChooseKept(Nest& nest) {
  if (nest.passes < 2) return;
  llvm::DenseMap<mlir::Operation*, int> first;
  for (int pass = 0; pass < nest.passes; ++pass) {
    llvm::SmallVector<mlir::Value> work;
    for (const ReductionInstance& reduction : nest.reductions)
      if (reduction.pass == pass)
        for (mlir::Value input : mlir::linalg::LinalgOp(reduction.op).getDpsInputs()) work.push_back(input);
    if (pass + 1 == nest.passes)
      for (const Root& root : nest.roots)
        if (!root.of_row) work.push_back(root.tensor);
    llvm::DenseSet<mlir::Value> seen;
    while (!work.empty()) {
      mlir::Value value = work.pop_back_val();
      mlir::Operation* op = value.getDefiningOp();
      if (!op || !seen.insert(value).second) continue;
      auto generic = llvm::dyn_cast<mlir::linalg::LinalgOp>(op);
      if (generic && IsReduction(generic)) continue;
      if (generic && nest.evaluations.lookup(op) == 1 && op->getNumResults() == 1 && IsCostly(generic)) {
        auto [it, fresh] = first.try_emplace(op, pass);
        if (!fresh && it->second < pass) {
          nest.kept.insert(value);
          continue;
        }
      }
      for (mlir::Value operand : op->getOperands())
        if (llvm::isa<mlir::RankedTensorType>(operand.getType())) work.push_back(operand);
    }
  }
}

mlir::LogicalResult Finish(Nest& nest, int vector_bits) {
  for (int i = 0; i < 12 && SplitOne(nest); ++i)
    if (mlir::failed(Analyze(nest))) return failure();
  while (MergeOne(nest))
    if (mlir::failed(Analyze(nest))) return failure();
  if (nest.extents.size() > 60) return failure();
  ChooseVectors(nest, vector_bits);
  ChooseBlock(nest, vector_bits);
  ChooseTiles(nest);
  ChooseKept(nest);
  return success();
}

}  // namespace

FailureOr<KernelPlan> PlanKernel(const Region& region, int vector_bits) {
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

  KernelPlan plan;
  for (Candidate& candidate : candidates) {
    const int64_t count = Product(ShapeOf(candidate.root.tensor));
    bool joined = false;
    for (Nest& nest : plan.nests) {
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
    plan.nests.push_back(std::move(nest));
  }
  for (Nest& nest : plan.nests) {
    if (mlir::failed(Finish(nest, vector_bits))) return failure();
    plan.tiles += nest.tiles;
  }
  return plan;
}

bool IsProfitable(const Region& region, const KernelPlan& plan) {
  llvm::DenseMap<mlir::Operation*, int> times;
  for (const Nest& nest : plan.nests) {
    for (auto [op, count] : nest.evaluations) times[op] += count;
    int64_t points = 1;
    for (int64_t extent : nest.extents) points *= extent;
    if (nest.vector_dim < 0) continue;
    for (const Access& access : nest.accesses) {  // gathers of what is no small table
      int64_t stride;
      if (!access.source || points < 1 << 14) continue;
      const bool linear = nest.space.Stride(access.address, nest.vector_dim, &stride);
      if ((!linear || (stride != 0 && stride != 1 && stride != -1)) && nest.evaluations.size() > 1 &&
          Product(ShapeOf(access.source)) > 1 << 12 && nest.block_dim < 0)
        return false;
    }
    if (nest.accesses.size() > 64) return false;
  }
  for (auto [op, count] : times)
    if (count > 1 && (IsCostly(llvm::cast<mlir::linalg::LinalgOp>(op)) || count > 4)) return false;
  llvm::DenseMap<mlir::Operation*, int> reductions;
  for (const Nest& nest : plan.nests)
    for (const ReductionInstance& reduction : nest.reductions)
      if (++reductions[reduction.op] > 1) return false;
  return true;
}

}  // namespace plimsoll::codegen
