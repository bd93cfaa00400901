// Recurrent networks step by step, for what graph.recurrent does not express: peepholes, clipping, other activations,
// sequence lengths.
#include "frontends/onnx/recurrent.h"

namespace plimsoll::onnx_frontend {
namespace {

using graph::ActivationKind;

constexpr int64_t kMaxSteps = 1024;

Value Apply(NodeContext& c, const std::string& name, Value x) {
  if (name == "sigmoid") return c.Activation(ActivationKind::sigmoid, x);
  if (name == "tanh") return c.Unary<graph::TanhOp>(x);
  if (name == "relu") return c.Activation(ActivationKind::relu, x);
  if (name == "hardsigmoid") return c.Activation(ActivationKind::hard_sigmoid, x, 0.2, 0.5);
  if (name == "leakyrelu") return c.Activation(ActivationKind::leaky_relu, x, 0.01);
  if (name == "elu") return c.Activation(ActivationKind::elu, x, 1);
  if (name == "softplus") return c.Activation(ActivationKind::softplus, x);
  if (name == "softsign") return c.Div(x, c.Add(c.Unary<graph::AbsOp>(x), c.ScalarLike(x, 1)));
  FailUnsupported(absl::StrCat("the activation '", name, "'"));
}

// One direction: matrices without their first dim.
class Direction {
 public:
  Direction(NodeContext& c, const RecurrentNode& node, int64_t d) : c_(c), node_(node) {
    gates_ = node.kind == "lstm" ? 4 : node.kind == "gru" ? 3 : 1;
    hidden_ = node.hidden_size;
    const std::vector<std::string> defaults = node.kind == "lstm"  ? std::vector<std::string>{"sigmoid", "tanh", "tanh"}
                                              : node.kind == "gru" ? std::vector<std::string>{"sigmoid", "tanh"}
                                                                   : std::vector<std::string>{"tanh"};
    for (size_t i = 0; i < defaults.size(); ++i) {
      const size_t at = d * defaults.size() + i;
      activations_.push_back(at < node.activations.size() ? node.activations[at] : defaults[i]);
    }
    w_ = Of(node.w, d);
    r_ = Of(node.r, d);
    if (node.bias) {
      Value both = Of(node.bias, d);
      input_bias_ = c.SliceAxis(both, 0, 0, gates_ * hidden_);
      hidden_bias_ = c.SliceAxis(both, 0, gates_ * hidden_, gates_ * hidden_);
    }
    if (node.peepholes) peepholes_ = Of(node.peepholes, d);
    const Dims state = {c.Dim(node.x, 1), hidden_};
    h_ = node.initial_h ? Of(node.initial_h, d) : c.Filled(state, c.Element(node.x), 0);
    cell_ = node.initial_c ? Of(node.initial_c, d) : c.Filled(state, c.Element(node.x), 0);
  }

  Value h() const { return h_; }
  Value cell() const { return cell_; }

  // x [N, I]; mask [N, 1] where this step counts, null: everywhere. The step's output, 0 where it does not count.
  Value Step(Value x, Value mask) {
    Value before_h = h_, before_cell = cell_;
    if (node_.kind == "lstm") {
      Lstm(x);
    } else if (node_.kind == "gru") {
      Gru(x);
    } else {
      Value sum = c_.Add(Product(x, w_, input_bias_), Product(h_, r_, hidden_bias_));
      h_ = Apply(c_, activations_[0], Clipped(sum));
    }
    Value y = h_;
    if (mask) {
      y = c_.Select(mask, h_, c_.ScalarLike(h_, 0));
      h_ = c_.Select(mask, h_, before_h);
      cell_ = c_.Select(mask, cell_, before_cell);
    }
    return y;
  }

 private:
  Value Of(Value value, int64_t d) { return c_.Squeeze(c_.SliceAxis(value, 0, d, 1), {0}); }
  Value Product(Value x, Value matrix, Value bias) {
    Emitter::DotOptions options;
    options.transpose_rhs = true;
    options.bias = bias;
    return c_.Dot(x, matrix, options);
  }
  Value Gate(Value all, int64_t gate) { return c_.SliceAxis(all, 1, gate * hidden_, hidden_); }
  Value Clipped(Value x) { return node_.clip > 0 ? c_.Clip(x, -node_.clip, node_.clip) : x; }
  Value Peephole(Value gate, Value cell, int64_t which) {
    return peepholes_ ? c_.Add(gate, c_.Mul(cell, c_.SliceAxis(peepholes_, 0, which * hidden_, hidden_))) : gate;
  }

  // Gates in ONNX's order: input, output, forget, cell; peepholes: input, output, forget.
  void Lstm(Value x) {
    Value all = c_.Add(Product(x, w_, input_bias_), Product(h_, r_, hidden_bias_));
    Value input = Apply(c_, activations_[0], Clipped(Peephole(Gate(all, 0), cell_, 0)));
    Value forget = node_.input_forget ? c_.Sub(c_.ScalarLike(input, 1), input)
                                      : Apply(c_, activations_[0], Clipped(Peephole(Gate(all, 2), cell_, 2)));
    Value candidate = Apply(c_, activations_[1], Clipped(Gate(all, 3)));
    cell_ = c_.Add(c_.Mul(forget, cell_), c_.Mul(input, candidate));
    Value output = Apply(c_, activations_[0], Clipped(Peephole(Gate(all, 1), cell_, 1)));
    h_ = c_.Mul(output, Apply(c_, activations_[2], cell_));
  }

  // Gates: update, reset, hidden.
  void Gru(Value x) {
    Value from_x = Product(x, w_, input_bias_);
    Value from_h = Product(h_, c_.SliceAxis(r_, 0, 0, 2 * hidden_), hidden_bias_ ? c_.SliceAxis(hidden_bias_, 0, 0, 2 * hidden_) : Value());
    Value update = Apply(c_, activations_[0], Clipped(c_.Add(Gate(from_x, 0), Gate(from_h, 0))));
    Value reset = Apply(c_, activations_[0], Clipped(c_.Add(Gate(from_x, 1), Gate(from_h, 1))));
    Value matrix = c_.SliceAxis(r_, 0, 2 * hidden_, hidden_);
    Value bias = hidden_bias_ ? c_.SliceAxis(hidden_bias_, 0, 2 * hidden_, hidden_) : Value();
    Value from_state = node_.linear_before_reset ? c_.Mul(reset, Product(h_, matrix, bias)) : Product(c_.Mul(reset, h_), matrix, bias);
    Value candidate = Apply(c_, activations_[1], Clipped(c_.Add(Gate(from_x, 2), from_state)));
    h_ = c_.Add(c_.Mul(c_.Sub(c_.ScalarLike(update, 1), update), candidate), c_.Mul(update, h_));
  }

  NodeContext& c_;
  const RecurrentNode& node_;
  int64_t gates_ = 1, hidden_ = 0;
  std::vector<std::string> activations_;
  Value w_, r_, input_bias_, hidden_bias_, peepholes_, h_, cell_;
};

// [N, 1], true where `step` counts.
Value Mask(NodeContext& c, const RecurrentNode& node, int64_t step) {
  if (node.lengths.empty()) return {};
  llvm::SmallVector<bool> counts;
  for (int64_t length : node.lengths) counts.push_back(step < length);
  return c.Constant(mlir::DenseElementsAttr::get(mlir::RankedTensorType::get({static_cast<int64_t>(counts.size()), 1}, c.I1()), counts));
}

}  // namespace

RecurrentResult UnrollRecurrent(NodeContext& c, const RecurrentNode& node) {
  const int64_t steps = c.Dim(node.x, 0), directions = node.direction == "bidirectional" ? 2 : 1;
  if (steps > kMaxSteps) FailUnsupported(absl::StrCat("a recurrent network in this form over ", steps, " steps"));
  Check(steps > 0, "the sequence is empty");
  Check(node.lengths.empty() || static_cast<int64_t>(node.lengths.size()) == c.Dim(node.x, 1), "one sequence length a batch entry is needed");
  std::vector<Value> all_y, all_h, all_cell;
  for (int64_t d = 0; d < directions; ++d) {
    const bool reverse = node.direction == "reverse" || d == 1;
    Direction direction(c, node, d);
    std::vector<Value> outputs(steps);
    for (int64_t i = 0; i < steps; ++i) {
      const int64_t step = reverse ? steps - 1 - i : i;
      Value x = c.Squeeze(c.SliceAxis(node.x, 0, step, 1), {0});
      outputs[step] = c.Unsqueeze(direction.Step(x, Mask(c, node, step)), {0, 1});
    }
    all_y.push_back(c.Concat(outputs, 0));
    all_h.push_back(c.Unsqueeze(direction.h(), {0}));
    all_cell.push_back(c.Unsqueeze(direction.cell(), {0}));
  }
  return {c.Concat(all_y, 1), c.Concat(all_h, 0), c.Concat(all_cell, 0)};
}

}  // namespace plimsoll::onnx_frontend
