#include "compiler/codegen/cuda/plan.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace plimsoll::codegen {
using mlir::failure;
using mlir::FailureOr;

namespace {

constexpr int kThreads = 256;
constexpr int64_t kTile = 32;            // of a transpose, and rows of a warp
constexpr int kHeldValues = 32;          // of a row, in one thread's registers
constexpr int64_t kUnrolledWork = 3000;  // evaluations that a held row may be unrolled to
constexpr int kWavesOfBlocks = 32;       // of 256 threads for each multiprocessor: four times what it holds at a time

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t PowerAtLeast(int64_t n) {
  int64_t power = 1;
  while (power < n) power *= 2;
  return power;
}

bool DependsOn(const CudaNest& nest, const Index& index, int dim) { return (nest.space.Dims(index) & Bit(dim)) != 0; }

// Bytes that a step along a dim moves in one piece, less those that it picks from far apart. What has fewer elements
// than the nest has points (a row's result, a channel's parameter) counts for as much less: caches keep it.
double Contiguity(const CudaNest& nest, int dim) {
  double sum = 0;
  for (const Access& access : nest.accesses) {
    if (!access.source || !DependsOn(nest, access.address, dim)) continue;
    int64_t stride;
    const bool linear = nest.space.Stride(access.address, dim, &stride);
    double weight = access.bytes * (access.store ? 1.5 : 1);
    const auto elements =
        static_cast<double>(llvm::cast<mlir::RankedTensorType>(access.source.getType()).getNumElements());
    weight *= std::min(1.0, elements / static_cast<double>(nest.rows * nest.columns));
    sum += linear && (stride == 1 || stride == -1) ? weight : -weight;
  }
  return sum;
}

int64_t ProductOver(const CudaNest& nest, bool reduced) {
  int64_t product = 1;
  for (size_t d = 0; d < nest.extents.size(); ++d)
    if (((nest.reduced & Bit(static_cast<int>(d))) != 0) == reduced) product *= nest.extents[d];
  return product;
}

// Dims of more than one point, reduced or not, the innermost first; `first` before all.
llvm::SmallVector<int> Order(const CudaNest& nest, bool reduced, int first) {
  llvm::SmallVector<int> order;
  if (first >= 0) order.push_back(first);
  for (int d = static_cast<int>(nest.extents.size()); d-- > 0;)
    if (d != first && nest.extents[d] != 1 && ((nest.reduced & Bit(d)) != 0) == reduced) order.push_back(d);
  return order;
}

// The dim, of those reduced or not, along which most memory is contiguous; -1: there is none.
int ContiguousDim(const CudaNest& nest, bool reduced, double* contiguity) {
  int best = -1;
  *contiguity = 0;
  for (int d = static_cast<int>(nest.extents.size()); d-- > 0;) {
    if (nest.extents[d] <= 1 || ((nest.reduced & Bit(d)) != 0) != reduced) continue;
    const double value = Contiguity(nest, d);
    if (best >= 0 && value <= *contiguity) continue;
    best = d;
    *contiguity = value;
  }
  return best;
}

// Elements that a thread takes at a time: as many of the widest type as one access of 16 bytes has, so that the lanes of
// an access lie side by side, but 4 bytes of the narrowest.
int WantedLanes(const CudaNest& nest, int dim) {
  int narrowest = 8, widest = 1;
  for (const Access& access : nest.accesses) {
    int64_t stride;
    if (!access.source || !nest.space.Stride(access.address, dim, &stride) || stride != 1) continue;
    narrowest = std::min(narrowest, access.bytes);
    widest = std::max(widest, access.bytes);
  }
  int lanes = narrowest > widest ? 1 : std::max(16 / widest, 4 / narrowest);
  int64_t work = 0;
  for (auto [op, times] : nest.evaluations) work += times;
  while (lanes > 1 && work * lanes > 256) lanes /= 2;
  return lanes;
}

void PlanMap(CudaNest& nest, const CudaTarget& target) {
  double contiguity;
  nest.vector_dim = ContiguousDim(nest, false, &contiguity);
  nest.order = Order(nest, false, nest.vector_dim);
  if (nest.vector_dim >= 0) {
    const int64_t extent = nest.extents[nest.vector_dim];
    nest.lanes = WantedLanes(nest, nest.vector_dim);
    // A tail needs no care where there is one dim: elsewhere rows start aligned.
    while (nest.lanes > 1 && (extent < nest.lanes || (nest.order.size() > 1 && extent % nest.lanes != 0)))
      nest.lanes /= 2;
  }
  const int64_t chunks = CeilDiv(nest.rows, nest.lanes);
  nest.blocks = std::min<int64_t>(CeilDiv(chunks, kThreads), int64_t{target.multiprocessors} * kWavesOfBlocks);
}

int64_t Evaluations(const CudaNest& nest) {
  int64_t work = 1;
  for (auto [op, times] : nest.evaluations) work += times;
  return work;
}

int64_t SquaresOf(const CudaNest& nest, int64_t side) {
  int64_t squares = CeilDiv(nest.extents[nest.block_dim], side) * CeilDiv(nest.extents[nest.vector_dim], side);
  for (int d : nest.order) squares *= nest.extents[d];
  return squares;
}

// Elements of 1 or 2 bytes that make words of 4, for loads `tiles` and for the stores: 1 where not all of them can,
// where too few squares would be left, or where a dim is not half as long as a square.
int WordsOfNarrow(const CudaNest& nest, llvm::ArrayRef<const Access*> tiles, const CudaTarget& target, int alignment) {
  const int bytes = tiles[0]->bytes, lanes = 4 / std::max(1, bytes);
  const int64_t along = nest.extents[nest.block_dim], across = nest.extents[nest.vector_dim];
  if (lanes <= 1 || alignment < 4 || along % lanes != 0 || across % lanes != 0) return 1;
  if (std::min(along, across) <= kTile * lanes / 2 || SquaresOf(nest, kTile * lanes) < 2 * target.multiprocessors)
    return 1;
  if (static_cast<int>(tiles.size()) > 8 / lanes) return 1;  // of 48 KB
  if (Evaluations(nest) * 4 * lanes * lanes > 1024) return 1;
  for (const Access* tile : tiles)
    if (tile->bytes != bytes || AccessWidth(nest.space, tile->address, nest.block_dim, lanes, bytes, 16) != lanes)
      return 1;
  for (const Access& access : nest.accesses) {
    if (!access.source || !access.store) continue;
    const int width = AccessWidth(nest.space, access.address, nest.vector_dim, lanes, access.bytes, 16);
    if (width != lanes && width * access.bytes < 16) return 1;
  }
  return lanes;
}

// Loads that walk along another dim than the stores, none of them masked or at computed places.
// `alignment`: the least of the operands' and results'; `alone`: no other nest needs shared memory.
bool PlanTranspose(CudaNest& nest, const CudaTarget& target, int alignment, bool alone) {
  int along = -1, across = -1;
  llvm::SmallVector<const Access*> tiles;
  for (const Access& access : nest.accesses) {
    if (!access.source || !access.store) continue;
    int unit = -1;
    for (int d = 0; d < static_cast<int>(nest.extents.size()); ++d)
      if (int64_t s; nest.space.Stride(access.address, d, &s) && s == 1 && nest.extents[d] > 1) unit = d;
    if (unit < 0 || (across >= 0 && across != unit)) return false;
    across = unit;
  }
  if (across < 0) return false;
  for (const Access& access : nest.accesses) {
    if (!access.source || access.store || access.masked) continue;
    int64_t stride;
    if (!nest.space.Stride(access.address, across, &stride) || stride == 0 || stride == 1 || stride == -1) continue;
    if (nest.space.HasRuntime(access.address)) continue;
    int unit = -1;
    for (int d = 0; d < static_cast<int>(nest.extents.size()); ++d)
      if (int64_t s; nest.space.Stride(access.address, d, &s) && s == 1 && nest.extents[d] > 1) unit = d;
    if (unit < 0 || (along >= 0 && along != unit)) continue;
    along = unit;
    if (llvm::none_of(tiles,
                      [&](const Access* t) { return t->source == access.source && t->address == access.address; }))
      tiles.push_back(&access);
  }
  if (along < 0 || tiles.size() > 4 || nest.extents[along] < 8 || nest.extents[across] < 8) return false;
  nest.skeleton = Skeleton::kTranspose;
  nest.vector_dim = across;
  nest.block_dim = along;
  for (int d : Order(nest, false, -1))
    if (d != along && d != across) nest.order.push_back(d);
  nest.lanes = alone ? WordsOfNarrow(nest, tiles, target, alignment) : 1;
  nest.blocks = SquaresOf(nest, kTile * nest.lanes);
  return true;
}

// Values of each column that are read in one pass and wanted in a later one: at most the loads that depend on the
// column.
int64_t HeldLoads(const CudaNest& nest) {
  llvm::SmallVector<const Access*> distinct;
  for (const Access& access : nest.accesses) {
    if (!access.source || access.store || (nest.space.Dims(access.address) & nest.reduced) == 0) continue;
    if (llvm::any_of(distinct,
                     [&](const Access* a) { return a->source == access.source && a->address == access.address; }))
      continue;
    distinct.push_back(&access);
  }
  return std::clamp<int64_t>(static_cast<int64_t>(distinct.size()), 1, 4);
}

// Threads that a block wants for a row of its own; fewer than 33: a part of a warp does.
int WantedRowThreads(const CudaNest& nest) {
  const int64_t pieces = CeilDiv(nest.columns, nest.lanes);
  if (nest.columns <= 1024) return static_cast<int>(std::min<int64_t>(32, PowerAtLeast(pieces)));
  // 1,024 threads have 64 registers each: only where fewer would have to hold too much.
  return static_cast<int>(std::clamp<int64_t>(PowerAtLeast(CeilDiv(pieces, 2)), 128, nest.columns > 8192 ? 1024 : 512));
}

void PlanRows(CudaNest& nest, const CudaTarget& target) {
  double along_columns, along_rows;
  const int column = ContiguousDim(nest, true, &along_columns), row = ContiguousDim(nest, false, &along_rows);
  nest.order = Order(nest, false, row);
  nest.columns_order = Order(nest, true, column);
  if (nest.columns > 1 && column >= 0 && along_columns >= along_rows) {
    nest.skeleton = Skeleton::kRow;
    nest.vector_dim = column;
    nest.lanes = WantedLanes(nest, column);
    while (nest.lanes > 1 && nest.extents[column] % nest.lanes != 0) nest.lanes /= 2;
    nest.order = Order(nest, false, -1);
    nest.threads_per_row = WantedRowThreads(nest);
    return;
  }
  // Enough rows to fill the GPU with one a thread, or little to do for each: no need to share them.
  const bool few = nest.rows < int64_t{target.multiprocessors} * 1024;
  nest.skeleton = few && nest.columns >= 32 && nest.rows > 1 ? Skeleton::kColumn : Skeleton::kSerial;
}

// What depends on the block's threads, which the nests of a kernel share.
void Size(CudaNest& nest, int threads) {
  switch (nest.skeleton) {
    case Skeleton::kMap:
      nest.blocks = std::min(nest.blocks, CeilDiv(CeilDiv(nest.rows, nest.lanes), threads));
      break;
    case Skeleton::kTranspose:
      break;
    case Skeleton::kRow: {
      if (nest.threads_per_row > 32) nest.threads_per_row = threads;
      nest.chunks = CeilDiv(CeilDiv(nest.columns, nest.lanes), nest.threads_per_row);
      const int64_t values = nest.chunks * nest.lanes;
      const int64_t most = threads > 512 ? kHeldValues / 2 : kHeldValues;
      nest.held = values * HeldLoads(nest) <= 2 * most && values <= most && values * Evaluations(nest) <= kUnrolledWork;
      nest.blocks = CeilDiv(nest.rows, threads / nest.threads_per_row);
      break;
    }
    case Skeleton::kColumn:
      nest.blocks = CeilDiv(nest.rows, kTile);
      break;
    case Skeleton::kSerial:
      nest.blocks = CeilDiv(nest.rows, threads);
      break;
  }
}

// What depends on this nest alone. No rows: there is nothing to do.
CudaNest PlanNest(Nest planned, const CudaTarget& target, int alignment, bool alone) {
  CudaNest nest;
  static_cast<Nest&>(nest) = std::move(planned);
  nest.rows = ProductOver(nest, false);
  nest.columns = ProductOver(nest, true);
  if (nest.rows == 0) return nest;
  nest.wide = nest.rows * std::max<int64_t>(1, nest.columns) > (int64_t{1} << 31) - (int64_t{1} << 24);
  if (!nest.reductions.empty())
    PlanRows(nest, target);
  else if (!PlanTranspose(nest, target, alignment, alone))
    PlanMap(nest, target);
  return nest;
}

// The shorter of the dims that squares lie along; as long as can be where nothing is transposed.
int64_t SideOfSquares(const CudaNest& nest) {
  if (nest.skeleton != Skeleton::kTranspose) return kTile;
  return std::min(nest.extents[nest.block_dim], nest.extents[nest.vector_dim]);
}

}  // namespace

const char* NameOf(Skeleton skeleton) {
  switch (skeleton) {
    case Skeleton::kMap:
      return "map";
    case Skeleton::kTranspose:
      return "transpose";
    case Skeleton::kRow:
      return "row";
    case Skeleton::kColumn:
      return "column";
    case Skeleton::kSerial:
      return "serial";
  }
  return "";
}

int AccessWidth(const IndexSpace& space, const Index& address, int dim, int lanes, int bytes, int alignment) {
  int64_t stride;
  if (dim < 0 || lanes == 1 || !space.Stride(address, dim, &stride) || stride != 1) return 1;
  int64_t common = address.constant;
  for (auto [number, c] : address.terms) {
    const IndexSpace::Atom& atom = space.atom(number);
    if (atom.kind == IndexSpace::Atom::DIM && atom.dim == dim) continue;
    common = std::gcd(common, c);
  }
  int width = lanes;
  while (width > 1 && (common % width != 0 || width * bytes > 16 || alignment % (width * bytes) != 0)) width /= 2;
  return width;
}

FailureOr<CudaKernelPlan> PlanCudaKernel(const Region& region, const CudaTarget& target,
                                         llvm::ArrayRef<int> alignments) {
  auto nests = PlanNests(region);
  if (mlir::failed(nests)) return failure();
  CudaKernelPlan plan;
  plan.capability = std::min(target.capability, std::atoi(target.text_arch.c_str() + 3));
  plan.alignments.assign(region.body->getNumArguments() + region.results.size(), 16);
  for (size_t i = 0; i < std::min(alignments.size(), plan.alignments.size()); ++i)
    plan.alignments[i] = std::min(16, alignments[i]);
  const int alignment = *llvm::min_element(plan.alignments);
  for (Nest& planned : *nests) {
    CudaNest nest = PlanNest(std::move(planned), target, alignment, nests->size() == 1);
    if (nest.rows == 0) continue;
    plan.nests.push_back(std::move(nest));
  }
  // Squares of which a split leaves a part empty: a division for each element that needs it costs less.
  if (nests->size() == 1 && !plan.nests.empty() && SideOfSquares(plan.nests[0]) < kTile) {
    auto unsplit = PlanNests(region, /*splits=*/false);
    if (mlir::succeeded(unsplit) && unsplit->size() == 1) {
      CudaNest nest = PlanNest(std::move(unsplit->front()), target, alignment, true);
      if (nest.skeleton == Skeleton::kTranspose && SideOfSquares(nest) > SideOfSquares(plan.nests[0]))
        plan.nests[0] = std::move(nest);
    }
  }
  int threads = 0;
  for (const CudaNest& nest : plan.nests) {
    const bool row = nest.skeleton == Skeleton::kRow;
    threads = std::max(threads, !row ? kThreads : nest.threads_per_row > 32 ? nest.threads_per_row : 128);
  }
  plan.threads = std::max(threads, 32);
  for (CudaNest& nest : plan.nests) {
    Size(nest, plan.threads);
    plan.blocks += nest.blocks;
  }
  if (plan.blocks >= int64_t{1} << 31) return failure();
  return plan;
}

}  // namespace plimsoll::codegen
