#include "compiler/codegen/cuda/library_attention.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "compiler/codegen/cuda/library_views.h"
#include "runtime/library/generated.h"

namespace plimsoll::codegen {
namespace {

// How a warp's lanes share a key, of which each has up to 256 / 32 elements.
void ChooseRowAccess(device::Attention& attention) {
  const int size = std::max(attention.size, attention.value_size);
  attention.row_width = std::min({attention.k_width, attention.v_width, 8});
  attention.row_lanes = 1;
  while (attention.row_lanes < 32 && attention.row_lanes * attention.row_width < size) attention.row_lanes *= 2;
  attention.row_chunks = static_cast<int>(Tiles(size, attention.row_lanes * attention.row_width));
}

// By tensor cores: what a warp has of queries and sums is in its registers. Where that is too much, two blocks share
// the value's columns. Returns how many blocks a multiprocessor has room for.
int ShareColumns(device::Attention& attention, const CudaTarget& target) {
  constexpr int64_t kMostRegisters = 160, kRegistersOfThree = 96;
  const int64_t steps = Tiles(attention.size, 16), columns = Tiles(attention.value_size, 16);
  const int64_t words = attention.q_type == device::kF32 ? 8 : 4;  // of 16 elements of two queries
  const int64_t registers = words * steps + 8 * columns;
  attention.parts = registers > kMostRegisters ? 2 : 1;
  attention.columns = static_cast<int>(16 * Tiles(columns, attention.parts));
  // Of 100 KiB of shared memory two blocks have their part (sm_86, 89 and 120).
  const bool large = target.capability % 10 == 0 && target.capability != 120;
  return large && registers <= kRegistersOfThree ? 3 : 2;
}

// The function, its blocks and threads.
void ChooseKernel(device::Attention& attention, const CudaTarget& target, LibraryKernel& kernel) {
  const int most_size = std::max(attention.size, attention.value_size);
  int tile = 1;
  attention.parts = 1;
  if (attention.queries <= runtime::kFewQueries) {
    ChooseRowAccess(attention);
    const int64_t rows = int64_t{attention.heads} / attention.groups * attention.queries,
                  rows_of_block = rows == 1 ? 1 : 4;
    kernel.function = absl::StrCat("attention_row", rows_of_block);
    kernel.blocks = std::max<int64_t>(1, Tiles(attention.keys, attention.keys_of_part)) * attention.batch *
                    attention.groups * Tiles(rows, rows_of_block);
    return;
  }
  if (const std::string type = TensorTypeOf(attention, target); !type.empty()) {
    kernel.blocks_of_multiprocessor = ShareColumns(attention, target);
    kernel.tensor_type = type;
    kernel.repetition = static_cast<double>(attention.parts * attention.size + attention.value_size) /
                        (attention.size + attention.value_size);
    tile = 64;
    kernel.threads = 128;
    const int padded = most_size <= 64 ? 64 : most_size <= 128 ? 128 : 256;
    kernel.function = absl::StrCat("attention", padded, "_", type);
  } else {
    tile = most_size <= 128 ? 32 : 16;
    kernel.function = absl::StrCat("attention", tile);
  }
  kernel.blocks = int64_t{attention.batch} * attention.heads * Tiles(attention.queries, tile) * attention.parts;
}

}  // namespace

int WidthOf(absl::Span<const int64_t> dims, absl::Span<const int64_t> strides, plan::DataType type, int most) {
  int width = 1;
  auto fits = [&](int64_t next) {
    return strides[3] == 1 && next <= most && next * BytesOf(type) <= 16 && dims[3] % next == 0 &&
           strides[0] % next == 0 && strides[1] % next == 0 && strides[2] % next == 0;
  };
  while (fits(2 * width)) width *= 2;
  return width;
}

std::string TensorTypeOf(const device::Attention& attention, const CudaTarget& target) {
  const int type = attention.q_type;
  if (target.capability < 80 || type != attention.k_type || type != attention.v_type ||
      std::min({attention.q_width, attention.k_width, attention.v_width}) < 2)
    return "";
  if (type == device::kF32 && target.tf32 && std::max(attention.size, attention.value_size) <= 128) return "tf32";
  return type == device::kF16 ? "f16" : type == device::kBF16 ? "bf16" : "";
}

absl::StatusOr<device::Attention> DescribeAttention(const plan::Attention& op) {
  auto q = TensorOf(op.q()), k = TensorOf(op.k()), v = TensorOf(op.v()), dst = TensorOf(op.dst());
  for (const auto* tensor : {&q, &k, &v, &dst}) {
    if (!tensor->ok()) return tensor->status();
    if ((*tensor)->dims.size() != 4) return absl::InvalidArgumentError("attention's operands have four dims");
  }
  auto sum = SumType({q->dtype, k->dtype, v->dtype, dst->dtype});
  if (!sum.ok()) return sum.status();
  if (*sum != "f32") return absl::UnimplementedError("attention in other than floats of at most 32 bits");
  const int64_t batch = q->dims[0], heads = q->dims[1], queries = q->dims[2], size = q->dims[3], groups = k->dims[1],
                keys = k->dims[2], value_size = v->dims[3];
  if (op.keys_of_part() < 0) return absl::InvalidArgumentError("attention to parts of less than one key");
  const int64_t all_keys = std::max<int64_t>(1, keys);
  const int64_t keys_of_part = op.keys_of_part() == 0 ? all_keys : std::min(all_keys, op.keys_of_part());
  if (keys_of_part < keys && queries > runtime::kFewQueries)
    return absl::UnimplementedError("attention of many queries to parts of the keys");
  const int64_t batches = Tiles(all_keys, keys_of_part) * batch;
  if (k->dims[0] != batch || v->dims[0] != batch || v->dims[1] != groups || v->dims[2] != keys || k->dims[3] != size ||
      dst->dims != std::vector<int64_t>{batches, heads, queries, value_size} ||
      (groups == 0 ? heads > 0 : heads % groups != 0))
    return absl::InvalidArgumentError("attention's shapes do not agree");
  device::Attention attention = {};
  attention.mask = attention.stats = device::kNone;
  attention.destination = 3;
  std::vector<int64_t> mask_strides(4, 0);
  if (op.has_mask()) {
    auto mask = TensorOf(op.mask(), 4);
    if (!mask.ok()) return mask.status();
    if (!IsFloat(mask->dtype) || mask->dtype == plan::F64)
      return absl::UnimplementedError(absl::StrCat("an attention's mask of ", plan::DataType_Name(mask->dtype)));
    auto strides = BroadcastStrides(*mask, {batch, heads, queries, keys}, "an attention's mask");
    if (!strides.ok()) return strides.status();
    mask_strides = *std::move(strides);
    attention.mask = attention.destination++;
    attention.mask_type = static_cast<int>(mask->dtype);
  }
  if (op.has_stats()) {
    auto stats = TensorOf(op.stats());
    if (!stats.ok()) return stats.status();
    if (stats->dtype != plan::F32 || stats->dims != std::vector<int64_t>{batches, heads, queries, 1})
      return absl::InvalidArgumentError("attention's stats are one f32 a row of the scores");
    attention.stats = attention.destination + 1;
    std::copy(stats->strides.begin(), stats->strides.end(), attention.stats_strides);
  }
  attention.batch = static_cast<int>(batch);
  attention.heads = static_cast<int>(heads);
  attention.groups = static_cast<int>(groups);
  attention.queries = static_cast<int>(queries);
  attention.keys = static_cast<int>(keys);
  attention.size = static_cast<int>(size);
  attention.value_size = static_cast<int>(value_size);
  attention.keys_of_part = static_cast<int>(keys_of_part);
  attention.scale = op.scale();
  attention.zero_if_nan = op.zero_if_nan();
  attention.q_type = static_cast<int>(q->dtype);
  attention.k_type = static_cast<int>(k->dtype);
  attention.v_type = static_cast<int>(v->dtype);
  attention.destination_type = static_cast<int>(dst->dtype);
  attention.q_width = WidthOf(q->dims, q->strides, q->dtype);
  attention.k_width = WidthOf(k->dims, k->strides, k->dtype);
  attention.v_width = WidthOf(v->dims, v->strides, v->dtype);
  attention.to_width = WidthOf(dst->dims, dst->strides, dst->dtype, 2);
  const std::vector<int64_t> scores = {batch, heads, queries, keys};
  attention.mask_width = op.has_mask() ? WidthOf(scores, mask_strides, op.mask().dtype(), 2) : 1;
  for (int i = 0; i < 4; ++i) {
    attention.q[i] = q->strides[i];
    attention.k[i] = k->strides[i];
    attention.v[i] = v->strides[i];
    attention.mask_strides[i] = mask_strides[i];
    attention.to[i] = dst->strides[i];
  }
  return attention;
}

absl::Status CheckHeadSizes(const device::Attention& attention) {
  const int most = std::max(attention.size, attention.value_size);
  if (most <= 256) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("attention with ", most, " elements a head: 256 are the most"));
}

absl::StatusOr<LibraryKernel> PlanAttention(const plan::Attention& op, const CudaTarget& target) {
  auto attention = DescribeAttention(op);
  if (!attention.ok()) return attention.status();
  LibraryKernel kernel;
  kernel.skeleton = "attention";
  kernel.operands = attention->destination + (op.has_stats() ? 2 : 1);
  kernel.read_only = (uint64_t{1} << attention->destination) - 1;
  const bool no_rows = attention->batch == 0 || attention->heads == 0 || attention->queries == 0;
  if (no_rows || (attention->value_size == 0 && !op.has_stats())) return kernel;
  if (absl::Status fits = CheckHeadSizes(*attention); !fits.ok()) return fits;
  const auto parts = static_cast<double>(Tiles(attention->keys, attention->keys_of_part));
  if (parts * attention->batch * attention->heads * attention->queries >= 2e9)
    return absl::UnimplementedError("a grid of more than 2^31 blocks");
  ChooseKernel(*attention, target, kernel);
  kernel.description.assign(reinterpret_cast<const char*>(&*attention), sizeof(*attention));
  return kernel;
}

}  // namespace plimsoll::codegen
