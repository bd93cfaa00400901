#include "compiler/codegen/cpu/plan.h"

#include <algorithm>

namespace plimsoll::codegen {
using mlir::failure;
using mlir::FailureOr;

namespace {

// Relative cost of computing with vectors along `dim`.
double VectorCost(const CpuNest& nest, int dim, int lanes) {
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

void ChooseVectors(CpuNest& nest, int vector_bits) {
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
void ChooseBlock(CpuNest& nest, int vector_bits) {
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

void ChooseTiles(CpuNest& nest) {
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
void ChooseKept(CpuNest& nest) {
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

}  // namespace

FailureOr<KernelPlan> PlanKernel(const Region& region, int vector_bits) {
  auto nests = PlanNests(region);
  if (mlir::failed(nests)) return failure();
  KernelPlan plan;
  for (Nest& planned : *nests) {
    CpuNest& nest = plan.nests.emplace_back();
    static_cast<Nest&>(nest) = std::move(planned);
    ChooseVectors(nest, vector_bits);
    ChooseBlock(nest, vector_bits);
    ChooseTiles(nest);
    ChooseKept(nest);
    plan.tiles += nest.tiles;
  }
  return plan;
}

bool IsProfitable(const KernelPlan& plan) {
  llvm::SmallVector<const Nest*> nests;
  for (const CpuNest& nest : plan.nests) {
    nests.push_back(&nest);
    int64_t points = 1;
    for (int64_t extent : nest.extents) points *= extent;
    if (nest.vector_dim < 0) continue;
    for (const Access& access : nest.accesses) {  // gathers of what is no small table
      int64_t stride;
      if (!access.source || points < 1 << 14) continue;
      const bool linear = nest.space.Stride(access.address, nest.vector_dim, &stride);
      if ((!linear || (stride != 0 && stride != 1 && stride != -1)) && nest.evaluations.size() > 1 &&
          llvm::cast<mlir::RankedTensorType>(access.source.getType()).getNumElements() > 1 << 12 && nest.block_dim < 0)
        return false;
    }
    if (nest.accesses.size() > 64) return false;
  }
  return !RepeatsWork(nests);
}

}  // namespace plimsoll::codegen
