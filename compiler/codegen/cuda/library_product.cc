// Matrix products and convolutions as sums of products: sorts the dims onto four axes (batch, rows, columns, inner) and
// chooses the tile.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/codegen/cuda/library_kernel.h"
#include "compiler/codegen/cuda/library_views.h"

namespace plimsoll::codegen {
namespace {

constexpr int64_t kMostBlocks = (int64_t{1} << 31) - 1;
constexpr int64_t kFewRows = 8;      // of vector products
constexpr int64_t kNarrowGroup = 4;  // channels of a group that tiles would be wasted on
constexpr int64_t kThreads = 256;    // of a block

// A product whose sides are not yet assigned: `first` are the rows of a or a convolution's positions, `second` the
// columns of b or its channels.
struct Builder {
  device::Product product = {};
  EpilogueBuilder epilogue;
  AxisStrides batch, first, second, inner;
  device::Factor *of_first = &product.left, *of_second = &product.right;
  bool exchanged = false;

  // `exchange`: `second` become the rows.
  explicit Builder(bool exchange) : exchanged(exchange) {
    if (exchange) std::swap(of_first, of_second);
    batch.axis = &product.batch;
    inner.axis = &product.inner;
    first.axis = exchange ? &product.columns : &product.rows;
    second.axis = exchange ? &product.rows : &product.columns;
  }
  Builder(const Builder&) = delete;

  // When the epilogue is built: what runs along which axis. Order of strides: the factors', the epilogue's views,
  // zeros.
  void Connect() {
    batch.strides = {of_first->batch, of_second->batch};
    first.strides = {of_first->outer};
    second.strides = {of_second->outer};
    inner.strides = {of_first->inner, of_second->inner};
    for (device::View* view : epilogue.views) {
      batch.strides.push_back(view->batch);
      first.strides.push_back(exchanged ? view->column : view->row);
      second.strides.push_back(exchanged ? view->row : view->column);
    }
    batch.strides.insert(batch.strides.end(), {of_first->zero_batch, of_second->zero_batch});
    first.strides.push_back(of_first->zero_outer);
    second.strides.push_back(of_second->zero_outer);
    for (int w = 0; w < of_first->windows; ++w) {
      first.window_dims.push_back(&of_first->window[w].outer_dim);
      inner.window_dims.push_back(&of_first->window[w].inner_dim);
    }
  }
  // Strides of a dim for AddDim: the factors' own, then the views' for dim `dim` of the destination (-1: none), zeros.
  std::vector<int64_t> Strides(std::vector<int64_t> own, int dim, std::vector<int64_t> zeros) const {
    for (const auto& strides : epilogue.strides) own.push_back(dim < 0 ? 0 : strides[dim]);
    own.insert(own.end(), zeros.begin(), zeros.end());
    return own;
  }
};

// The step in memory from one position of an axis to the next, windows included: what decides which way a warp reads.
int64_t Step(const device::Factor& factor, const device::Axis& axis, const long long* strides, bool outer) {
  if (axis.dims == 0) return 0;
  const int last = axis.dims - 1;
  int64_t step = strides[last];
  for (int w = 0; w < factor.windows; ++w) {
    const device::Window& window = factor.window[w];
    if ((outer ? window.outer_dim : window.inner_dim) == last)
      step += std::abs(outer ? window.outer : window.inner) * window.stride;
  }
  return step;
}

void ChooseAccess(device::Factor& factor, const device::Product& product, const device::Axis& outer, int most_inner,
                  int most_outer) {
  const int bytes = BytesOf(static_cast<plan::DataType>(factor.type));
  const absl::Span<const device::Window> windows(factor.window, factor.windows);
  const int along_inner = WidthAlong(product.inner, factor.inner, bytes, most_inner,
                                     {{&product.batch, factor.batch}, {&outer, factor.outer}}, windows);
  const int along_outer = WidthAlong(outer, factor.outer, bytes, most_outer,
                                     {{&product.batch, factor.batch}, {&product.inner, factor.inner}}, windows);
  const int64_t inner_step = Step(factor, product.inner, factor.inner, false),
                outer_step = Step(factor, outer, factor.outer, true);
  if (along_inner != along_outer)
    factor.inner_fast = along_inner > along_outer;
  else
    factor.inner_fast = inner_step != 0 && (inner_step < outer_step || outer_step == 0);
  factor.width = factor.inner_fast ? along_inner : along_outer;
}

int64_t SpanOf(const device::Factor& factor, const device::Product& product, const device::Axis& outer) {
  int64_t span = Span(product.batch, factor.batch) + Span(outer, factor.outer) + Span(product.inner, factor.inner);
  for (int w = 0; w < factor.windows; ++w) span += factor.window[w].limit * factor.window[w].stride;
  return span;
}

// Whether tensor cores take the factors: halves of one type, in pairs that one access brings.
bool TakesTensorCores(device::Product& product, const CudaTarget& target) {
  const int type = product.left.type;
  if (target.capability < 80 || type != product.right.type || (type != device::kF16 && type != device::kBF16))
    return false;
  ChooseAccess(product.left, product, product.rows, 8, 8);
  ChooseAccess(product.right, product, product.columns, 8, 8);
  return product.left.width > 1 && product.right.width > 1;
}

// Whole waves of blocks, by how well a tile of that size uses a multiprocessor.
std::string ChooseTile(device::Product& product, const std::string& sum, const CudaTarget& target,
                       LibraryKernel& kernel) {
  struct Tile {
    int size;
    double speed;
  };
  constexpr Tile kTiles[] = {{128, 1.0}, {64, 0.75}, {32, 0.4}};
  const bool tensor = TakesTensorCores(product, target), wide = sum == "f64" || sum == "u64";
  double best = 0;
  int size = 0;
  for (const Tile& tile : kTiles) {
    if ((tile.size == 128 && wide) || (tile.size == 32 && tensor)) continue;
    auto tiles = [&](int64_t count) { return (count + tile.size - 1) / tile.size; };
    const int64_t blocks = product.batch.count * tiles(product.rows.count) * tiles(product.columns.count);
    const int64_t waves = (blocks + target.multiprocessors - 1) / target.multiprocessors;
    const double cost = static_cast<double>(waves) * tile.size * tile.size / tile.speed;
    if (size != 0 && cost >= best) continue;
    best = cost;
    size = tile.size;
    kernel.blocks = blocks;
  }
  if (tensor) {
    kernel.tensor_type = product.left.type == device::kF16 ? "f16" : "bf16";
    return absl::StrCat("tensor", size, "_", kernel.tensor_type);
  }
  ChooseAccess(product.left, product, product.rows, 4, 4);
  ChooseAccess(product.right, product, product.columns, 4, 4);
  // 128 registers, of which two blocks leave no more, are enough for plain matrices of f32 whose results are stored in
  // fours.
  const bool plain = product.left.type == device::kF32 && product.right.type == device::kF32 &&
                     product.left.windows + product.right.windows == 0 && product.columns.count % 4 == 0;
  if ((size == 128 && !plain) || sum == "u64") kernel.blocks_of_multiprocessor = 1;
  return absl::StrCat("product", size, "_", sum);
}

// Few rows: how many threads share a column, so that there are blocks for all multiprocessors.
std::string ChooseVector(device::Product& product, const std::string& sum, const CudaTarget& target,
                         LibraryKernel& kernel) {
  const int most_columns = sum == "f32" || sum == "u32" ? 4 : 2;  // 16 bytes of sums
  device::Factor &left = product.left, &right = product.right;
  ChooseAccess(right, product, product.columns, 16, most_columns);
  const int columns = right.inner_fast ? 1 : right.width, steps = right.inner_fast ? right.width : 1;
  left.inner_fast = 1;
  left.width = steps;
  if (WidthAlong(product.inner, left.inner, BytesOf(static_cast<plan::DataType>(left.type)), steps,
                 {{&product.batch, left.batch}, {&product.rows, left.outer}}) != steps)
    left.width = 1;
  auto blocks = [&](int64_t splits) {
    const int64_t of_block = kThreads / splits * columns;
    return product.batch.count * ((product.columns.count + of_block - 1) / of_block);
  };
  int64_t splits = right.inner_fast ? 32 : 8;
  while (splits < kThreads && blocks(splits) < target.multiprocessors && 4 * splits * steps <= product.inner.count)
    splits *= 2;
  while (splits > 1 && (splits / 2) * steps >= product.inner.count) splits /= 2;
  product.splits = static_cast<int>(splits);
  kernel.blocks = blocks(splits);
  kernel.most_width = columns;
  kernel.skeleton = "matvec";
  return absl::StrCat("vector", product.rows.count == 1 ? 1 : product.rows.count <= 4 ? 4 : 8, "_", sum);
}

absl::StatusOr<LibraryKernel> Choose(Builder& builder, const std::string& sum, const std::string& skeleton,
                                     const CudaTarget& target) {
  device::Product& product = builder.product;
  for (AxisStrides* axis : {&builder.batch, &builder.first, &builder.second, &builder.inner})
    if (absl::Status closed = Close(*axis); !closed.ok()) return closed;
  const int64_t rows = product.rows.count, columns = product.columns.count, batch = product.batch.count;
  LibraryKernel kernel;
  kernel.skeleton = skeleton;
  kernel.operands = builder.epilogue.operands;
  for (const device::Factor* factor : {&product.left, &product.right}) {
    kernel.read_only |= uint64_t{1} << factor->operand;
    if (factor->zero_operand != device::kNone) kernel.read_only |= uint64_t{1} << factor->zero_operand;
  }
  if (product.epilogue.bias.operand != device::kNone) kernel.read_only |= uint64_t{1} << product.epilogue.bias.operand;
  if (rows * columns * batch == 0 || product.rows.count == 0 || product.columns.count == 0) return kernel;

  std::string function;
  if (rows <= kFewRows && product.left.windows + product.right.windows == 0)
    function = ChooseVector(product, sum, target, kernel);
  else
    function = ChooseTile(product, sum, target, kernel);
  if (kernel.blocks > kMostBlocks) return absl::UnimplementedError("a grid of more than 2^31 blocks");
  auto other_axes = [&](const device::View& view) {
    return std::vector<std::pair<const device::Axis*, const long long*>>{{&product.batch, view.batch},
                                                                         {&product.rows, view.row}};
  };
  auto width_of = [&](const device::View& view, int most) {
    return WidthAlong(product.columns, view.column, BytesOf(static_cast<plan::DataType>(view.type)), most,
                      other_axes(view));
  };
  const int width = width_of(product.epilogue.destination, kernel.most_width);
  int64_t span = std::max(SpanOf(product.left, product, product.rows), SpanOf(product.right, product, product.columns));
  for (device::View* view : builder.epilogue.views) {
    view->width = width_of(*view, width) == width ? width : 1;
    span = std::max(
        span, Span(product.batch, view->batch) + Span(product.rows, view->row) + Span(product.columns, view->column));
  }
  kernel.function = absl::StrCat(function, span < (int64_t{1} << 30) ? "_i32" : "_i64");
  kernel.description.assign(reinterpret_cast<const char*>(&product), sizeof(product));
  return kernel;
}

}  // namespace

absl::StatusOr<LibraryKernel> PlanMatmul(const plan::Matmul& op, const CudaTarget& target) {
  const int rank = std::max({op.a().dims_size(), op.b().dims_size(), op.dst().dims_size(), 2});
  if (op.a().dims_size() < 2 || op.b().dims_size() < 2 || op.dst().dims_size() < 2)
    return absl::InvalidArgumentError("a matmul's operands have at least two dimensions, [.., M, K] x [.., K, N]");
  auto a = TensorOf(op.a(), rank), b = TensorOf(op.b(), rank), dst = TensorOf(op.dst(), rank);
  for (const auto* tensor : {&a, &b, &dst})
    if (!tensor->ok()) return tensor->status();
  auto sum = SumType({a->dtype, b->dtype, dst->dtype});
  if (!sum.ok()) return sum.status();
  const bool floating = IsFloat(a->dtype);
  if (!floating && op.scale() != 0 && op.scale() != 1) return absl::UnimplementedError("a scale of an integer product");
  if ((op.has_a_zero_point() || op.has_b_zero_point()) &&
      (BytesOf(a->dtype) != 1 || BytesOf(b->dtype) != 1 || floating))
    return absl::UnimplementedError("zero points of other than 8-bit integers");
  const int64_t m = dst->dims[rank - 2], n = dst->dims[rank - 1], k = a->dims[rank - 1];
  if (a->dims[rank - 2] != m || b->dims[rank - 1] != n || b->dims[rank - 2] != k)
    return absl::InvalidArgumentError("a matmul's shapes do not agree");
  std::vector<int64_t> a_batch = dst->dims, b_batch = dst->dims;
  a_batch[rank - 1] = a->dims[rank - 1];
  b_batch[rank - 2] = b->dims[rank - 2];
  auto a_strides = BroadcastStrides(*a, a_batch, "a matmul's left operand"),
       b_strides = BroadcastStrides(*b, b_batch, "a matmul's right operand");
  if (!a_strides.ok()) return a_strides.status();
  if (!b_strides.ok()) return b_strides.status();

  // Columns are what the destination is contiguous along; where one side is short, the other one.
  const bool exchange = std::min(m, n) <= kFewRows ? n < m : dst->strides[rank - 2] < dst->strides[rank - 1];
  Builder builder(exchange);
  const int zeros = op.has_a_zero_point() + op.has_b_zero_point();
  auto epilogue = BuildEpilogue(op.has_bias() ? &op.bias() : nullptr, op.post_ops(), *dst, 2, zeros, floating,
                                &builder.product.epilogue);
  if (!epilogue.ok()) return epilogue.status();
  builder.epilogue = *std::move(epilogue);
  builder.product.epilogue.scale = op.scale() == 0 ? 1 : op.scale();
  int zero = 2 + op.has_bias();
  *builder.of_first = {0, static_cast<int>(a->dtype), 1, 0, 0, op.has_a_zero_point() ? zero++ : device::kNone};
  *builder.of_second = {1, static_cast<int>(b->dtype), 1, 0, 0, op.has_b_zero_point() ? zero++ : device::kNone};
  builder.Connect();
  for (int i = 0; i + 2 < rank; ++i) {
    absl::Status added =
        AddDim(builder.batch, dst->dims[i], builder.Strides({(*a_strides)[i], (*b_strides)[i]}, i, {0, 0}));
    if (!added.ok()) return added;
  }
  absl::Status added =
      AddDim(builder.first, m, builder.Strides({(*a_strides)[rank - 2]}, rank - 2, {op.a_zero_point_per_row()}));
  added.Update(
      AddDim(builder.second, n, builder.Strides({(*b_strides)[rank - 1]}, rank - 1, {op.b_zero_point_per_column()})));
  added.Update(AddDim(builder.inner, k, {(*a_strides)[rank - 1], (*b_strides)[rank - 2]}));
  if (!added.ok()) return added;
  return Choose(builder, *sum, "matmul", target);
}

absl::StatusOr<plan::MemoryDesc> ChannelBias(const plan::Convolution& op) {
  plan::MemoryDesc bias = op.bias();
  if (!op.has_bias()) return bias;
  if (bias.dims_size() != 1 || bias.dims(0) != op.dst().dims(1))
    return absl::InvalidArgumentError("a convolution's bias does not have one element a channel");
  const int64_t stride = bias.strides().empty() ? 1 : bias.strides(0);
  bias.clear_strides();
  bias.add_strides(stride);
  for (int i = 2; i < op.dst().dims_size(); ++i) {
    bias.add_dims(1);
    bias.add_strides(0);
  }
  return bias;
}

absl::StatusOr<LibraryKernel> PlanConvolution(const plan::Convolution& op, const CudaTarget& target) {
  const int spatial = op.src().dims_size() - 2;
  if (spatial < 1 || op.dst().dims_size() != spatial + 2 || op.weights().dims_size() != spatial + 2 || op.groups() < 1)
    return absl::InvalidArgumentError("a convolution's source, weights and destination differ in rank, or groups < 1");
  auto src = TensorOf(op.src()), weights = TensorOf(op.weights()), dst = TensorOf(op.dst());
  for (const auto* tensor : {&src, &weights, &dst})
    if (!tensor->ok()) return tensor->status();
  auto sum = SumType({src->dtype, weights->dtype, dst->dtype});
  if (!sum.ok()) return sum.status();
  const bool floating = IsFloat(src->dtype);
  if ((op.has_src_zero_point() || op.has_weights_zero_point()) &&
      (BytesOf(src->dtype) != 1 || BytesOf(weights->dtype) != 1 || floating))
    return absl::UnimplementedError("zero points of other than 8-bit integers");
  const int zeros = op.has_src_zero_point() + op.has_weights_zero_point();
  const int64_t groups = op.groups(), images = dst->dims[0], out = dst->dims[1], in = src->dims[1];
  const int out_dim = op.transposed() ? 1 : 0;  // of the weights
  const int64_t out_of_group = out / groups, in_of_group = in / groups;
  if (src->dims[0] != images || out % groups != 0 || in % groups != 0 ||
      weights->dims[out_dim] != (op.transposed() ? out_of_group : out) ||
      weights->dims[1 - out_dim] != (op.transposed() ? in : in_of_group))
    return absl::InvalidArgumentError("a convolution's channels or batch do not agree");

  auto dims = SpatialDims(*src, *dst, absl::MakeConstSpan(weights->dims).subspan(2), op.strides(), op.dilations(),
                          op.pads_begin(), op.pads_end(), op.transposed());
  if (!dims.ok()) return dims.status();
  if (out_of_group <= kNarrowGroup && zeros == 0) return PlanDirectConvolution(op, *dims, *sum, target);
  const bool channels_last = src->strides[1] == 1 && in > 1;
  const bool plain = std::all_of(dims->begin(), dims->end(), [](const SpatialDim& dim) { return dim.plain(); });
  const int64_t positions = dst->elements() / std::max<int64_t>(out, 1);
  // Channels are the rows of NCHW, the columns of NHWC, and of few positions.
  Builder builder(/*exchange=*/!(dst->strides[1] == 1 && out > 1) && !(plain && positions <= kFewRows));
  auto bias = ChannelBias(op);
  if (!bias.ok()) return bias.status();
  auto epilogue = BuildEpilogue(op.has_bias() ? &*bias : nullptr, op.post_ops(), *dst, 2, zeros, floating,
                                &builder.product.epilogue);
  if (!epilogue.ok()) return epilogue.status();
  builder.epilogue = *std::move(epilogue);
  builder.product.epilogue.scale = 1;
  int zero = 2 + op.has_bias();
  *builder.of_first = {0, static_cast<int>(src->dtype), 1, 0, 0, op.has_src_zero_point() ? zero++ : device::kNone};
  *builder.of_second = {
      1, static_cast<int>(weights->dtype), 1, 0, 0, op.has_weights_zero_point() ? zero++ : device::kNone};
  const bool zero_per_channel = op.weights_zero_point_per_channel();

  // Windows. A dim whose kernel is one element inside of the source moves on by plain strides.
  std::vector<int64_t> outer_strides(spatial, 0);
  std::vector<int> window_of(spatial, -1);
  device::Factor& source = *builder.of_first;
  for (int i = 0; i < spatial; ++i) {
    if ((*dims)[i].plain()) {
      outer_strides[i] = (*dims)[i].outer * src->strides[i + 2];
      continue;
    }
    window_of[i] = source.windows;
    source.window[source.windows++] = WindowOf((*dims)[i], src->strides[i + 2]);
  }
  builder.Connect();
  absl::Status added =
      AddDim(builder.batch, groups,
             [&] {  // a group's channels
               std::vector<int64_t> strides{in_of_group * src->strides[1],
                                            (op.transposed() ? in_of_group : out_of_group) * weights->strides[0]};
               for (const auto& by_dim : builder.epilogue.strides) strides.push_back(out_of_group * by_dim[1]);
               strides.insert(strides.end(), {0, zero_per_channel ? out_of_group : 0});
               return strides;
             }());
  added.Update(
      AddDim(builder.second, out_of_group, builder.Strides({weights->strides[out_dim]}, 1, {zero_per_channel})));
  added.Update(AddDim(builder.first, images, builder.Strides({src->strides[0]}, 0, {0})));
  for (int i = 0; i < spatial; ++i) {
    if (window_of[i] >= 0) source.window[window_of[i]].outer_dim = builder.first.axis->dims;
    added.Update(AddDim(builder.first, dst->dims[i + 2], builder.Strides({outer_strides[i]}, i + 2, {0})));
  }
  auto add_channels = [&] {
    added.Update(AddDim(builder.inner, in_of_group, {src->strides[1], weights->strides[1 - out_dim]}));
  };
  if (!channels_last) add_channels();
  for (int i = 0; i < spatial; ++i) {
    if (window_of[i] >= 0) source.window[window_of[i]].inner_dim = builder.inner.axis->dims;
    added.Update(AddDim(builder.inner, weights->dims[i + 2], {0, weights->strides[i + 2]}));
  }
  if (channels_last) add_channels();
  if (!added.ok()) return added;
  return Choose(builder, *sum, "convolution", target);
}

}  // namespace plimsoll::codegen
