#include "frontends/onnx/narrow.h"

#include "onnx/onnx_pb.h"

namespace plimsoll::onnx_frontend {
namespace {

using graph::ComparePredicate;

Value ToInteger(NodeContext& c, Value x, const plan::OnnxElement& element) {
  auto number = [&](int value) { return c.Scalar(c.I32(), value); };
  const int count = 1 << element.stored_bits, offset = element.kept == plan::I8 ? count / 2 : 0;
  Value wrapped =
      c.Make<graph::ModOp>({c.Add(c.Cast(x, c.I32()), number(offset)), number(count)}, {c.Attr("fmod", false)});
  return c.Sub(wrapped, number(offset));
}

// The numbers are 0, 0.5, 1, 1.5, 2, 3, 4, 6: steps of 0.5 to 2, of 1 to 4, of 2 beyond.
Value ToFloat4(NodeContext& c, Value x) {
  x = c.Cast(x, c.F32());
  auto number = [&](double value) { return c.Scalar(c.F32(), value); };
  auto rounded = [&](Value value, double step) {
    return c.Mul(c.Unary<graph::RoundOp>(c.Mul(value, number(1 / step))), number(step));
  };
  Value magnitude = c.Unary<graph::AbsOp>(x);
  magnitude = c.Select(c.Compare(ComparePredicate::ge, magnitude, number(6)), number(6), magnitude);
  Value upper =
      c.Select(c.Compare(ComparePredicate::lt, magnitude, number(4)), rounded(magnitude, 1), rounded(magnitude, 2));
  magnitude = c.Select(c.Compare(ComparePredicate::lt, magnitude, number(2)), rounded(magnitude, 0.5), upper);
  Value result = c.Select(c.Compare(ComparePredicate::lt, x, number(0)), c.Unary<graph::NegOp>(magnitude), magnitude);
  return c.Select(c.Unary<graph::IsNanOp>(x), number(-0.0), result);
}

Value ToPowerOfTwo(NodeContext& c, Value x, bool saturate, const std::string& round_mode) {
  Check(round_mode == "up" || round_mode == "down" || round_mode == "nearest",
        "round_mode must be up, down or nearest");
  x = c.Cast(x, c.F32());
  const mlir::DictionaryAttr settings =
      c.builder().getDictionaryAttr({c.Attr("round_mode", round_mode), c.Attr("saturate", saturate ? 1 : 0)});
  return c.Make<graph::HostCallOp>(
      {x}, {c.Attr("function", "round_to_power_of_two"), c.Attr("settings", settings), c.Attr("present", Dims{1})},
      c.TensorOf(c.Shape(x), c.builder().getBF16Type()));
}

}  // namespace

Value CastToNarrow(NodeContext& c, Value x, const plan::OnnxElement& element, bool saturate,
                   const std::string& round_mode) {
  Value numbers = element.number == onnx::TensorProto::FLOAT8E8M0   ? ToPowerOfTwo(c, x, saturate, round_mode)
                  : element.number == onnx::TensorProto::FLOAT4E2M1 ? ToFloat4(c, x)
                                                                    : ToInteger(c, x, element);
  return c.Cast(numbers, Importer::TypeOf(c.builder().getContext(), element.kept));
}

}  // namespace plimsoll::onnx_frontend
