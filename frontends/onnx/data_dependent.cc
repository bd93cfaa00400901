// Operators whose result's shape depends on data: exact where what decides it is constant, else a tensor of bounded
// size, which may leave the model but feeds no other operator.
#include "frontends/onnx/host.h"

namespace plimsoll::onnx_frontend {
namespace {

// `bounds` with the dims `open` known only at run time.
mlir::RankedTensorType Bounded(NodeContext& c, const Dims& bounds, Type element, const Dims& open) {
  const mlir::RankedTensorType most = c.TensorOf(bounds, element);  // throws where it is larger than any memory
  Dims shape = bounds;
  for (int64_t d : open) shape[d] = mlir::ShapedType::kDynamic;
  return mlir::RankedTensorType::get(shape, most.getElementType(),
                                     graph::BoundsAttr::get(c.builder().getContext(), bounds));
}

int64_t Product(const Dims& dims) {
  int64_t product = 1;
  for (int64_t dim : dims) {
    if (__builtin_mul_overflow(product, dim, &product)) FailMalformed("the result is larger than any memory");
  }
  return product;
}

void NonZero(NodeContext& c) {
  Value x = c.Input(0);
  const int64_t rank = c.Rank(x);
  const std::optional<std::vector<double>> numbers = c.TryFloats(x);
  if (!numbers) return HostCall(c, "non_zero", {Bounded(c, {rank, c.Count(x)}, c.I64(), {1})});
  std::vector<Dims> indices(rank);
  int64_t found = 0;
  for (int64_t i = 0; i < static_cast<int64_t>(numbers->size()); ++i) {
    if ((*numbers)[i] == 0) continue;
    ++found;
    int64_t rest = i;
    for (int64_t d = rank; d-- > 0; rest /= c.Dim(x, d)) indices[d].push_back(rest % c.Dim(x, d));
  }
  Dims all;
  for (const Dims& one : indices) all.insert(all.end(), one.begin(), one.end());
  c.SetOutput(
      0, c.Constant(mlir::DenseElementsAttr::get(c.TensorOf({rank, found}, c.I64()), llvm::ArrayRef<int64_t>(all))));
}

void Compress(NodeContext& c) {
  Value x = c.Input(0), condition = c.Input(1);
  const bool flat = !c.Attribute("axis");
  const int64_t axis = flat ? 0 : c.Axis(c.Int("axis", 0), c.Rank(x));
  Dims shape = flat ? Dims{c.Count(x)} : c.Shape(x);
  if (const std::optional<Dims> taken = c.TryIntegers(condition)) {
    Dims indices;
    for (int64_t i = 0; i < static_cast<int64_t>(taken->size()); ++i) {
      if ((*taken)[i] == 0) continue;
      Check(i < shape[axis], "the condition is longer than the dimension");
      indices.push_back(i);
    }
    return c.SetOutput(0, c.Gather(flat ? c.Reshape(x, shape) : x, c.Integers(indices), axis));
  }
  shape[axis] = std::min(shape[axis], c.Count(condition));
  HostCall(c, "compress", {Bounded(c, shape, c.Element(x), {axis})});
}

void Unique(NodeContext& c) {
  Value x = c.Input(0);
  const bool flat = !c.Attribute("axis");
  const int64_t axis = flat ? 0 : c.Axis(c.Int("axis", 0), c.Rank(x));
  const Dims shape = flat ? Dims{c.Count(x)} : c.Shape(x);
  const Dims length = {shape[axis]};
  const std::vector<mlir::Type> all = {Bounded(c, shape, c.Element(x), {axis}), Bounded(c, length, c.I64(), {0}),
                                       c.TensorOf(length, c.I64()), Bounded(c, length, c.I64(), {0})};
  HostCall(c, "unique", std::vector<mlir::Type>(all.begin(), all.begin() + std::min<int64_t>(c.NumOutputs(), 4)));
}

void NonMaxSuppression(NodeContext& c) {
  Value boxes = c.Input(0), scores = c.Input(1);
  Check(c.Rank(boxes) == 3 && c.Rank(scores) == 3, "boxes [batch, n, 4] and scores [batch, classes, n] are expected");
  int64_t most = c.Dim(boxes, 1);
  if (!c.HasInput(2)) {
    most = 0;
  } else if (const std::optional<double> given = c.TryScalar(c.Input(2))) {
    most = std::clamp<int64_t>(static_cast<int64_t>(std::clamp(*given, 0.0, 9e15)), 0, most);
  }
  const int64_t rows = Product({c.Dim(scores, 0), c.Dim(scores, 1), most});
  HostCall(c, "non_max_suppression", {Bounded(c, {rows, 3}, c.I64(), {0})});
}

}  // namespace

void RegisterDataDependent(Registry& r) {
  r.Add("NonZero", NonZero);
  r.Add("Compress", Compress);
  r.Add("Unique", Unique);
  r.Add("NonMaxSuppression", NonMaxSuppression);
}

}  // namespace plimsoll::onnx_frontend
