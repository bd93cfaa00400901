// Pools and convolutions of narrow groups: which dims a thread's neighbours lie along.
#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "compiler/codegen/cuda/library_kernel.h"
#include "compiler/codegen/cuda/library_views.h"

namespace plimsoll::codegen {
namespace {

constexpr int64_t kThreads = 256;

// Dims of the channels: extents, strides in the source, the weights and each view of the epilogue.
struct ChannelDim {
  int64_t extent, source, weights;
  std::vector<int64_t> views;
};

// The operation's dims sorted onto axes. NHWC: rows are images and positions, columns channels. NCHW: batch images,
// rows channels, columns positions.
absl::StatusOr<LibraryKernel> Plan(device::Direct& direct, EpilogueBuilder& epilogue, const Tensor& source,
                                   const Tensor* weights, const Tensor& destination,
                                   const std::vector<ChannelDim>& channels, int64_t inner_channels,
                                   int64_t inner_source, int64_t inner_weights, const std::vector<SpatialDim>& dims,
                                   const std::string& sum, LibraryKernel kernel) {
  const bool channels_last = destination.strides[1] == 1 && destination.dims[1] > 1;
  const int spatial = static_cast<int>(dims.size());
  AxisStrides batch{&direct.batch, {direct.source.batch, direct.weights.batch}},
      rows{&direct.rows, {direct.source.row, direct.weights.row}},
      columns{&direct.columns, {direct.source.column, direct.weights.column}},
      inner{&direct.inner, {direct.source_inner, direct.weights_inner}};
  for (device::View* view : epilogue.views) {
    batch.strides.push_back(view->batch);
    rows.strides.push_back(view->row);
    columns.strides.push_back(view->column);
  }
  AxisStrides &images = channels_last ? rows : batch, &positions = channels_last ? rows : columns,
              &of_channels = channels_last ? columns : rows;
  direct.windows_along_columns = !channels_last;
  auto strides = [&](int64_t in_source, int dim) {
    std::vector<int64_t> list{in_source, 0};
    for (const auto& view : epilogue.strides) list.push_back(view[dim]);
    return list;
  };
  absl::Status added = AddDim(images, destination.dims[0], strides(source.strides[0], 0));
  for (const ChannelDim& channel : channels) {
    std::vector<int64_t> list{channel.source, channel.weights};
    list.insert(list.end(), channel.views.begin(), channel.views.end());
    added.Update(AddDim(of_channels, channel.extent, list));
  }
  added.Update(AddDim(inner, inner_channels, {inner_source, inner_weights}));
  for (int i = 0; i < spatial; ++i) {
    const int64_t stride = source.strides[i + 2];
    if (!dims[i].plain()) {
      direct.window[direct.windows] = WindowOf(dims[i], stride);
      direct.window[direct.windows].outer_dim = positions.axis->dims;
      direct.window[direct.windows].inner_dim = inner.axis->dims;
      positions.window_dims.push_back(&direct.window[direct.windows].outer_dim);
      inner.window_dims.push_back(&direct.window[direct.windows].inner_dim);
      ++direct.windows;
    }
    added.Update(AddDim(positions, dims[i].result, strides(dims[i].plain() ? dims[i].outer * stride : 0, i + 2)));
    added.Update(AddDim(inner, dims[i].kernel, {0, weights ? weights->strides[i + 2] : 0}));
  }
  for (AxisStrides* axis : {&batch, &rows, &columns, &inner}) added.Update(Close(*axis));
  if (!added.ok()) return added;
  const int64_t above = int64_t{direct.rows.count} * direct.batch.count;
  if (above == 0 || direct.columns.count == 0) return kernel;

  using Others = std::vector<std::pair<const device::Axis*, const long long*>>;
  auto width_of = [&](const device::View& view, int most, const Others& more = {}) {
    Others others{{&direct.batch, view.batch}, {&direct.rows, view.row}};
    others.insert(others.end(), more.begin(), more.end());
    return WidthAlong(direct.columns, view.column, BytesOf(static_cast<plan::DataType>(view.type)), most, others,
                      &view == &direct.source ? absl::MakeConstSpan(direct.window, direct.windows)
                                              : absl::Span<const device::Window>());
  };
  // Neighbours that both sides bring by one access: channels that lie together.
  int width = 1;
  if (channels_last) {
    width = std::min(width_of(direct.source, 4, {{&direct.inner, direct.source_inner}}),
                     width_of(direct.epilogue.destination, 4));
  }
  int64_t span = Span(direct.batch, direct.source.batch) + Span(direct.rows, direct.source.row) +
                 Span(direct.columns, direct.source.column) + Span(direct.inner, direct.source_inner);
  for (int w = 0; w < direct.windows; ++w) span += direct.window[w].limit * direct.window[w].stride;
  for (device::View* view : epilogue.views) {
    view->width = width_of(*view, width) == width ? width : 1;
    span = std::max(
        span, Span(direct.batch, view->batch) + Span(direct.rows, view->row) + Span(direct.columns, view->column));
  }
  const double threads = static_cast<double>(above) * (direct.columns.count / width);
  if (threads >= static_cast<double>(std::numeric_limits<int32_t>::max()))
    return absl::UnimplementedError("2^31 elements of a pool or depthwise convolution");
  kernel.blocks = (above * (direct.columns.count / width) + kThreads - 1) / kThreads;
  kernel.function = absl::StrCat("direct_", sum, span < (int64_t{1} << 30) ? "_i32" : "_i64");
  kernel.operands = epilogue.operands;
  kernel.description.assign(reinterpret_cast<const char*>(&direct), sizeof(direct));
  return kernel;
}

}  // namespace

absl::StatusOr<LibraryKernel> PlanDirectConvolution(const plan::Convolution& op, const std::vector<SpatialDim>& dims,
                                                    const std::string& sum, const CudaTarget&) {
  auto source = TensorOf(op.src()), weights = TensorOf(op.weights()), destination = TensorOf(op.dst());
  for (const auto* tensor : {&source, &weights, &destination})
    if (!tensor->ok()) return tensor->status();
  device::Direct direct = {};
  direct.kind = device::Direct::kConvolution;
  direct.source = {0, static_cast<int>(source->dtype)};
  direct.weights = {1, static_cast<int>(weights->dtype)};
  auto bias = ChannelBias(op);
  if (!bias.ok()) return bias.status();
  auto epilogue = BuildEpilogue(op.has_bias() ? &*bias : nullptr, op.post_ops(), *destination, 2, 0,
                                IsFloat(source->dtype), &direct.epilogue);
  if (!epilogue.ok()) return epilogue.status();
  direct.epilogue.scale = 1;
  const int64_t groups = op.groups(), out = destination->dims[1] / groups, in = source->dims[1] / groups;
  const int out_dim = op.transposed() ? 1 : 0;
  ChannelDim group{groups, in * source->strides[1], (op.transposed() ? in : out) * weights->strides[0], {}},
      channel{out, 0, weights->strides[out_dim], {}};
  for (const auto& strides : epilogue->strides) {
    group.views.push_back(out * strides[1]);
    channel.views.push_back(strides[1]);
  }
  LibraryKernel kernel;
  kernel.skeleton = out == 1 && in == 1 ? "depthwise" : "grouped";
  kernel.read_only = 3;
  if (op.has_bias()) kernel.read_only |= 4;
  return Plan(direct, *epilogue, *source, &*weights, *destination, {group, channel}, in, source->strides[1],
              weights->strides[1 - out_dim], dims, sum, kernel);
}

absl::StatusOr<LibraryKernel> PlanPool(const plan::Pool& op, const CudaTarget&) {
  const int spatial = op.src().dims_size() - 2;
  if (spatial < 1 || op.kernel_size() != spatial || op.dst().dims_size() != spatial + 2)
    return absl::InvalidArgumentError("a pool's kernel or destination does not match its source's dimensions");
  auto source = TensorOf(op.src()), destination = TensorOf(op.dst());
  if (!source.ok()) return source.status();
  if (!destination.ok()) return destination.status();
  if (source->dims[0] != destination->dims[0] || source->dims[1] != destination->dims[1])
    return absl::InvalidArgumentError("a pool changes the batch or the channels");
  double elements = 1;
  for (int64_t extent : op.kernel()) {
    if (extent < 1) return absl::InvalidArgumentError(absl::StrCat("a pool's kernel of ", extent));
    elements *= static_cast<double>(extent);
  }
  if (elements >= 1 << 30) return absl::UnimplementedError("a pool over 2^30 elements");
  auto sum = SumType({source->dtype, destination->dtype});
  if (!sum.ok()) return sum.status();
  const bool floating = IsFloat(source->dtype);
  if (!floating && op.kind() != plan::Pool::MAX) return absl::UnimplementedError("an average of integers");
  if (!floating) *sum = "s64";
  if (source->dtype == plan::U64) return absl::UnimplementedError("a pool of 64-bit unsigned integers");
  auto dims = SpatialDims(*source, *destination, op.kernel(), op.strides(), op.dilations(), op.pads_begin(),
                          op.pads_end(), false);
  if (!dims.ok()) return dims.status();
  device::Direct direct = {};
  switch (op.kind()) {
    case plan::Pool::MAX:
      direct.kind = device::Direct::kMaximum;
      break;
    case plan::Pool::AVERAGE_INCLUDE_PADDING:
      direct.kind = device::Direct::kAverage;
      break;
    case plan::Pool::AVERAGE_EXCLUDE_PADDING:
      direct.kind = device::Direct::kAverageInside;
      break;
    default:
      return absl::UnimplementedError("a pool of unknown kind");
  }
  direct.divisor = static_cast<int>(elements);
  direct.source = {0, static_cast<int>(source->dtype)};
  direct.weights = {device::kNone, static_cast<int>(source->dtype)};
  auto epilogue = BuildEpilogue(nullptr, {}, *destination, 1, 0, floating, &direct.epilogue);
  if (!epilogue.ok()) return epilogue.status();
  direct.epilogue.scale = 1;
  LibraryKernel kernel;
  kernel.skeleton = "pool";
  kernel.read_only = 1;
  return Plan(direct, *epilogue, *source, nullptr, *destination,
              {{source->dims[1], source->strides[1], 0, {destination->strides[1]}}}, 1, 0, 0, *dims, *sum, kernel);
}

}  // namespace plimsoll::codegen
