// ai.onnx.preview.training: one step of an optimizer on each of its tensors. Inputs: learning rate, step number, then
// all tensors, all gradients, and all of each state; outputs: all new tensors, then all of each new state.
#include "frontends/onnx/node.h"

namespace plimsoll::onnx_frontend {
namespace {

using graph::ComparePredicate;

struct Step {
  Value rate, number;  // scalars; the number as a float of the tensors' type
  Value x, gradient;   // the gradient with that of the penalty on x
  std::vector<Value> states;
};

// Takes the node's inputs apart, and its outputs together again.
template <typename Update>
void ForEachTensor(NodeContext& c, int states, const Update& update) {
  const int groups = 2 + states, tensors = (c.NumInputs() - 2) / groups;
  Check(tensors > 0 && c.NumInputs() == 2 + groups * tensors && c.NumOutputs() == (1 + states) * tensors,
        "the numbers of tensors, gradients and states differ");
  for (int i = 0; i < tensors; ++i) {
    auto input = [&](int group) { return c.Input(2 + group * tensors + i); };
    Step step;
    step.x = input(0);
    step.rate = c.Cast(c.Reshape(c.Input(0), {}), c.Element(step.x));
    step.number = c.Cast(c.Reshape(c.Input(1), {}), c.Element(step.x));
    step.gradient = c.Add(c.Mul(c.ScalarLike(step.x, c.Float("norm_coefficient", 0)), step.x), input(1));
    for (int s = 0; s < states; ++s) step.states.push_back(input(2 + s));
    const std::vector<Value> results = update(step);  // x, then the states
    for (int r = 0; r <= states; ++r) c.SetOutput(r * tensors + i, results[r]);
  }
}

void Adagrad(NodeContext& c) {
  ForEachTensor(c, 1, [&](const Step& s) -> std::vector<Value> {
    auto number = [&](double value) { return c.ScalarLike(s.x, value); };
    Value rate = c.Div(s.rate, c.Add(number(1), c.Mul(s.number, number(c.Float("decay_factor", 0)))));
    Value sum = c.Add(s.states[0], c.Mul(s.gradient, s.gradient));
    Value root = c.Add(c.Unary<graph::SqrtOp>(sum), number(c.Float("epsilon", 0)));
    return {c.Sub(s.x, c.Div(c.Mul(rate, s.gradient), root)), sum};
  });
}

void Momentum(NodeContext& c) {
  const std::string mode = c.String("mode", "");
  Check(mode == "standard" || mode == "nesterov", "mode must be standard or nesterov");
  ForEachTensor(c, 1, [&](const Step& s) -> std::vector<Value> {
    auto number = [&](double value) { return c.ScalarLike(s.x, value); };
    Value alpha = number(c.Float("alpha", 0));
    // The first gradient counts whole.
    Value beta = c.Select(c.Compare(ComparePredicate::gt, s.number, number(0)), number(c.Float("beta", 0)), number(1));
    Value velocity = c.Add(c.Mul(alpha, s.states[0]), c.Mul(beta, s.gradient));
    Value change = mode == "nesterov" ? c.Add(s.gradient, c.Mul(alpha, velocity)) : velocity;
    return {c.Sub(s.x, c.Mul(s.rate, change)), velocity};
  });
}

void Adam(NodeContext& c) {
  ForEachTensor(c, 2, [&](const Step& s) -> std::vector<Value> {
    auto number = [&](double value) { return c.ScalarLike(s.x, value); };
    Value one = number(1), alpha = number(c.Float("alpha", 0.9)), beta = number(c.Float("beta", 0.999));
    Value first = c.Add(c.Mul(alpha, s.states[0]), c.Mul(c.Sub(one, alpha), s.gradient));
    Value second = c.Add(c.Mul(beta, s.states[1]), c.Mul(c.Sub(one, beta), c.Mul(s.gradient, s.gradient)));
    Value root = c.Add(c.Unary<graph::SqrtOp>(second), number(c.Float("epsilon", 0)));
    // The bias of the first steps; none is corrected at step 0.
    auto missing = [&](Value base) { return c.Sub(one, c.Binary<graph::PowOp>(base, s.number)); };
    Value corrected = c.Div(c.Mul(s.rate, c.Unary<graph::SqrtOp>(missing(beta))), missing(alpha));
    Value rate = c.Select(c.Compare(ComparePredicate::gt, s.number, number(0)), corrected, s.rate);
    Value x = c.Sub(s.x, c.Mul(rate, c.Div(first, root)));
    return {c.Mul(number(1 - c.Float("norm_coefficient_post", 0)), x), first, second};
  });
}

}  // namespace

void RegisterOptimizers(Registry& r) {
  const char* kDomain = "ai.onnx.preview.training";
  r.Add("Adagrad", Adagrad, kDomain);
  r.Add("Adam", Adam, kDomain);
  r.Add("Momentum", Momentum, kDomain);
}

}  // namespace plimsoll::onnx_frontend
