// Windowed and global reductions.
#include <cmath>
#include <numeric>

#include "frontends/onnx/host.h"
#include "frontends/onnx/window.h"

namespace plimsoll::onnx_frontend {
namespace {

using graph::PoolKind;
using graph::ReduceKind;

Value Pool(NodeContext& c, Value x, PoolKind kind, Window window) {
  Dims counted_pads_end = window.pads_end;
  if (window.ceil_mode) {
    for (size_t d = 0; d < window.rank(); ++d) {
      const int64_t size = c.Dim(x, d + 2);
      const int64_t room = size + window.pads_begin[d] + window.pads_end[d] - window.Extent(d);
      Check(room >= 0 || -room <= window.strides[d], "the window is larger than the padded operand");
      int64_t output = (std::max<int64_t>(room, 0) + window.strides[d] - 1) / window.strides[d] + 1;
      // No window may begin in the padding at the end.
      if ((output - 1) * window.strides[d] >= size + window.pads_begin[d]) --output;
      window.pads_end[d] = std::max<int64_t>(0, (output - 1) * window.strides[d] + window.Extent(d) - size - window.pads_begin[d]);
      counted_pads_end[d] = std::min(counted_pads_end[d], window.pads_end[d]);
    }
  }
  for (size_t d = 0; d < window.rank(); ++d) WindowOutput(window, d, c.Dim(x, d + 2));
  return c.Make<graph::PoolOp>({x}, {c.Attr("kind", graph::PoolKindAttr::get(c.builder().getContext(), kind)), c.Attr("kernel", window.kernel),
                                     c.Attr("strides", window.strides), c.Attr("dilations", window.dilations),
                                     c.Attr("pads_begin", window.pads_begin), c.Attr("pads_end", window.pads_end),
                                     c.Attr("counted_pads_end", counted_pads_end)});
}

void MaxPool(NodeContext& c) {
  if (c.HasOutput(1)) return HostCall(c, "max_pool_with_indices");
  Value x = c.Input(0);
  const Window window = ReadWindow(c, x, {});
  if (c.IsFloat(x)) return c.SetOutput(0, Pool(c, x, PoolKind::max, window));
  // 8-bit integers are exact in f32.
  c.SetOutput(0, c.Cast(Pool(c, c.Cast(x, c.F32()), PoolKind::max, window), c.Element(x)));
}

void AveragePool(NodeContext& c) {
  const bool include = c.Flag("count_include_pad", false);
  c.SetOutput(0, Pool(c, c.Input(0), include ? PoolKind::average_include_padding : PoolKind::average, ReadWindow(c, c.Input(0), {})));
}

// (sum |x|^p)^(1/p): the average with the padding counted, times the window's size.
void LpPool(NodeContext& c) {
  Value x = c.Input(0);
  Window window = ReadWindow(c, x, {});
  if (window.ceil_mode) FailUnsupported("ceil_mode");
  const double p = static_cast<double>(c.Int("p", 2));
  Value power = c.Binary<graph::PowOp>(c.Unary<graph::AbsOp>(x), c.ScalarLike(x, p));
  const double count = std::accumulate(window.kernel.begin(), window.kernel.end(), 1.0, std::multiplies<>());
  Value sum = c.Mul(Pool(c, power, PoolKind::average_include_padding, window), c.ScalarLike(x, count));
  c.SetOutput(0, c.Binary<graph::PowOp>(sum, c.ScalarLike(x, 1 / p)));
}

Converter GlobalPool(ReduceKind kind) {
  return [kind](NodeContext& c) {
    Value x = c.Input(0);
    Dims axes(std::max<int64_t>(0, c.Rank(x) - 2));
    std::iota(axes.begin(), axes.end(), 2);
    c.SetOutput(0, axes.empty() ? x : c.Reduce(kind, x, axes, true));
  };
}

void GlobalLpPool(NodeContext& c) {
  Value x = c.Input(0);
  const double p = static_cast<double>(c.Int("p", 2));
  Dims axes(std::max<int64_t>(0, c.Rank(x) - 2));
  std::iota(axes.begin(), axes.end(), 2);
  Value power = c.Binary<graph::PowOp>(c.Unary<graph::AbsOp>(x), c.ScalarLike(x, p));
  c.SetOutput(0, c.Binary<graph::PowOp>(c.Reduce(ReduceKind::sum, power, axes, true), c.ScalarLike(x, 1 / p)));
}

}  // namespace

void RegisterPooling(Registry& r) {
  r.Add("MaxPool", MaxPool);
  r.Add("AveragePool", AveragePool);
  r.Add("LpPool", LpPool);
  r.Add("GlobalAveragePool", GlobalPool(ReduceKind::mean));
  r.Add("GlobalMaxPool", GlobalPool(ReduceKind::max));
  r.Add("GlobalLpPool", GlobalLpPool);
}

}  // namespace plimsoll::onnx_frontend
