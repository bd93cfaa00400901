#include "frontends/onnx/recurrent.h"

#include "absl/strings/ascii.h"

namespace plimsoll::onnx_frontend {
namespace {

const std::map<std::string, std::vector<std::string>>& DefaultActivations() {
  static const auto* defaults = new std::map<std::string, std::vector<std::string>>{
      {"lstm", {"sigmoid", "tanh", "tanh"}}, {"gru", {"sigmoid", "tanh"}}, {"rnn", {"tanh"}}};
  return *defaults;
}

// The dialect's cell, or "" where it has none.
std::string CellOf(const RecurrentNode& node) {
  const std::vector<std::string>& defaults = DefaultActivations().at(node.kind);
  if (node.peepholes || node.clip != 0 || node.input_forget || !node.lengths.empty()) return "";
  auto all = [&](const std::vector<std::string>& wanted) {
    for (size_t i = 0; i < node.activations.size(); ++i) {
      if (node.activations[i] != wanted[i % wanted.size()]) return false;
    }
    return true;
  };
  if (node.kind == "rnn" && !node.activations.empty() && all({"relu"})) return "vanilla_relu";
  if (!all(defaults)) return "";
  if (node.kind == "rnn") return "vanilla_tanh";
  return node.kind == "gru" && node.linear_before_reset ? "linear_before_reset_gru" : node.kind;
}

Converter Recurrent(const std::string& kind) {
  return [kind](NodeContext& c) {
    const bool batch_first = c.Flag("layout", false);
    auto sequence = [&](Value value) { return value && batch_first ? c.Transpose(value, {1, 0, 2}) : value; };
    RecurrentNode node;
    node.kind = kind;
    node.direction = c.String("direction", "forward");
    node.x = sequence(c.Input(0));
    node.w = c.Input(1);
    node.r = c.Input(2);
    node.bias = c.OptionalInput(3);
    node.initial_h = sequence(c.OptionalInput(5));
    if (kind == "lstm") {
      node.initial_c = sequence(c.OptionalInput(6));
      node.peepholes = c.OptionalInput(7);
    }
    Check(c.Rank(node.x) == 3 && c.Rank(node.w) == 3 && c.Rank(node.r) == 3, "X, W and R must have rank 3");
    node.hidden_size = c.Dim(node.r, 2);
    node.clip = c.Float("clip", 0);
    node.linear_before_reset = c.Flag("linear_before_reset", false);
    node.input_forget = c.Flag("input_forget", false);
    if (const onnx::AttributeProto* activations = c.Attribute("activations")) {
      for (const std::string& name : activations->strings()) node.activations.push_back(absl::AsciiStrToLower(name));
    }
    if (c.Attribute("activation_alpha") || c.Attribute("activation_beta")) {
      // Only these take them.
      for (const std::string& name : node.activations) {
        if (name != "sigmoid" && name != "tanh" && name != "relu") FailUnsupported("activation_alpha and activation_beta");
      }
    }
    if (c.HasInput(4)) {
      const std::optional<Dims> lengths = c.TryIntegers(c.Input(4));
      if (!lengths) {
        const std::vector<std::string> inputs = c.importer().InputsOf(c.Input(4));
        if (!inputs.empty()) FailNeedsValues("the length of the sequences has to be known", inputs);
        FailUnsupported("sequence lengths that are known only at run time");
      }
      const bool all = std::all_of(lengths->begin(), lengths->end(), [&](int64_t length) { return length == c.Dim(node.x, 0); });
      if (!all) node.lengths = *lengths;
    }
    const RecurrentResult result = EmitRecurrent(c, node);
    c.SetOutput(0, batch_first && result.y ? c.Transpose(result.y, {2, 0, 1, 3}) : result.y);
    c.SetOutput(1, sequence(result.y_h));
    if (kind == "lstm") c.SetOutput(2, sequence(result.y_c));
  };
}

}  // namespace

RecurrentResult EmitRecurrent(NodeContext& c, const RecurrentNode& node) {
  const std::string cell = CellOf(node);
  if (cell.empty() || !c.IsFloat(node.x) || c.Count(node.x) == 0) return UnrollRecurrent(c, node);
  std::vector<Value> operands;
  std::vector<int32_t> sizes;
  for (Value value : {node.x, node.w, node.r, node.bias, node.initial_h, node.initial_c, node.quantization}) {
    if (value) operands.push_back(value);
    sizes.push_back(value ? 1 : 0);
  }
  std::vector<Value> results = c.MakeAll<graph::RecurrentOp>(operands,
      {c.Attr("operandSegmentSizes", c.builder().getDenseI32ArrayAttr(sizes)), c.Attr("cell", cell), c.Attr("direction", node.direction),
       c.Attr("hidden_size", node.hidden_size)});
  results.resize(3);
  return {results[0], results[1], results[2]};
}

void RegisterRecurrent(Registry& r) {
  r.Add("LSTM", Recurrent("lstm"));
  r.Add("GRU", Recurrent("gru"));
  r.Add("RNN", Recurrent("rnn"));
}

}  // namespace plimsoll::onnx_frontend
