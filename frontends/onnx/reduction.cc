// Reductions and scans.
#include <numeric>

#include "frontends/onnx/node.h"

namespace plimsoll::onnx_frontend {
namespace {

using graph::ReduceKind;

struct Reduction {
  Value operand;
  Dims axes;
  bool keep_dims = true;
  bool none = false;  // noop_with_empty_axes and no axes: the element's own part of the function is applied
};

Reduction Read(NodeContext& c) {
  Reduction reduction;
  reduction.operand = c.Input(0);
  reduction.keep_dims = c.Flag("keepdims", true);
  const std::optional<Dims> axes = c.AttributeOrInput("axes", 1);
  if (axes && !axes->empty()) {
    reduction.axes = *axes;
  } else if (c.Flag("noop_with_empty_axes", false)) {
    reduction.none = true;
  } else {
    reduction.axes.resize(c.Rank(reduction.operand));
    std::iota(reduction.axes.begin(), reduction.axes.end(), 0);
  }
  if (reduction.axes.empty()) reduction.none = true;  // a scalar
  return reduction;
}

Value Elementwise(NodeContext& c, ReduceKind kind, Value x) {
  switch (kind) {
    case ReduceKind::sum_square: return c.Mul(x, x);
    case ReduceKind::l1:
    case ReduceKind::l2: return c.Unary<graph::AbsOp>(x);
    default: return x;
  }
}

Converter Reduce(ReduceKind kind) {
  return [kind](NodeContext& c) {
    const Reduction reduction = Read(c);
    Value x = reduction.operand;
    if (reduction.none) return c.SetOutput(0, Elementwise(c, kind, x));
    if (!c.IsBool(x)) return c.SetOutput(0, c.Reduce(kind, x, reduction.axes, reduction.keep_dims));
    // Max and min of bools are those of 0 and 1.
    Value bytes = c.Cast(x, c.builder().getIntegerType(8, /*isSigned=*/false));
    c.SetOutput(0, c.Cast(c.Reduce(kind, bytes, reduction.axes, reduction.keep_dims), c.I1()));
  };
}

void ReduceLogSum(NodeContext& c) {
  const Reduction reduction = Read(c);
  Value sum = reduction.none ? reduction.operand : c.Reduce(ReduceKind::sum, reduction.operand, reduction.axes, reduction.keep_dims);
  c.SetOutput(0, c.Unary<graph::LogOp>(sum));
}

// log(sum(exp(x - m))) + m with m the largest element, or 0 where that is infinite.
void ReduceLogSumExp(NodeContext& c) {
  const Reduction reduction = Read(c);
  Value x = reduction.operand;
  if (reduction.none) return c.SetOutput(0, x);
  Value largest = c.Reduce(ReduceKind::max, x, reduction.axes, true);
  Value infinite = c.Make<graph::IsInfOp>({largest}, {c.Attr("positive", true), c.Attr("negative", true)});
  largest = c.Select(infinite, c.ScalarLike(x, 0), largest);
  Value sum = c.Reduce(ReduceKind::sum, c.Unary<graph::ExpOp>(c.Sub(x, largest)), reduction.axes, true);
  Value result = c.Add(c.Unary<graph::LogOp>(sum), largest);
  c.SetOutput(0, reduction.keep_dims ? result : c.Squeeze(result, reduction.axes));
}

Converter ArgReduce(bool largest) {
  return [largest](NodeContext& c) {
    Value x = c.Input(0);
    c.SetOutput(0, c.Make<graph::ArgReduceOp>({x}, {c.Attr("largest", largest), c.Attr("axis", c.Axis(c.Int("axis", 0), c.Rank(x))),
                                                    c.Attr("keep_dims", c.Flag("keepdims", true)),
                                                    c.Attr("last", c.Flag("select_last_index", false))}));
  };
}

}  // namespace

void RegisterReduction(Registry& r) {
  r.Add("ReduceSum", Reduce(ReduceKind::sum));
  r.Add("ReduceProd", Reduce(ReduceKind::prod));
  r.Add("ReduceMax", Reduce(ReduceKind::max));
  r.Add("ReduceMin", Reduce(ReduceKind::min));
  r.Add("ReduceMean", Reduce(ReduceKind::mean));
  r.Add("ReduceSumSquare", Reduce(ReduceKind::sum_square));
  r.Add("ReduceL1", Reduce(ReduceKind::l1));
  r.Add("ReduceL2", Reduce(ReduceKind::l2));
  r.Add("ReduceLogSum", ReduceLogSum);
  r.Add("ReduceLogSumExp", ReduceLogSumExp);
  r.Add("ArgMax", ArgReduce(true));
  r.Add("ArgMin", ArgReduce(false));
}

}  // namespace plimsoll::onnx_frontend
