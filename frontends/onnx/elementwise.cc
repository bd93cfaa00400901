// Elementwise operators.
#include <cmath>
#include <limits>

#include "frontends/onnx/host.h"
#include "frontends/onnx/narrow.h"

namespace plimsoll::onnx_frontend {
namespace {

using graph::ActivationKind;
using graph::ComparePredicate;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <typename Op>
void Unary(NodeContext& c) {
  c.SetOutput(0, c.Emitter::Unary<Op>(c.Input(0)));
}

// The second operand. Before opset 7 its dims lie at `axis` of the first where `broadcast` says so.
Value Second(NodeContext& c) {
  Value x = c.Input(0), y = c.Input(1);
  if (c.opset() >= 7 || !c.Flag("broadcast", false) || !c.Attribute("axis")) return y;
  const int64_t axis = c.Axis(c.Int("axis", 0), c.Rank(x));
  Dims shape = c.Shape(y);
  while (axis + static_cast<int64_t>(shape.size()) < c.Rank(x)) shape.push_back(1);
  return c.Reshape(y, shape);
}

template <typename Op>
void Binary(NodeContext& c) {
  c.SetOutput(0, c.Emitter::Binary<Op>(c.Input(0), Second(c)));
}

template <typename Op>
void Variadic(NodeContext& c) {
  Value result = c.Input(0);
  for (int i = 1; i < c.NumInputs(); ++i) result = c.Emitter::Binary<Op>(result, c.Input(i));
  c.SetOutput(0, result);
}

Converter Compare(ComparePredicate predicate) {
  return [predicate](NodeContext& c) { c.SetOutput(0, c.Compare(predicate, c.Input(0), Second(c))); };
}

// alpha and beta: attributes with their defaults.
Converter Activation(ActivationKind kind, double alpha = 0, double beta = 0) {
  return [=](NodeContext& c) {
    c.SetOutput(0, c.Activation(kind, c.Input(0), c.Float("alpha", alpha), c.Float("beta", beta)));
  };
}

void Relu(NodeContext& c) {
  Value x = c.Input(0);
  c.SetOutput(0, c.IsFloat(x) ? c.Activation(ActivationKind::relu, x) : c.Max(x, c.ScalarLike(x, 0)));
}

void Gelu(NodeContext& c) {
  const std::string approximate = c.String("approximate", "none");
  c.SetOutput(0,
              c.Activation(approximate == "tanh" ? ActivationKind::gelu_tanh : ActivationKind::gelu_erf, c.Input(0)));
}

void Selu(NodeContext& c) {
  Value elu = c.Activation(ActivationKind::elu, c.Input(0), c.Float("alpha", 1.67326319217681884765625));
  c.SetOutput(0, c.Mul(elu, c.ScalarLike(elu, c.Float("gamma", 1.05070102214813232421875))));
}

// alpha elu(x / alpha) with elu's own alpha 1.
void Celu(NodeContext& c) {
  Value x = c.Input(0), alpha = c.ScalarLike(x, c.Float("alpha", 1));
  c.SetOutput(0, c.Mul(c.Activation(ActivationKind::elu, c.Div(x, alpha), 1), alpha));
}

void ThresholdedRelu(NodeContext& c) {
  Value x = c.Input(0);
  Value above = c.Compare(ComparePredicate::gt, x, c.ScalarLike(x, c.Float("alpha", 1)));
  c.SetOutput(0, c.Select(above, x, c.ScalarLike(x, 0)));
}

void Softsign(NodeContext& c) {
  Value x = c.Input(0);
  c.SetOutput(0, c.Div(x, c.Add(c.Emitter::Unary<graph::AbsOp>(x), c.ScalarLike(x, 1))));
}

void Shrink(NodeContext& c) {
  Value x = c.Input(0);
  const double lambd = c.Float("lambd", 0.5), bias = c.Float("bias", 0);
  Value low = c.Compare(ComparePredicate::lt, x, c.ScalarLike(x, -lambd));
  Value high = c.Compare(ComparePredicate::gt, x, c.ScalarLike(x, lambd));
  Value rest = c.Select(high, c.Sub(x, c.ScalarLike(x, bias)), c.ScalarLike(x, 0));
  c.SetOutput(0, c.Select(low, c.Add(x, c.ScalarLike(x, bias)), rest));
}

// The slope broadcasts to x alone; before opset 7 it may be one a channel.
void PRelu(NodeContext& c) {
  Value x = c.Input(0), slope = c.Input(1);
  if (c.opset() < 7 && c.Rank(slope) == 1 && c.Count(slope) > 1 && c.Rank(x) > 1) {
    Dims shape(c.Rank(x) - 1, 1);
    shape[0] = c.Count(slope);
    slope = c.Reshape(slope, shape);
  }
  c.SetOutput(0, c.Select(c.Compare(ComparePredicate::lt, x, c.ScalarLike(x, 0)), c.Mul(x, slope), x));
}

// Bounds are attributes before opset 11, inputs since.
void Clip(NodeContext& c) {
  Value x = c.Input(0);
  if (c.opset() < 11)
    return c.SetOutput(0, c.Clip(x, c.Float("min", std::numeric_limits<float>::lowest()),
                                 c.Float("max", std::numeric_limits<float>::max())));
  Value min = c.OptionalInput(1), max = c.OptionalInput(2);
  const std::optional<double> low = min ? c.TryScalar(min) : -kInfinity, high = max ? c.TryScalar(max) : kInfinity;
  if (!min && !max) return c.SetOutput(0, x);
  if (c.IsFloat(x) && low && high) return c.SetOutput(0, c.Activation(ActivationKind::clip, x, *low, *high));
  if (min) x = c.Max(x, c.Reshape(min, {}));
  if (max) x = c.Min(x, c.Reshape(max, {}));
  c.SetOutput(0, x);
}

void IsInf(NodeContext& c) {
  c.SetOutput(0, c.Make<graph::IsInfOp>({c.Input(0)}, {c.Attr("positive", c.Flag("detect_positive", true)),
                                                       c.Attr("negative", c.Flag("detect_negative", true))}));
}

void Mod(NodeContext& c) {
  c.SetOutput(0, c.Make<graph::ModOp>({c.Input(0), c.Input(1)}, {c.Attr("fmod", c.Flag("fmod", false))}));
}

void BitShift(NodeContext& c) {
  const std::string direction = c.String("direction", "");
  if (direction == "LEFT") return Binary<graph::ShiftLeftOp>(c);
  Check(direction == "RIGHT", "direction must be LEFT or RIGHT");
  Binary<graph::ShiftRightOp>(c);
}

void Mean(NodeContext& c) {
  Value sum = c.Input(0);
  for (int i = 1; i < c.NumInputs(); ++i) sum = c.Add(sum, c.Input(i));
  c.SetOutput(0, c.NumInputs() == 1 ? sum : c.Div(sum, c.ScalarLike(sum, c.NumInputs())));
}

void Where(NodeContext& c) { c.SetOutput(0, c.Select(c.Input(0), c.Input(1), c.Input(2))); }
void Identity(NodeContext& c) { c.SetOutput(0, c.AnyInput(0)); }

void CastTo(NodeContext& c, int type) {
  const plan::OnnxElement* element = plan::FindOnnxElement(type);
  if (element && element->narrow()) {
    if (c.HasOutput(0)) c.importer().SetNarrowElement(c.node().output(0), *element);
    return c.SetOutput(0,
                       CastToNarrow(c, c.Input(0), *element, c.Flag("saturate", true), c.String("round_mode", "up")));
  }
  c.SetOutput(
      0, c.Cast(c.Input(0), Importer::TypeOf(c.builder().getContext(), type, "the result"), c.Flag("saturate", true)));
}

void Cast(NodeContext& c) { CastTo(c, static_cast<int>(c.Int("to", 0))); }
void CastLike(NodeContext& c) {
  const plan::OnnxElement* narrow = c.importer().NarrowElement(c.node().input(1));
  CastTo(c, narrow ? narrow->number : OnnxElementType(c.Element(c.Input(1))));
}

// At inference the identity; with training_mode, or where that is not known, the host draws.
void Dropout(NodeContext& c) {
  Value x = c.Input(0);
  if (c.opset() >= 12 && c.HasInput(2)) {
    const std::optional<double> training = c.TryScalar(c.Input(2));
    const std::optional<double> ratio = c.HasInput(1) ? c.TryScalar(c.Input(1)) : 0.5;
    if (training != 0 && ratio != 0) return HostCall(c, "dropout");
  }
  c.SetOutput(0, x);
  if (c.HasOutput(1)) c.SetOutput(1, c.Filled(c.Shape(x), c.opset() < 10 ? c.Element(x) : c.I1(), 1));
}

}  // namespace

void RegisterElementwise(Registry& r) {
  r.Add("Abs", Unary<graph::AbsOp>);
  r.Add("Neg", Unary<graph::NegOp>);
  r.Add("Sign", Unary<graph::SignOp>);
  r.Add("Exp", Unary<graph::ExpOp>);
  r.Add("Log", Unary<graph::LogOp>);
  r.Add("Sqrt", Unary<graph::SqrtOp>);
  r.Add("Reciprocal", Unary<graph::ReciprocalOp>);
  r.Add("Tanh", Unary<graph::TanhOp>);
  r.Add("Erf", Unary<graph::ErfOp>);
  r.Add("Sin", Unary<graph::SinOp>);
  r.Add("Cos", Unary<graph::CosOp>);
  r.Add("Tan", Unary<graph::TanOp>);
  r.Add("Asin", Unary<graph::AsinOp>);
  r.Add("Acos", Unary<graph::AcosOp>);
  r.Add("Atan", Unary<graph::AtanOp>);
  r.Add("Sinh", Unary<graph::SinhOp>);
  r.Add("Cosh", Unary<graph::CoshOp>);
  r.Add("Asinh", Unary<graph::AsinhOp>);
  r.Add("Acosh", Unary<graph::AcoshOp>);
  r.Add("Atanh", Unary<graph::AtanhOp>);
  r.Add("Floor", Unary<graph::FloorOp>);
  r.Add("Ceil", Unary<graph::CeilOp>);
  r.Add("Round", Unary<graph::RoundOp>);
  r.Add("Not", Unary<graph::NotOp>);
  r.Add("BitwiseNot", Unary<graph::NotOp>);
  r.Add("IsNaN", Unary<graph::IsNanOp>);
  r.Add("IsInf", IsInf);

  r.Add("Add", Binary<graph::AddOp>);
  r.Add("Sub", Binary<graph::SubOp>);
  r.Add("Mul", Binary<graph::MulOp>);
  r.Add("Div", Binary<graph::DivOp>);
  r.Add("Pow", Binary<graph::PowOp>);
  r.Add("And", Binary<graph::AndOp>);
  r.Add("Or", Binary<graph::OrOp>);
  r.Add("Xor", Binary<graph::XorOp>);
  r.Add("BitwiseAnd", Binary<graph::AndOp>);
  r.Add("BitwiseOr", Binary<graph::OrOp>);
  r.Add("BitwiseXor", Binary<graph::XorOp>);
  r.Add("BitShift", BitShift);
  r.Add("Mod", Mod);
  r.Add("Max", Variadic<graph::MaxOp>);
  r.Add("Min", Variadic<graph::MinOp>);
  r.Add("Sum", Variadic<graph::AddOp>);
  r.Add("Mean", Mean);
  r.Add("Equal", Compare(ComparePredicate::eq));
  r.Add("Less", Compare(ComparePredicate::lt));
  r.Add("LessOrEqual", Compare(ComparePredicate::le));
  r.Add("Greater", Compare(ComparePredicate::gt));
  r.Add("GreaterOrEqual", Compare(ComparePredicate::ge));
  r.Add("Where", Where);
  r.Add("PRelu", PRelu);

  r.Add("Relu", Relu);
  r.Add("LeakyRelu", Activation(ActivationKind::leaky_relu, 0.01));
  r.Add("Elu", Activation(ActivationKind::elu, 1));
  r.Add("Sigmoid", Activation(ActivationKind::sigmoid));
  r.Add("HardSigmoid", Activation(ActivationKind::hard_sigmoid, 0.2, 0.5));
  r.Add("HardSwish", Activation(ActivationKind::hard_swish));
  r.Add("Swish", Activation(ActivationKind::silu, 1));
  r.Add("Softplus", Activation(ActivationKind::softplus));
  r.Add("Mish", Activation(ActivationKind::mish));
  r.Add("Gelu", Gelu);
  r.Add("Selu", Selu);
  r.Add("Celu", Celu);
  r.Add("ThresholdedRelu", ThresholdedRelu);
  r.Add("Softsign", Softsign);
  r.Add("Shrink", Shrink);
  r.Add("Clip", Clip);

  r.Add("Identity", Identity);
  r.Add("Cast", Cast);
  r.Add("CastLike", CastLike);
  r.Add("Dropout", Dropout);
}

}  // namespace plimsoll::onnx_frontend
