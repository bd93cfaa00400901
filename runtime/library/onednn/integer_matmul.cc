#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/device/cpu/parallel.h"
#include "runtime/library/onednn/engine.h"
#include "runtime/library/onednn/integer.h"
#include "runtime/library/onednn/operations.h"

namespace plimsoll::runtime::onednn {
namespace {

// One row of the result: dst[n] = sum over k of (a[k] - a_zero) * (b[k, n] - b_zero); with `b_zeros`, one of them a column,
// b_zero must be 0.
template <typename A, typename B>
void Row(const A* a, int64_t a_stride, const B* b, int64_t b_row_stride, int64_t b_stride, int64_t k, int64_t n,
         int32_t a_zero, int32_t b_zero, const B* b_zeros, int32_t* dst, int64_t dst_stride) {
  for (int64_t j = 0; j < n; ++j) dst[j * dst_stride] = 0;
  uint32_t sum = 0;   // of the row of a: what the columns' zero points are multiplied by
  for (int64_t i = 0; i < k; ++i) {
    const int32_t factor = a[i * a_stride] - a_zero;
    sum += static_cast<uint32_t>(factor);
    if (factor == 0) continue;
    const B* row = b + i * b_row_stride;
    if (b_stride == 1 && dst_stride == 1) {
      AddScaled(dst, row, n, factor, b_zero);
      continue;
    }
    for (int64_t j = 0; j < n; ++j) AddScaled(dst + j * dst_stride, row + j * b_stride, 1, factor, b_zero);
  }
  if (b_zeros == nullptr) return;
  for (int64_t j = 0; j < n; ++j) {
    dst[j * dst_stride] = static_cast<int32_t>(static_cast<uint32_t>(dst[j * dst_stride]) - sum * static_cast<uint32_t>(b_zeros[j]));
  }
}

class IntegerMatmul : public PreparedOp {
 public:
  ByteTensor a, b;
  Dims dst_dims, dst_strides;
  int bias_operand = -1, a_zero_operand = -1, b_zero_operand = -1, dst_operand = 2;
  bool a_zero_per_row = false, b_zero_per_column = false;
  Dims bias_dims, bias_strides;
  int threads = 0;

  absl::Status Run(absl::Span<void* const> operands) override {
    if (static_cast<int>(operands.size()) < operand_count()) {
      return absl::InvalidArgumentError("a library call got too few operands");
    }
    ThreadCount scope(threads);
    if (a.is_signed) {
      if (b.is_signed) RunTyped<int8_t, int8_t>(operands);
      else RunTyped<int8_t, uint8_t>(operands);
    } else {
      if (b.is_signed) RunTyped<uint8_t, int8_t>(operands);
      else RunTyped<uint8_t, uint8_t>(operands);
    }
    return absl::OkStatus();
  }
  int64_t workspace_bytes() const override { return 0; }
  int operand_count() const override { return dst_operand + 1; }

 private:
  template <typename A, typename B>
  void RunTyped(absl::Span<void* const> operands) {
    const int rank = static_cast<int>(dst_dims.size());
    const int64_t k = a.dims[rank - 1], n = dst_dims[rank - 1];
    const auto* a_zeros = a_zero_operand < 0 ? nullptr : static_cast<const A*>(operands[a_zero_operand]);
    const auto* b_zeros = b_zero_operand < 0 ? nullptr : static_cast<const B*>(operands[b_zero_operand]);
    const int32_t b_zero = b_zeros == nullptr || b_zero_per_column ? 0 : b_zeros[0];
    if (!b_zero_per_column) b_zeros = nullptr;
    int64_t rows = 1;
    for (int i = 0; i + 1 < rank; ++i) rows *= dst_dims[i];
    const auto* a_data = static_cast<const A*>(operands[0]);
    const auto* b_data = static_cast<const B*>(operands[1]);
    auto* dst_data = static_cast<int32_t*>(operands[dst_operand]);
    const auto* bias = bias_operand < 0 ? nullptr : static_cast<const int32_t*>(operands[bias_operand]);
    const int64_t rows_per_task = std::max<int64_t>(1, 65536 / std::max<int64_t>(1, k * n));
    cpu::ParallelFor(rows, rows_per_task, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        int64_t a_at = 0, b_at = 0, dst_at = 0, bias_at = 0, rest = row;
        for (int i = rank - 2; i >= 0; --i) {
          const int64_t index = rest % dst_dims[i];
          rest /= dst_dims[i];
          dst_at += index * dst_strides[i];
          if (a.dims[i] > 1) a_at += index * a.strides[i];
          if (i < rank - 2 && b.dims[i] > 1) b_at += index * b.strides[i];
          if (bias != nullptr && bias_dims[i] > 1) bias_at += index * bias_strides[i];
        }
        const int32_t a_zero = a_zeros == nullptr ? 0 : a_zeros[a_zero_per_row ? row % dst_dims[rank - 2] : 0];
        Row(a_data + a_at, a.strides[rank - 1], b_data + b_at, b.strides[rank - 2], b.strides[rank - 1], k, n, a_zero,
            b_zero, b_zeros, dst_data + dst_at, dst_strides[rank - 1]);
        if (bias == nullptr) continue;
        const int64_t step = bias_dims[rank - 1] > 1 ? bias_strides[rank - 1] : 0;
        for (int64_t j = 0; j < n; ++j) dst_data[dst_at + j * dst_strides[rank - 1]] += bias[bias_at + j * step];
      }
    });
  }
};

void PadLeft(Dims& dims, Dims& strides, int rank) {
  const size_t missing = rank - dims.size();
  dims.insert(dims.begin(), missing, 1);
  strides.insert(strides.begin(), missing, 0);
}

}  // namespace

__attribute__((target_clones("avx512f", "avx2", "default"))) void AddScaled(int32_t* dst, const int8_t* row,
                                                                            int64_t count, int32_t factor,
                                                                            int32_t zero) {
  auto* sums = reinterpret_cast<uint32_t*>(dst);
  for (int64_t i = 0; i < count; ++i) sums[i] += static_cast<uint32_t>(factor * (row[i] - zero));
}

__attribute__((target_clones("avx512f", "avx2", "default"))) void AddScaled(int32_t* dst, const uint8_t* row,
                                                                            int64_t count, int32_t factor,
                                                                            int32_t zero) {
  auto* sums = reinterpret_cast<uint32_t*>(dst);
  for (int64_t i = 0; i < count; ++i) sums[i] += static_cast<uint32_t>(factor * (row[i] - zero));
}

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
    if (static_cast<int>(result->bias_dims.size()) > rank) return absl::InvalidArgumentError("a bias of too high a rank");
    PadLeft(result->bias_dims, result->bias_strides, rank);
    for (int i = 0; i < rank; ++i) shapes_agree &= result->bias_dims[i] == 1 || result->bias_dims[i] == dst[i];
    result->bias_operand = operand++;
  }
  if (!shapes_agree) return absl::InvalidArgumentError("an integer matmul's shapes do not agree");
  if (op.has_a_zero_point()) result->a_zero_operand = operand++;
  if (op.has_b_zero_point()) result->b_zero_operand = operand++;
  result->a_zero_per_row = op.a_zero_point_per_row();
  result->b_zero_per_column = op.b_zero_point_per_column();
  result->dst_operand = operand;
  result->a = *std::move(a);
  result->b = *std::move(b);
  result->dst_dims = dst;
  result->dst_strides = *std::move(dst_strides);
  result->threads = threads;
  return result;
}

}  // namespace plimsoll::runtime::onednn
