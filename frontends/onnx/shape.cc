// Constants, and values that are made of shapes.
#include <cmath>

#include "frontends/onnx/node.h"
#include "frontends/onnx/tensor.h"

namespace plimsoll::onnx_frontend {
namespace {

void Constant(NodeContext& c) {
  const onnx::NodeProto& node = c.node();
  if (node.attribute_size() != 1) FailMalformed("it must have one attribute");
  const onnx::AttributeProto& attribute = node.attribute(0);
  const std::string name = c.HasOutput(0) ? node.output(0) : node.name();
  auto dense = [&](Type element, auto values, bool scalar) {
    const auto type = mlir::RankedTensorType::get(scalar ? Dims() : Dims{static_cast<int64_t>(values.size())}, element);
    c.SetOutput(0, c.Constant(mlir::DenseElementsAttr::get(type, llvm::ArrayRef(values))));
  };
  if (attribute.name() == "value") return c.SetOutput(0, c.importer().Stored(attribute.t(), name, c.location(), false));
  if (attribute.name() == "value_int") return dense(c.I64(), std::vector<int64_t>{attribute.i()}, true);
  if (attribute.name() == "value_float") return dense(c.F32(), std::vector<float>{attribute.f()}, true);
  if (attribute.name() == "value_ints") return dense(c.I64(), std::vector<int64_t>(attribute.ints().begin(), attribute.ints().end()), false);
  if (attribute.name() == "value_floats") return dense(c.F32(), std::vector<float>(attribute.floats().begin(), attribute.floats().end()), false);
  FailUnsupported(absl::StrCat("the attribute '", attribute.name(), "'"));
}

void ConstantOfShape(NodeContext& c) {
  const Dims shape = c.ConstantIntegers(0);
  const onnx::AttributeProto* value = c.Attribute("value");
  if (!value) return c.SetOutput(0, c.Filled(shape, c.F32(), 0));
  const Type element = Importer::TypeOf(c.builder().getContext(), value->t().data_type(), "the value");
  const absl::StatusOr<std::string> bytes = Elements(value->t());
  if (!bytes.ok()) throw ImportError(bytes.status());
  Check(*ElementCount(value->t()) == 1, "the value must have one element");
  mlir::DenseElementsAttr one = DenseOf(mlir::RankedTensorType::get({}, element), *bytes);
  const mlir::RankedTensorType type = c.TensorOf(shape, element);
  if (type.getNumElements() > 1024) return c.SetOutput(0, c.Expand(c.Constant(one), shape));
  c.SetOutput(0, c.Constant(one.resizeSplat(type)));
}

void Shape(NodeContext& c) {
  const Dims shape = c.Emitter::Shape(c.Input(0));
  const int64_t rank = static_cast<int64_t>(shape.size());
  auto clamp = [&](int64_t index) { return std::clamp<int64_t>(index < 0 ? index + rank : index, 0, rank); };
  const int64_t start = clamp(c.Int("start", 0)), end = std::max(start, clamp(c.Int("end", rank)));
  c.SetOutput(0, c.Integers(Dims(shape.begin() + start, shape.begin() + end)));
}

void Size(NodeContext& c) { c.SetOutput(0, c.Scalar(c.I64(), static_cast<double>(c.Count(c.Input(0))))); }

void Range(NodeContext& c) {
  const Type element = c.Element(c.Input(0));
  auto scalar = [&](const auto& values) {
    Check(values.size() == 1, "start, limit and delta must be scalars");
    return values.front();
  };
  if (llvm::isa<mlir::FloatType>(element)) {
    const double start = scalar(c.ConstantFloats(0)), limit = scalar(c.ConstantFloats(1)), delta = scalar(c.ConstantFloats(2));
    Check(delta != 0, "delta is 0");
    const double count = std::max(0.0, std::ceil((limit - start) / delta));
    Check(count < 1e15, "the range is larger than any memory");
    return c.SetOutput(0, c.Iota({static_cast<int64_t>(count)}, element, 0, start, delta));
  }
  const int64_t start = scalar(c.ConstantIntegers(0)), limit = scalar(c.ConstantIntegers(1)), delta = scalar(c.ConstantIntegers(2));
  Check(delta != 0, "delta is 0");
  const __int128 span = delta > 0 ? static_cast<__int128>(limit) - start : static_cast<__int128>(start) - limit;
  const __int128 step = delta > 0 ? delta : -static_cast<__int128>(delta);
  const __int128 count = span <= 0 ? 0 : (span - 1) / step + 1;
  Check(count < __int128{1} << 50, "the range is larger than any memory");
  if (count > graph::build::kMaxFoldedElements) {
    return c.SetOutput(0, c.Iota({static_cast<int64_t>(count)}, element, 0, static_cast<double>(start), static_cast<double>(delta)));
  }
  Dims values;
  for (int64_t i = 0; i < static_cast<int64_t>(count); ++i) values.push_back(start + i * delta);
  c.SetOutput(0, c.Cast(c.Integers(values), element));
}

// 1 on the k-th diagonal.
void EyeLike(NodeContext& c) {
  Value x = c.Input(0);
  Check(c.Rank(x) == 2, "the operand must be a matrix");
  Type element = c.Element(x);
  if (c.Attribute("dtype")) element = Importer::TypeOf(c.builder().getContext(), static_cast<int>(c.Int("dtype", 0)), "the result");
  Value row = c.Iota({c.Dim(x, 0), 1}, c.I64(), 0, static_cast<double>(c.Int("k", 0))), column = c.Iota({1, c.Dim(x, 1)}, c.I64(), 1);
  c.SetOutput(0, c.Cast(c.Compare(graph::ComparePredicate::eq, row, column), element));
}

}  // namespace

void RegisterShape(Registry& r) {
  r.Add("Constant", Constant);
  r.Add("ConstantOfShape", ConstantOfShape);
  r.Add("Shape", Shape);
  r.Add("Size", Size);
  r.Add("Range", Range);
  r.Add("EyeLike", EyeLike);
}

}  // namespace plimsoll::onnx_frontend
