#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/device/cpu/parallel.h"
#include "runtime/library/onednn/engine.h"
#include "runtime/library/onednn/integer.h"
#include "runtime/library/onednn/operations.h"

namespace plimsoll::runtime::onednn {
namespace {

constexpr double kMostBytes = 1e12;

class IntegerMatmul : public PreparedOp {
 public:
  ByteTensor a, b;
  Dims dst_dims, dst_strides;
  int bias_operand = -1, a_zero_operand = -1, b_zero_operand = -1, dst_operand = 2;
  int64_t a_zeros = 1;  // one a row of each batch, or one for all
  bool b_zero_per_column = false;
  Dims bias_dims, bias_strides;
  int threads = 0;

  absl::Status Run(absl::Span<void* const> operands, StreamHandle) override {
    if (static_cast<int>(operands.size()) < operand_count()) {
      return absl::InvalidArgumentError("a library call got too few operands");
    }
    ThreadCount scope(threads);
    if (a.is_signed) {
      if (b.is_signed)
        RunTyped<int8_t, int8_t>(operands);
      else
        RunTyped<int8_t, uint8_t>(operands);
    } else {
      if (b.is_signed)
        RunTyped<uint8_t, int8_t>(operands);
      else
        RunTyped<uint8_t, uint8_t>(operands);
    }
    return absl::OkStatus();
  }
  // Signed rows of a, what each takes out of its sums, and for each thread the fours of one tile of b.
  int64_t workspace_bytes() const override { return left_bytes() + rows_bytes() + slots() * tile_bytes(); }
  int operand_count() const override { return dst_operand + 1 + (workspace_bytes() > 0 ? 1 : 0); }

  // One batch, where b is the same for all of them and the rows of a and dst follow one another.
  void JoinBatches() {
    while (rank() > 2) {
      const int i = rank() - 3;
      const bool same_b = b.dims[i] == 1;
      const bool rows_follow = a.dims[i] == dst_dims[i] && a.dims[i + 1] == dst_dims[i + 1] &&
                               a.strides[i] == a.strides[i + 1] * a.dims[i + 1] &&
                               dst_strides[i] == dst_strides[i + 1] * dst_dims[i + 1];
      const bool plain_bias = bias_operand < 0 || (bias_dims[i] == 1 && bias_dims[i + 1] == 1);
      if (!same_b || !rows_follow || !plain_bias) return;
      a.dims[i + 1] *= a.dims[i];
      dst_dims[i + 1] *= dst_dims[i];
      for (Dims* list : {&a.dims, &a.strides, &b.dims, &b.strides, &dst_dims, &dst_strides})
        list->erase(list->begin() + i);
      if (bias_operand < 0) continue;
      bias_dims.erase(bias_dims.begin() + i);
      bias_strides.erase(bias_strides.begin() + i);
    }
  }

 private:
  int rank() const { return static_cast<int>(dst_dims.size()); }
  int64_t k() const { return a.dims[rank() - 1]; }
  static int64_t Rounded(int64_t bytes) {
    return (bytes + kWorkspaceAlignment - 1) / kWorkspaceAlignment * kWorkspaceAlignment;
  }
  int64_t left_bytes() const { return Rounded(rows() * 4 * Quads(k())); }
  int64_t rows_bytes() const { return Rounded(rows() * static_cast<int64_t>(sizeof(LeftRow))); }
  int64_t rows() const {  // of a, over all of its batches
    int64_t count = 1;
    for (int i = 0; i + 1 < rank(); ++i) count *= a.dims[i];
    return count;
  }
  int64_t tile_bytes() const { return Quads(k()) * kQuadBytes; }
  int64_t slots() const { return threads > 0 ? threads : cpu::HardwareThreads(); }

  template <typename A>
  void PackRows(const A* data, const A* zeros, int8_t* to, LeftRow* left_rows) {
    const int64_t row_bytes = 4 * Quads(k());
    cpu::ParallelFor(rows(), std::max<int64_t>(1, 131072 / std::max<int64_t>(1, k())), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        int64_t from = 0, rest = row;
        for (int i = rank() - 2; i >= 0; --i) {
          from += rest % a.dims[i] * a.strides[i];
          rest /= a.dims[i];
        }
        int8_t* packed = to + row * row_bytes;
        CopyBytes(data + from, a.strides[rank() - 1], k(), Side<A>::kLeftFlip, packed);
        std::fill(packed + k(), packed + row_bytes, int8_t{0});
        left_rows[row] = LeftRowOf(packed, k(), Side<A>::LeftZero(zeros == nullptr ? 0 : zeros[row % a_zeros]));
      }
    });
  }

  // Columns [first, first + count) of one batch of b, in fours.
  template <typename B>
  void GatherFours(const B* data, int64_t first, int64_t count, uint8_t* to) {
    const int64_t row_stride = b.strides[rank() - 2], stride = b.strides[rank() - 1];
    if (stride == 1) {
      PackColumns(data + first, row_stride, k(), count, Side<B>::kRightFlip, to);
      return;
    }
    alignas(64) uint8_t rows[4][kTileColumns] = {};
    const void* const pointers[4] = {rows[0], rows[1], rows[2], rows[3]};
    for (int64_t i = 0; i < k(); i += 4, to += kQuadBytes) {
      for (int64_t j = 0; j < 4; ++j) {
        if (i + j < k())
          CopyBytes(data + (i + j) * row_stride + first * stride, stride, count, Side<B>::kRightFlip, rows[j]);
        else
          std::fill(rows[j], rows[j] + kTileColumns, uint8_t{0});
      }
      InterleaveFour(pointers, 0, to);
    }
  }

  // Where batch `batch` of dst begins in a (counted in its rows), b, dst and bias.
  struct Begin {
    int64_t a_row = 0, b = 0, dst = 0, bias = 0;
  };
  Begin BeginOf(int64_t batch) const {
    Begin at;
    int64_t a_rows = rank() >= 2 ? a.dims[rank() - 2] : 1;
    for (int i = rank() - 3; i >= 0; --i) {
      const int64_t index = batch % dst_dims[i];
      batch /= dst_dims[i];
      if (a.dims[i] > 1) at.a_row += index * a_rows;
      a_rows *= a.dims[i];
      if (b.dims[i] > 1) at.b += index * b.strides[i];
      at.dst += index * dst_strides[i];
      if (bias_operand >= 0 && bias_dims[i] > 1) at.bias += index * bias_strides[i];
    }
    return at;
  }

  template <typename A, typename B>
  void RunTyped(absl::Span<void* const> operands) {
    const int64_t m = dst_dims[rank() - 2], n = dst_dims[rank() - 1];
    const auto* a_zero = a_zero_operand < 0 ? nullptr : static_cast<const A*>(operands[a_zero_operand]);
    const auto* b_zero = b_zero_operand < 0 ? nullptr : static_cast<const B*>(operands[b_zero_operand]);
    int64_t batches = 1;
    for (int i = 0; i + 2 < rank(); ++i) batches *= dst_dims[i];
    char* workspace = static_cast<char*>(operands.back());
    auto* left = reinterpret_cast<int8_t*>(workspace);
    auto* left_rows = reinterpret_cast<LeftRow*>(workspace + left_bytes());
    char* tiles = workspace + left_bytes() + rows_bytes();
    PackRows(static_cast<const A*>(operands[0]), a_zero, left, left_rows);
    const bool zeros_in_rows =
        std::any_of(left_rows, left_rows + rows(), [](const LeftRow& row) { return row.zero != 0; });
    const int64_t blocks = (n + kTileColumns - 1) / kTileColumns;
    // Where there are fewer tiles than threads, their rows are divided too.
    const int64_t row_parts =
        std::clamp<int64_t>((slots() + batches * blocks - 1) / std::max<int64_t>(1, batches * blocks), 1,
                            std::max<int64_t>(1, m / (4 * kTileRows)));
    const int64_t rows_each = (m + row_parts - 1) / row_parts;
    const int64_t tasks = batches * blocks * row_parts;
    const int64_t used = std::min(slots(), tasks);
    const double work = static_cast<double>(tasks) * kTileColumns * static_cast<double>(k() * m);
    // A slot of the workspace each; tasks go round.
    cpu::ParallelFor(used, work < 65536 ? used : 1, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        auto* right = reinterpret_cast<uint8_t*>(tiles + slot * tile_bytes());
        alignas(64) int32_t sums[kTileColumns], zeros[kTileColumns] = {};
        for (int64_t task = slot; task < tasks; task += used) {
          const Begin at = BeginOf(task / (blocks * row_parts));
          const int64_t first = task / row_parts % blocks * kTileColumns, count = std::min(kTileColumns, n - first);
          const int64_t row = task % row_parts * rows_each;
          for (int64_t c = 0; c < count; ++c) {
            zeros[c] = Side<B>::RightZero(b_zero == nullptr ? 0 : b_zero[b_zero_per_column ? first + c : 0]);
          }
          GatherFours(static_cast<const B*>(operands[1]) + at.b, first, count, right);
          if (zeros_in_rows) SumColumns(right, Quads(k()), sums);
          RunRows(left + at.a_row * 4 * Quads(k()), left_rows + at.a_row, row, std::min(m, row + rows_each), right,
                  zeros, zeros_in_rows ? sums : nullptr, at, first, count, operands);
        }
      }
    });
  }

  // Rows [begin, end) of one batch at columns [first, first + count).
  void RunRows(const int8_t* left, const LeftRow* left_rows, int64_t begin, int64_t end, const uint8_t* right,
               const int32_t* zeros, const int32_t* column_sums, const Begin& at, int64_t first, int64_t count,
               absl::Span<void* const> operands) const {
    alignas(64) int32_t tile[kTileRows * kTileColumns];
    const int64_t stride = dst_strides[rank() - 1];
    for (int64_t row = begin; row < end; row += kTileRows) {
      const int64_t rows = std::min(kTileRows, end - row);
      MultiplyTile(left + row * 4 * Quads(k()), 4 * Quads(k()), rows, right, Quads(k()), count, tile);
      for (int64_t r = 0; r < rows; ++r) {
        auto* to = static_cast<int32_t*>(operands[dst_operand]) + at.dst + (row + r) * dst_strides[rank() - 2] +
                   first * stride;
        TakeOutZeros(left_rows[row + r], zeros, column_sums, tile + r * kTileColumns);
        const int32_t* from = tile + r * kTileColumns;
        for (int64_t c = 0; c < count; ++c) to[c * stride] = from[c];
        if (bias_operand < 0) continue;
        const int64_t bias_row = bias_dims[rank() - 2] > 1 ? bias_strides[rank() - 2] : 0;
        const int64_t step = bias_dims[rank() - 1] > 1 ? bias_strides[rank() - 1] : 0;
        const auto* bias =
            static_cast<const uint32_t*>(operands[bias_operand]) + at.bias + (row + r) * bias_row + first * step;
        for (int64_t c = 0; c < count; ++c) to[c * stride] = static_cast<int32_t>(from[c] + bias[c * step]);
      }
    }
  }
};

void PadLeft(Dims& dims, Dims& strides, int rank) {
  const size_t missing = rank - dims.size();
  dims.insert(dims.begin(), missing, 1);
  strides.insert(strides.begin(), missing, 0);
}

}  // namespace

absl::StatusOr<ByteTensor> ByteTensorOf(const plan::MemoryDesc& desc, int rank) {
  if (desc.dtype() != plan::I8 && desc.dtype() != plan::U8) {
    return absl::UnimplementedError(
        absl::StrCat("an integer operation on ", plan::DataType_Name(desc.dtype()), "; it takes i8 and u8"));
  }
  if (desc.packed_bytes() > 0) return absl::UnimplementedError("integer weights are not packed");
  auto strides = StridesOf(desc);
  if (!strides.ok()) return strides.status();
  ByteTensor tensor{desc.dtype() == plan::I8, DimsOf(desc), *std::move(strides)};
  if (static_cast<int>(tensor.dims.size()) > rank) return absl::InvalidArgumentError("an operand has too high a rank");
  PadLeft(tensor.dims, tensor.strides, rank);
  return tensor;
}

absl::StatusOr<std::unique_ptr<PreparedOp>> PrepareIntegerMatmul(const plan::Matmul& op, int threads) {
  if (op.dst().dtype() != plan::I32) {
    return absl::UnimplementedError(
        absl::StrCat("an integer matmul to ", plan::DataType_Name(op.dst().dtype()), "; it gives i32"));
  }
  if (!op.post_ops().empty() || (op.scale() != 0 && op.scale() != 1)) {
    return absl::UnimplementedError("an integer matmul with post-ops or a scale");
  }
  const int rank = op.dst().dims_size();
  if (rank < 2 || op.a().dims_size() < 2 || op.b().dims_size() < 2) {
    return absl::InvalidArgumentError("a matmul's operands have at least two dimensions, [.., M, K] x [.., K, N]");
  }
  auto result = std::make_unique<IntegerMatmul>();
  auto a = ByteTensorOf(op.a(), rank);
  if (!a.ok()) return a.status();
  auto b = ByteTensorOf(op.b(), rank);
  if (!b.ok()) return b.status();
  auto dst_strides = StridesOf(op.dst());
  if (!dst_strides.ok()) return dst_strides.status();
  const Dims dst = DimsOf(op.dst());
  bool shapes_agree = a->dims[rank - 2] == dst[rank - 2] && b->dims[rank - 1] == dst[rank - 1] &&
                      a->dims[rank - 1] == b->dims[rank - 2];
  for (int i = 0; i + 2 < rank; ++i) {
    shapes_agree &= (a->dims[i] == 1 || a->dims[i] == dst[i]) && (b->dims[i] == 1 || b->dims[i] == dst[i]);
  }
  int operand = 2;
  if (op.has_bias()) {
    if (op.bias().dtype() != plan::I32) return absl::UnimplementedError("an integer matmul's bias is i32");
    auto strides = StridesOf(op.bias());
    if (!strides.ok()) return strides.status();
    result->bias_dims = DimsOf(op.bias());
    result->bias_strides = *std::move(strides);
    if (static_cast<int>(result->bias_dims.size()) > rank)
      return absl::InvalidArgumentError("a bias of too high a rank");
    PadLeft(result->bias_dims, result->bias_strides, rank);
    for (int i = 0; i < rank; ++i) shapes_agree &= result->bias_dims[i] == 1 || result->bias_dims[i] == dst[i];
    result->bias_operand = operand++;
  }
  if (!shapes_agree) return absl::InvalidArgumentError("an integer matmul's shapes do not agree");
  double left = kQuadBytes, right = kQuadBytes;
  for (int64_t dim : a->dims) left *= static_cast<double>(dim);
  for (int64_t dim : b->dims) right *= static_cast<double>(dim);
  if (left > kMostBytes || right > kMostBytes) {
    return absl::InvalidArgumentError("an integer matmul of more than 1e12 bytes");
  }
  if (op.has_a_zero_point()) result->a_zero_operand = operand++;
  if (op.has_b_zero_point()) result->b_zero_operand = operand++;
  result->a_zeros = op.a_zero_point_per_row() ? std::max<int64_t>(1, dst[rank - 2]) : 1;
  result->b_zero_per_column = op.b_zero_point_per_column();
  result->dst_operand = operand;
  result->a = *std::move(a);
  result->b = *std::move(b);
  result->dst_dims = dst;
  result->dst_strides = *std::move(dst_strides);
  result->threads = threads;
  result->JoinBatches();
  return result;
}

}  // namespace plimsoll::runtime::onednn
