// Data movement.
#include <limits>
#include <numeric>

#include "frontends/onnx/node.h"

namespace plimsoll::onnx_frontend {
namespace {

void Reshape(NodeContext& c) {
  Value x = c.Input(0);
  Dims shape = c.opset() < 5 ? c.Ints("shape").value_or(Dims()) : c.ConstantIntegers(1);
  const bool allow_zero = c.Flag("allowzero", false);
  int64_t known = 1, open = -1;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 0 && !allow_zero) shape[d] = c.Dim(x, d);
    if (shape[d] == -1) {
      Check(open < 0, "two dimensions of the shape are -1");
      open = static_cast<int64_t>(d);
    } else {
      Check(shape[d] >= 0 && !__builtin_mul_overflow(known, shape[d], &known), "the shape has a dimension that is no size");
    }
  }
  if (open >= 0) {
    if (known == 0 ? c.Count(x) != 0 : c.Count(x) % known != 0) {
      FailMalformed(absl::StrCat("a tensor of [", absl::StrJoin(c.Shape(x), ","), "] cannot have the shape [", absl::StrJoin(shape, ","), "]"));
    }
    shape[open] = known == 0 ? 0 : c.Count(x) / known;
  }
  c.SetOutput(0, c.Reshape(x, shape));
}

void Flatten(NodeContext& c) {
  Value x = c.Input(0);
  const Dims shape = c.Shape(x);
  int64_t axis = c.Int("axis", 1);
  if (axis < 0) axis += c.Rank(x);
  Check(axis >= 0 && axis <= c.Rank(x), "axis is out of range");
  int64_t rows = 1, columns = 1;
  for (int64_t d = 0; d < c.Rank(x); ++d) (d < axis ? rows : columns) *= shape[d];
  c.SetOutput(0, c.Reshape(x, {rows, columns}));
}

void Squeeze(NodeContext& c) {
  Value x = c.Input(0);
  std::optional<Dims> axes = c.AttributeOrInput("axes", 1);
  if (!axes) {
    axes = Dims();
    for (int64_t d = 0; d < c.Rank(x); ++d) {
      if (c.Dim(x, d) == 1) axes->push_back(d);
    }
  }
  c.SetOutput(0, c.Squeeze(x, *axes));
}

void Unsqueeze(NodeContext& c) {
  const std::optional<Dims> axes = c.AttributeOrInput("axes", 1);
  Check(axes.has_value(), "axes are missing");
  c.SetOutput(0, c.Unsqueeze(c.Input(0), *axes));
}

void Transpose(NodeContext& c) {
  Value x = c.Input(0);
  Dims reversed(c.Rank(x));
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  c.SetOutput(0, c.Transpose(x, c.Ints("perm").value_or(reversed)));
}

void Concat(NodeContext& c) { c.SetOutput(0, c.Concat(c.Inputs(), c.Int("axis", 1))); }

void Split(NodeContext& c) {
  Value x = c.Input(0);
  const int64_t axis = c.Axis(c.Int("axis", 0), c.Rank(x)), size = c.Dim(x, axis), parts = c.NumOutputs();
  Dims sizes;
  if (std::optional<Dims> given = c.AttributeOrInput("split", 1)) {
    sizes = *given;
  } else {
    const int64_t count = c.Int("num_outputs", parts);
    Check(count > 0 && count <= int64_t{1} << 31, "num_outputs is out of range");
    const int64_t part = (size + count - 1) / count;
    for (int64_t i = 0; i < parts; ++i) sizes.push_back(std::clamp<int64_t>(size - i * part, 0, part));
  }
  Check(static_cast<int64_t>(sizes.size()) == parts, "as many sizes as outputs are needed");
  int64_t start = 0;
  for (int64_t i = 0; i < parts; ++i) {
    Check(sizes[i] >= 0 && sizes[i] <= size - start, "the sizes are larger than the dimension");
    c.SetOutput(static_cast<int>(i), c.SliceAxis(x, axis, start, sizes[i]));
    start += sizes[i];
  }
  Check(start == size, "the sizes do not add up to the dimension");
}

void Slice(NodeContext& c) {
  Value x = c.Input(0);
  const bool inputs = c.opset() >= 10;
  const Dims starts = inputs ? c.ConstantIntegers(1) : c.Ints("starts").value_or(Dims());
  const Dims ends = inputs ? c.ConstantIntegers(2) : c.Ints("ends").value_or(Dims());
  Dims axes(starts.size()), steps(starts.size(), 1);
  std::iota(axes.begin(), axes.end(), 0);
  if (std::optional<Dims> given = c.AttributeOrInput("axes", inputs ? 3 : 1000)) axes = *given;
  if (inputs && c.HasInput(4)) steps = c.ConstantIntegers(4);
  Check(ends.size() == starts.size() && axes.size() == starts.size() && steps.size() == starts.size(), "starts, ends, axes and steps differ in length");
  Dims begin(c.Rank(x), 0), size = c.Shape(x), stride(c.Rank(x), 1);
  for (size_t i = 0; i < starts.size(); ++i) {
    const int64_t axis = c.Axis(axes[i], c.Rank(x)), dim = c.Dim(x, axis), step = steps[i];
    Check(step != 0 && step > std::numeric_limits<int64_t>::min(), "a step is 0");
    auto clamp = [&](int64_t index) {
      if (index < 0) index += dim;
      return step > 0 ? std::clamp<int64_t>(index, 0, dim) : std::clamp<int64_t>(index, -1, dim - 1);
    };
    const int64_t first = clamp(starts[i]);
    const int64_t last = step < 0 && ends[i] < -dim ? -1 : clamp(ends[i]);
    const int64_t span = step > 0 ? last - first : first - last, stride_size = step > 0 ? step : -step;
    begin[axis] = first;
    size[axis] = span <= 0 ? 0 : (span - 1) / stride_size + 1;
    stride[axis] = size[axis] <= 1 ? 1 : step;
    if (size[axis] == 0) begin[axis] = 0;
  }
  c.SetOutput(0, c.Slice(x, begin, size, stride));
}

void Gather(NodeContext& c) { c.SetOutput(0, c.Gather(c.Input(0), c.Input(1), c.Int("axis", 0))); }

void GatherElements(NodeContext& c) {
  Value x = c.Input(0);
  c.SetOutput(0, c.Make<graph::GatherElementsOp>({x, c.Input(1)}, {c.Attr("axis", c.Axis(c.Int("axis", 0), c.Rank(x)))}));
}

void GatherNd(NodeContext& c) {
  c.SetOutput(0, c.Make<graph::GatherNdOp>({c.Input(0), c.Input(1)}, {c.Attr("batch_dims", c.Int("batch_dims", 0))}));
}

void Expand(NodeContext& c) {
  Value x = c.Input(0);
  c.SetOutput(0, c.Expand(x, c.BroadcastShape(c.Shape(x), c.ConstantIntegers(1))));
}

// [d0, d1] as [1, d0, 1, d1], expanded to [r0, d0, r1, d1].
void Tile(NodeContext& c) {
  Value x = c.Input(0);
  const Dims repeats = c.ConstantIntegers(1);
  Check(static_cast<int64_t>(repeats.size()) == c.Rank(x), "repeats must have one element a dimension");
  Dims apart, repeated, result;
  for (int64_t d = 0; d < c.Rank(x); ++d) {
    const int64_t dim = c.Dim(x, d);
    Check(repeats[d] >= 0, "a repeat is negative");
    int64_t size = 0;
    Check(!__builtin_mul_overflow(dim, repeats[d], &size), "the result is larger than any memory");
    result.push_back(size);
    if (repeats[d] != 1) apart.push_back(1), repeated.push_back(repeats[d]);
    apart.push_back(dim), repeated.push_back(dim);
  }
  c.SetOutput(0, c.Reshape(c.Expand(c.Reshape(x, apart), repeated), result));
}

// Pads are an attribute before opset 11, an input since; axes an input since 18.
void Pad(NodeContext& c) {
  Value x = c.Input(0);
  const Dims pads = c.opset() < 11 ? c.Ints("pads").value_or(Dims()) : c.ConstantIntegers(1);
  Dims axes(c.Rank(x));
  std::iota(axes.begin(), axes.end(), 0);
  if (c.opset() >= 18 && c.HasInput(3)) axes = c.ConstantIntegers(3);
  Check(pads.size() == 2 * axes.size(), "pads must have two elements an axis");
  Dims low(c.Rank(x), 0), high(c.Rank(x), 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t axis = c.Axis(axes[i], c.Rank(x));
    low[axis] = pads[i];
    high[axis] = pads[axes.size() + i];
  }
  const std::string name = c.String("mode", "constant");
  const std::optional<graph::PadMode> mode = graph::symbolizePadMode(name);
  if (!mode) FailUnsupported(absl::StrCat("mode '", name, "'"));
  Value value;
  if (*mode == graph::PadMode::constant) {
    if (c.opset() >= 11) {
      value = c.OptionalInput(2);
    } else if (const double number = c.Float("value", 0); number != 0) {
      value = c.ScalarLike(x, number);
    }
  }
  c.SetOutput(0, c.Pad(x, low, high, value, *mode));
}

void DepthToSpace(NodeContext& c) {
  Value x = c.Input(0);
  const int64_t block = c.Int("blocksize", 0);
  Check(c.Rank(x) == 4 && block > 0 && block <= 65536 && c.Dim(x, 1) % (block * block) == 0, "the operand does not fit blocksize");
  const int64_t n = c.Dim(x, 0), depth = c.Dim(x, 1) / (block * block), h = c.Dim(x, 2), w = c.Dim(x, 3);
  Value blocks = c.String("mode", "DCR") == "DCR" ? c.Transpose(c.Reshape(x, {n, block, block, depth, h, w}), {0, 3, 4, 1, 5, 2})
                                                  : c.Transpose(c.Reshape(x, {n, depth, block, block, h, w}), {0, 1, 4, 2, 5, 3});
  c.SetOutput(0, c.Reshape(blocks, {n, depth, h * block, w * block}));
}

void SpaceToDepth(NodeContext& c) {
  Value x = c.Input(0);
  const int64_t block = c.Int("blocksize", 0);
  Check(c.Rank(x) == 4 && block > 0 && block <= 65536 && c.Dim(x, 2) % block == 0 && c.Dim(x, 3) % block == 0, "the operand does not fit blocksize");
  const int64_t n = c.Dim(x, 0), depth = c.Dim(x, 1), h = c.Dim(x, 2) / block, w = c.Dim(x, 3) / block;
  Value blocks = c.Transpose(c.Reshape(x, {n, depth, h, block, w, block}), {0, 3, 5, 1, 2, 4});
  c.SetOutput(0, c.Reshape(blocks, {n, depth * block * block, h, w}));
}

// Row number minus column number of the last two dims, at most `-k` apart.
void Trilu(NodeContext& c) {
  Value x = c.Input(0);
  Check(c.Rank(x) >= 2, "the operand must be a matrix or a batch of them");
  const int64_t rows = c.Dim(x, -2), columns = c.Dim(x, -1);
  Value row = c.Iota({rows, 1}, c.I64(), 0), column = c.Iota({1, columns}, c.I64(), 1);
  Value offset = c.HasInput(1) ? c.Reshape(c.Input(1), {}) : c.Scalar(c.I64(), 0);
  const auto predicate = c.Flag("upper", true) ? graph::ComparePredicate::ge : graph::ComparePredicate::le;
  c.SetOutput(0, c.Select(c.Compare(predicate, column, c.Add(row, offset)), x, c.ScalarLike(x, 0)));
}

void OneHot(NodeContext& c) {
  Value indices = c.Input(0), values = c.Input(2);
  const std::vector<double> depths = c.ConstantFloats(1);
  Check(depths.size() == 1 && depths[0] >= 0 && depths[0] < 1e15, "depth must be one number that is no less than 0");
  const int64_t depth = static_cast<int64_t>(depths[0]), rank = c.Rank(indices) + 1, axis = c.Axis(c.Int("axis", -1), rank);
  indices = c.Unsqueeze(c.Cast(indices, c.I64()), {axis});
  Value negative = c.Compare(graph::ComparePredicate::lt, indices, c.Scalar(c.I64(), 0));
  indices = c.Select(negative, c.Add(indices, c.Scalar(c.I64(), static_cast<double>(depth))), indices);
  Dims shape(rank, 1);
  shape[axis] = depth;
  Value hot = c.Compare(graph::ComparePredicate::eq, indices, c.Iota(shape, c.I64(), axis));
  Check(c.Count(values) == 2, "values must have two elements");
  Value off = c.Reshape(c.SliceAxis(c.Reshape(values, {2}), 0, 0, 1), {}), on = c.Reshape(c.SliceAxis(c.Reshape(values, {2}), 0, 1, 1), {});
  c.SetOutput(0, c.Select(hot, on, off));
}

}  // namespace

void RegisterMovement(Registry& r) {
  r.Add("Reshape", Reshape);
  r.Add("Flatten", Flatten);
  r.Add("Squeeze", Squeeze);
  r.Add("Unsqueeze", Unsqueeze);
  r.Add("Transpose", Transpose);
  r.Add("Concat", Concat);
  r.Add("Split", Split);
  r.Add("Slice", Slice);
  r.Add("Gather", Gather);
  r.Add("GatherElements", GatherElements);
  r.Add("GatherND", GatherNd);
  r.Add("Expand", Expand);
  r.Add("Tile", Tile);
  r.Add("Pad", Pad);
  r.Add("DepthToSpace", DepthToSpace);
  r.Add("SpaceToDepth", SpaceToDepth);
  r.Add("Trilu", Trilu);
  r.Add("OneHot", OneHot);
}

}  // namespace plimsoll::onnx_frontend
