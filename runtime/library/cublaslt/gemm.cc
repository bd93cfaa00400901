#include "runtime/library/cublaslt/gemm.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/library/nvidia/address.h"

namespace plimsoll::runtime::cublaslt {
namespace {

using nvidia::View;

constexpr int64_t kMostInt = std::numeric_limits<int32_t>::max();

bool IsHalf(plan::DataType type) { return type == plan::F16 || type == plan::BF16; }

absl::Status CheckTypes(const plan::Matmul& op, int architecture) {
  const plan::DataType type = op.a().dtype(), result = op.dst().dtype();
  if (op.b().dtype() != type || !(IsHalf(type) || type == plan::F32 || type == plan::F64) ||
      !(result == type || (IsHalf(type) && result == plan::F32)) || op.has_a_zero_point() || op.has_b_zero_point()) {
    return absl::UnimplementedError(absl::StrCat("cuBLASLt multiplies f32, f64, f16 and bf16 here, not ",
                                                 plan::DataType_Name(type), " x ", plan::DataType_Name(op.b().dtype()),
                                                 " to ", plan::DataType_Name(result)));
  }
  if (type == plan::BF16 && architecture < 80) return absl::UnimplementedError("cuBLASLt has bf16 from sm_80 on");
  if (op.has_bias() && op.bias().dtype() != result) {
    return absl::UnimplementedError("a bias of another type than the result's");
  }
  for (const plan::MemoryDesc* desc : {&op.a(), &op.b(), &op.dst(), &op.bias()}) {
    if (desc->packed_bytes() != 0) return absl::InvalidArgumentError("cuBLASLt has no packed operands");
  }
  return absl::OkStatus();
}

// One matrix a position of the batch: a stride along the two dims of a product, and one by batch dim.
struct Plane {
  int64_t row = 0, column = 0;
  std::vector<int64_t> batch;
};

Plane PlaneOf(const View& view) {
  const size_t rank = view.dims.size();
  Plane plane{view.strides[rank - 2], view.strides[rank - 1], {}};
  for (size_t i = 0; i + 2 < rank; ++i) plane.batch.push_back(view.dims[i] == 1 ? 0 : view.strides[i]);
  return plane;
}

// A product [M, K] x [K, N] -> [M, N] over batch dims, as strides.
struct Product {
  enum { kA, kB, kC, kD, kPlanes };
  int64_t m = 0, n = 0, k = 0;
  std::vector<int64_t> batch;
  std::array<Plane, kPlanes> planes;

  // (A B)^T = B^T A^T: the same elements at the same addresses.
  void Transpose() {
    std::swap(planes[kA], planes[kB]);
    std::swap(m, n);
    for (Plane& plane : planes) std::swap(plane.row, plane.column);
  }

  // Neighbouring batch dims that every matrix steps through evenly become one.
  void MergeBatch() {
    for (size_t i = batch.size(); i-- > 0;) {
      if (batch[i] == 1) Erase(i);
    }
    for (size_t i = batch.size(); i-- > 1;) {
      const bool even = std::all_of(planes.begin(), planes.end(), [&](const Plane& plane) {
        return plane.batch[i - 1] == plane.batch[i] * batch[i];
      });
      if (!even) continue;
      for (Plane& plane : planes) plane.batch[i - 1] = plane.batch[i];
      batch[i - 1] *= batch[i];
      Erase(i);
    }
  }

  // The innermost batch dim becomes rows where b is the same for all of it: one large product rather than many small
  // ones.
  bool BatchToRows() {
    if (batch.empty() || planes[kB].batch.back() != 0) return false;
    for (int at : {kA, kC, kD}) {
      if (m > 1 && planes[at].batch.back() != m * planes[at].row) return false;
    }
    for (int at : {kA, kC, kD}) {
      if (m == 1) planes[at].row = planes[at].batch.back();
    }
    m *= batch.back();
    Erase(batch.size() - 1);
    return true;
  }

 private:
  void Erase(size_t i) {
    batch.erase(batch.begin() + i);
    for (Plane& plane : planes) plane.batch.erase(plane.batch.begin() + i);
  }
};

// A matrix [rows, columns] of the plan in column-major order: as its transpose, whose rows are the plan's columns...
std::optional<Gemm::Matrix> AsTranspose(const Plane& plane, int64_t rows, int64_t columns) {
  Gemm::Matrix matrix;
  matrix.rows = columns, matrix.columns = rows;
  matrix.leading = rows > 1 ? plane.row : columns;
  matrix.batch_stride = plane.batch.empty() ? 0 : plane.batch.front();
  if ((plane.column != 1 && columns > 1) || matrix.leading < columns) return std::nullopt;
  return matrix;
}

// ... or as it stands, where its columns are contiguous.
std::optional<Gemm::Matrix> AsIs(const Plane& plane, int64_t rows, int64_t columns) {
  const Plane exchanged{plane.column, plane.row, plane.batch};
  return AsTranspose(exchanged, columns, rows);
}

absl::Status NoForm(const Plane& plane, int64_t rows, int64_t columns) {
  return absl::UnimplementedError(
      absl::StrCat("a matrix of ", rows, " x ", columns, " with strides ", plane.row, " and ", plane.column,
                   ": cuBLASLt wants one dimension contiguous, the result's for an addend, and none to overlap"));
}

// Sets `matrix` and whether it has to be transposed to be [columns, rows]. One of a single row or column may have both
// forms: the one whose long side is contiguous is taken.
absl::Status SetFactor(const Plane& plane, int64_t rows, int64_t columns, Gemm::Matrix& matrix, bool& is_transposed) {
  std::optional<Gemm::Matrix> as_transpose = AsTranspose(plane, rows, columns), as_is = AsIs(plane, rows, columns);
  if (!as_transpose && !as_is) return NoForm(plane, rows, columns);
  is_transposed = !as_transpose || (as_is && columns == 1);
  matrix = is_transposed ? *as_is : *as_transpose;
  return absl::OkStatus();
}

absl::Status SetResult(const Plane& plane, int64_t rows, int64_t columns, Gemm::Matrix& matrix) {
  std::optional<Gemm::Matrix> as_transpose = AsTranspose(plane, rows, columns);
  if (!as_transpose) return NoForm(plane, rows, columns);
  matrix = *as_transpose;
  return absl::OkStatus();
}

absl::Status CheckBatchDims(const View& view, const View& dst, const char* name) {
  for (size_t i = 0; i + 2 < dst.dims.size(); ++i) {
    if (view.dims[i] == dst.dims[i] || view.dims[i] == 1) continue;
    return absl::InvalidArgumentError(absl::StrCat("a matmul's ", name, " has ", view.dims[i], " in batch dim ", i,
                                                   ", its destination ", dst.dims[i]));
  }
  return absl::OkStatus();
}

enum class BiasAlong { kNone, kColumns, kRows };

absl::StatusOr<BiasAlong> BiasOf(const plan::Matmul& op, const View& dst) {
  if (!op.has_bias()) return BiasAlong::kNone;
  const int rank = static_cast<int>(dst.dims.size());
  if (op.bias().dims_size() > rank) return absl::InvalidArgumentError("a bias of more dims than the destination");
  absl::StatusOr<View> view = nvidia::ViewOf(op.bias(), rank);
  if (!view.ok()) return view.status();
  int along = -1;
  for (int i = 0; i < rank; ++i) {
    if (view->dims[i] == 1) continue;
    if (view->dims[i] != dst.dims[i])
      return absl::InvalidArgumentError("a bias that does not broadcast to the destination");
    if (along >= 0 || i < rank - 2)
      return absl::UnimplementedError("a bias that is no vector along the rows or columns");
    along = i;
  }
  if (along >= 0 && view->strides[along] != 1) return absl::UnimplementedError("a bias with gaps");
  const int64_t n = dst.dims[rank - 1], m = dst.dims[rank - 2];
  if (along == rank - 1 || (along < 0 && n == 1)) return BiasAlong::kColumns;
  if (along == rank - 2 || (along < 0 && m == 1)) return BiasAlong::kRows;
  return absl::UnimplementedError("a bias of one element for the whole result");
}

}  // namespace

int64_t WorkspaceCap(int architecture, int64_t rows, int64_t columns, int64_t batch, int64_t inner) {
  constexpr int64_t kMiB = int64_t{1} << 20, kGranule = int64_t{64} << 10;
  constexpr int64_t kUnsplitInner = 256, kMostParts = 32, kPartialSumBytes = 4;
  if (inner <= kUnsplitInner) return 0;
  const int64_t cap = architecture >= 90 ? 32 * kMiB : 4 * kMiB;
  const __int128 useful = static_cast<__int128>(rows) * columns * batch * kMostParts * kPartialSumBytes;
  const int64_t bytes = useful >= cap ? cap : (static_cast<int64_t>(useful) + kGranule - 1) / kGranule * kGranule;
  return std::min(cap, bytes) + kWorkspaceAlignment - nvidia::kOperandAlignment;
}

absl::StatusOr<Gemm> GemmOf(const plan::LibraryOp& library_op, const plan::Target& target) {
  if (!library_op.has_matmul()) return absl::UnimplementedError("cuBLASLt computes products of matrices only");
  const plan::Matmul& op = library_op.matmul();
  absl::StatusOr<int> architecture = nvidia::ArchitectureOf(target);
  if (!architecture.ok()) return architecture.status();
  const int rank = op.dst().dims_size();
  if (rank < 2 || op.a().dims_size() < 2 || op.b().dims_size() < 2 || op.a().dims_size() > rank ||
      op.b().dims_size() > rank) {
    return absl::InvalidArgumentError("a matmul's operands have dims [.., M, K] x [.., K, N] -> [.., M, N]");
  }
  if (absl::Status status = CheckTypes(op, *architecture); !status.ok()) return status;
  absl::StatusOr<nvidia::Epilogue> epilogue = nvidia::EpilogueOf(op.post_ops(), op.dst());
  if (!epilogue.ok()) return epilogue.status();
  if (op.dst().dtype() == plan::F64 && (op.has_bias() || epilogue->activation != nvidia::Activation::kNone)) {
    return absl::UnimplementedError("cuBLASLt adds no bias and computes no activation in f64");
  }

  Gemm gemm;
  const bool has_operand = epilogue->addend == nvidia::Epilogue::Addend::kOperand;
  const int dst_operand = 2 + (op.has_bias() ? 1 : 0) + (has_operand ? 1 : 0);
  gemm.operands = dst_operand + 1;
  gemm.is_empty = nvidia::HasZeroElements(op.dst());

  absl::StatusOr<View> a = nvidia::ViewOf(op.a(), rank), b = nvidia::ViewOf(op.b(), rank),
                       d = nvidia::ViewOf(op.dst(), rank);
  for (const auto* view : {&a, &b, &d}) {
    if (!view->ok()) return view->status();
  }
  absl::StatusOr<View> c = has_operand ? nvidia::ViewOf(epilogue->operand, rank) : d;
  if (!c.ok()) return c.status();
  Product product;
  product.m = d->dims[rank - 2], product.n = d->dims[rank - 1], product.k = a->dims[rank - 1];
  if (a->dims[rank - 2] != product.m || b->dims[rank - 2] != product.k || b->dims[rank - 1] != product.n) {
    return absl::InvalidArgumentError("a matmul whose matrices do not fit together");
  }
  for (const auto& [view, name] : {std::pair(&*a, "a"), std::pair(&*b, "b")}) {
    if (absl::Status status = CheckBatchDims(*view, *d, name); !status.ok()) return status;
  }
  absl::StatusOr<BiasAlong> bias = BiasOf(op, *d);
  if (!bias.ok()) return bias.status();
  if (gemm.is_empty) return gemm;
  if (product.k == 0) return absl::UnimplementedError("a matmul over zero elements: its result is a constant");

  product.batch.assign(d->dims.begin(), d->dims.end() - 2);
  product.planes = {PlaneOf(*a), PlaneOf(*b), PlaneOf(*c), PlaneOf(*d)};
  // In column-major order the rows of D are contiguous, and it is they that the bias runs along.
  const Plane& out = product.planes[Product::kD];
  const bool rows_contiguous = out.row == 1 && product.m > 1 && (out.column != 1 || product.n == 1);
  const bool transpose = rows_contiguous && *bias != BiasAlong::kColumns;
  if (transpose) product.Transpose();
  if (*bias == (transpose ? BiasAlong::kColumns : BiasAlong::kRows)) {
    return absl::UnimplementedError("a bias across the result's contiguous dimension");
  }
  product.MergeBatch();
  while (product.BatchToRows()) {
  }
  if (product.batch.size() > 1) {
    return absl::UnimplementedError("a matmul over batch dims that are broadcast or laid out each their own way");
  }
  gemm.batch = product.batch.empty() ? 1 : product.batch[0];
  gemm.inner = product.k;

  const auto& [m, n, k] = std::tie(product.m, product.n, product.k);
  absl::Status status = SetResult(product.planes[Product::kD], m, n, gemm.d);
  status.Update(SetResult(product.planes[Product::kC], m, n, gemm.c));
  status.Update(SetFactor(product.planes[Product::kB], k, n, gemm.a, gemm.transpose_a));
  status.Update(SetFactor(product.planes[Product::kA], m, k, gemm.b, gemm.transpose_b));
  if (!status.ok()) return status;
  gemm.a.operand = transpose ? 0 : 1;
  gemm.b.operand = transpose ? 1 : 0;
  gemm.d.operand = dst_operand;
  gemm.c.operand = has_operand ? dst_operand - 1 : dst_operand;
  gemm.a.dtype = gemm.b.dtype = op.a().dtype();
  gemm.c.dtype = gemm.d.dtype = op.dst().dtype();
  for (const Gemm::Matrix* matrix : {&gemm.a, &gemm.b, &gemm.c, &gemm.d}) {
    if (matrix->rows > kMostInt || matrix->columns > kMostInt)
      return absl::UnimplementedError("a matrix of 2^31 rows or columns");
  }
  if (gemm.batch > kMostInt) return absl::UnimplementedError("a batch of 2^31 matrices");
  const __int128 extent = static_cast<__int128>(gemm.d.leading) * (gemm.d.columns - 1) + gemm.d.rows;
  if (gemm.batch > 1 && gemm.d.batch_stride < extent) {
    return absl::UnimplementedError("a batch whose results lie within each other");
  }
  gemm.alpha = op.scale() == 0 ? 1 : op.scale();
  gemm.has_addend = epilogue->addend != nvidia::Epilogue::Addend::kNone;
  gemm.bias_operand = op.has_bias() ? 2 : -1;
  gemm.activation = epilogue->activation;
  gemm.tf32 = library_op.tf32() && op.a().dtype() == plan::F32;
  gemm.workspace_bytes = WorkspaceCap(*architecture, gemm.d.rows, gemm.d.columns, gemm.batch, gemm.inner);
  return gemm;
}

}  // namespace plimsoll::runtime::cublaslt
