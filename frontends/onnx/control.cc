// If, Loop and Scan: decided and unrolled where constants allow it, graph.if and graph.loop otherwise.
#include <limits>

#include "frontends/onnx/node.h"

namespace plimsoll::onnx_frontend {
namespace {

// A loop is unrolled to no more nodes than this; where graph.loop cannot express it, to kMaxForcedNodes.
constexpr int64_t kMaxUnrolledNodes = 4096;
constexpr int64_t kMaxForcedNodes = 65536;

using Region = std::unique_ptr<mlir::Region>;

// What leaves a body that is not unrolled.
void RequireTensor(Value value) {
  auto type = llvm::dyn_cast<mlir::RankedTensorType>(value.getType());
  if (!type) FailUnsupported("a sequence that is known only at run time");
  if (!type.hasStaticShape()) FailUnsupported("a shape that depends on data in a branch or loop");
}

bool AnyMissing(const std::vector<Value>& values) {
  return std::any_of(values.begin(), values.end(), [](Value value) { return !value; });
}

void SetMissing(NodeContext& c) {
  for (int i = 0; i < c.NumOutputs(); ++i) c.SetOutput(i, Value());
}

// A region of one block with `arguments`, filled by `fill(block arguments)`, which returns what is yielded. The region
// has no terminator where a value is missing.
template <typename Fill>
Region MakeRegion(NodeContext& c, mlir::TypeRange arguments, const Fill& fill, std::vector<Value>& yielded) {
  // While it is filled, the region has an owner in the graph: operations are verified as they are built.
  struct Erase {
    void operator()(mlir::Operation* op) const { op->erase(); }
  };
  mlir::OperationState state(c.location(), graph::LoopOp::getOperationName());
  state.addRegion();
  const std::unique_ptr<mlir::Operation, Erase> owner(c.builder().create(state));
  mlir::Block& block = owner->getRegion(0).emplaceBlock();
  for (mlir::Type type : arguments) block.addArgument(type, c.location());
  mlir::OpBuilder::InsertionGuard guard(c.builder());
  c.builder().setInsertionPointToEnd(&block);
  yielded = fill(std::vector<Value>(block.args_begin(), block.args_end()));
  if (!AnyMissing(yielded)) c.builder().create<graph::YieldOp>(c.location(), yielded);
  auto region = std::make_unique<mlir::Region>();
  region->takeBody(owner->getRegion(0));
  return region;
}

std::vector<Value> Finish(NodeContext& c, mlir::OperationState& state) {
  auto made = graph::build::finish(c.builder(), state, /*infer=*/false);
  if (mlir::failed(made)) FailMalformed(c.TakeErrors());
  return std::vector<Value>(made->begin(), made->end());
}

void If(NodeContext& c) {
  Value condition = c.Input(0);
  const onnx::GraphProto& then_graph = c.Graph("then_branch");
  const onnx::GraphProto& else_graph = c.Graph("else_branch");
  if (c.Count(condition) != 1) FailMalformed("the condition must have one element");
  if (const std::optional<double> decided = c.TryScalar(condition)) {
    const std::vector<Value> results =
        c.importer().ConvertSubgraph(*decided != 0 ? then_graph : else_graph, c.scope(), {});
    Check(static_cast<int>(results.size()) >= c.NumOutputs(), "the branch has fewer results than the node has outputs");
    return c.SetOutputs(results);
  }
  // Often a branch does not fit the shapes because it is for other inputs: then the condition has to be known.
  const std::vector<std::string> inputs = c.importer().InputsOf(condition);
  auto branch = [&](const onnx::GraphProto& graph, std::vector<Value>& results) {
    try {
      return MakeRegion(c, {}, [&](auto) { return c.importer().ConvertSubgraph(graph, c.scope(), {}); }, results);
    } catch (const ImportError& error) {
      if (inputs.empty() || error.status().code() != absl::StatusCode::kDataLoss) throw;
      FailNeedsValues(absl::StrCat("the condition chooses between branches of which one does not fit the shapes (",
                                   error.what(), ")"),
                      inputs);
    }
  };
  std::vector<Value> then_results, else_results;
  Region then_region = branch(then_graph, then_results), else_region = branch(else_graph, else_results);
  if (AnyMissing(then_results) || AnyMissing(else_results)) return SetMissing(c);
  Check(then_results.size() == else_results.size(), "the branches have different numbers of results");
  mlir::OperationState state(c.location(), graph::IfOp::getOperationName());
  state.addOperands(c.Reshape(condition, {}));
  for (Value value : then_results) {
    RequireTensor(value);
  }
  for (size_t i = 0; i < then_results.size(); ++i) {
    if (then_results[i].getType() != else_results[i].getType()) {
      if (!inputs.empty()) FailNeedsValues(absl::StrCat("the condition decides the type of result ", i), inputs);
      FailUnsupported(absl::StrCat(
          "result ", i,
          " has different shapes or types in the two branches, and the condition is known only at run time"));
    }
    state.addTypes(then_results[i].getType());
  }
  state.addRegion(std::move(then_region));
  state.addRegion(std::move(else_region));
  c.SetOutputs(Finish(c, state));
}

struct LoopParts {
  std::vector<Value> carried;
  std::vector<std::vector<Value>> scanned;  // by scan output, one value an iteration
};

int64_t CountNodes(const onnx::GraphProto& graph) {
  int64_t count = graph.node_size();
  for (const auto& node : graph.node()) {
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) count += CountNodes(attribute.g());
    }
  }
  return count;
}

// False where the condition is known only at run time, or the loop is too long. What was emitted is then dead.
bool Unroll(NodeContext& c, const onnx::GraphProto& body, std::optional<int64_t> trips, bool condition,
            LoopParts& parts, int64_t limit) {
  const int64_t carried = static_cast<int64_t>(parts.carried.size());
  const int64_t before = c.importer().converted_nodes();
  for (int64_t i = 0; condition && (!trips || i < *trips); ++i) {
    if (c.importer().converted_nodes() - before > limit || i > limit) return false;
    std::vector<Value> arguments = {c.Scalar(c.I64(), static_cast<double>(i)), c.Scalar(c.I1(), 1)};
    arguments.insert(arguments.end(), parts.carried.begin(), parts.carried.end());
    const std::vector<Value> results = c.importer().ConvertSubgraph(body, c.scope(), arguments);
    Check(static_cast<int64_t>(results.size()) == 1 + carried + static_cast<int64_t>(parts.scanned.size()),
          "the body has another number of results");
    if (AnyMissing(results)) {
      std::fill(parts.carried.begin(), parts.carried.end(), Value());
      return true;
    }
    if (!llvm::isa<mlir::RankedTensorType>(results[0].getType())) FailMalformed("the body's condition is no tensor");
    const std::optional<double> next = c.TryScalar(results[0]);
    const bool last = trips && i + 1 == *trips;
    if (!next && !last) return false;
    condition = !next || *next != 0;
    std::copy(results.begin() + 1, results.begin() + 1 + carried, parts.carried.begin());
    for (size_t s = 0; s < parts.scanned.size(); ++s) parts.scanned[s].push_back(results[1 + carried + s]);
  }
  return true;
}

// Behind each other along a new dim `axis`.
Value Stack(NodeContext& c, std::vector<Value> values, int64_t axis, bool reversed) {
  if (values.empty()) FailUnsupported("a scan output of a loop without iterations");
  if (reversed) std::reverse(values.begin(), values.end());
  for (Value& value : values) {
    RequireTensor(value);
    value = c.Unsqueeze(value, {axis});
  }
  return c.Concat(values, axis < 0 ? axis + c.Rank(values.front()) : axis);
}

void EmitLoop(NodeContext& c, const onnx::GraphProto& body, std::optional<int64_t> trips, Value condition,
              const std::vector<Value>& carried) {
  std::vector<mlir::Type> types = {mlir::RankedTensorType::get({}, c.I64())};
  for (Value value : carried) {
    RequireTensor(value);
    types.push_back(value.getType());
  }
  std::vector<Value> yielded;
  Region region = MakeRegion(
      c, types,
      [&](const std::vector<Value>& block) {
        std::vector<Value> arguments = {block[0], c.Scalar(c.I1(), 1)};
        arguments.insert(arguments.end(), block.begin() + 1, block.end());
        std::vector<Value> results = c.importer().ConvertSubgraph(body, c.scope(), arguments);
        for (Value value : results) {
          if (value) RequireTensor(value);
        }
        if (!AnyMissing(results) && !results.empty()) results[0] = c.Reshape(results[0], {});
        return results;
      },
      yielded);
  if (AnyMissing(yielded)) return SetMissing(c);
  Check(yielded.size() == carried.size() + 1, "the body has another number of results");
  mlir::OperationState state(c.location(), graph::LoopOp::getOperationName());
  state.addOperands(c.Reshape(condition, {}));
  for (size_t i = 0; i < carried.size(); ++i) {
    if (yielded[i + 1].getType() != carried[i].getType()) {
      FailUnsupported(
          absl::StrCat("carried value ", i,
                       " changes its shape, and the number of iterations is known only at run time (or large)"));
    }
    state.addOperands(carried[i]);
    state.addTypes(carried[i].getType());
  }
  state.addAttribute("max_trips", c.builder().getI64IntegerAttr(trips.value_or(std::numeric_limits<int64_t>::max())));
  state.addRegion(std::move(region));
  c.SetOutputs(Finish(c, state));
}

void Loop(NodeContext& c) {
  const onnx::GraphProto& body = c.Graph("body");
  std::optional<int64_t> trips;
  if (c.HasInput(0)) {
    if (std::optional<Dims> count = c.TryIntegers(c.Input(0))) {
      Check(count->size() == 1, "the trip count must have one element");
      trips = std::max<int64_t>(0, count->front());
    }
  }
  const std::optional<double> condition = c.HasInput(1) ? c.TryScalar(c.Input(1)) : 1.0;
  LoopParts parts;
  bool sequences = false;
  for (int i = 2; i < c.NumInputs(); ++i) {
    parts.carried.push_back(c.AnyInput(i));
    sequences = sequences || !llvm::isa<mlir::RankedTensorType>(parts.carried.back().getType());
  }
  const int64_t scans = body.output_size() - 1 - static_cast<int64_t>(parts.carried.size());
  Check(scans >= 0, "the body has fewer results than carried values");
  parts.scanned.resize(scans);

  const bool known = (!c.HasInput(0) || trips) && condition;
  const int64_t nodes = std::max<int64_t>(1, CountNodes(body));
  const int64_t limit = scans > 0 || sequences ? kMaxForcedNodes : kMaxUnrolledNodes;
  if (known && (!trips || *trips <= limit / nodes)) {
    LoopParts unrolled = parts;
    if (Unroll(c, body, trips, *condition != 0, unrolled, limit)) {
      if (AnyMissing(unrolled.carried)) return SetMissing(c);
      std::vector<Value> results = unrolled.carried;
      for (const auto& values : unrolled.scanned) results.push_back(Stack(c, values, 0, false));
      return c.SetOutputs(results);
    }
  }
  std::vector<std::string> deciding;
  for (int i = 0; i < 2; ++i) {
    if (!c.HasInput(i) || c.TryIntegers(c.Input(i))) continue;
    for (const std::string& name : c.importer().InputsOf(c.Input(i))) deciding.push_back(name);
  }
  if (!deciding.empty() && (scans > 0 || sequences))
    FailNeedsValues("the number of iterations decides shapes", deciding);
  if (scans > 0 || sequences)
    FailUnsupported(
        "a loop with scan outputs or sequences whose number of iterations is known only at run time (or large)");
  if (c.HasInput(0) && !trips) FailUnsupported("the number of iterations is known only at run time");
  EmitLoop(c, body, trips, c.HasInput(1) ? c.Input(1) : c.Scalar(c.I1(), 1), parts.carried);
}

Dims PerScan(NodeContext& c, const std::string& name, size_t count) {
  Dims values = c.Ints(name).value_or(Dims(count, 0));
  Check(values.size() == count, name + " must have one element a scan");
  return values;
}

struct ScanForm {
  Dims axes, directions;                // of scan inputs
  Dims output_axes, output_directions;  // of scan outputs
};

// Always unrolled: its length is a dimension. The final states, then the scan outputs; empty where a value is missing.
std::vector<Value> UnrollScan(NodeContext& c, const onnx::GraphProto& body, std::vector<Value> state,
                              const std::vector<Value>& inputs, const ScanForm& form) {
  const int64_t length = c.Dim(inputs[0], form.axes[0]);
  if (length * std::max<int64_t>(1, CountNodes(body)) > kMaxForcedNodes)
    FailUnsupported(absl::StrCat("a scan of ", length, " steps is too long to be unrolled"));
  std::vector<std::vector<Value>> scanned(form.output_axes.size());
  for (int64_t step = 0; step < length; ++step) {
    std::vector<Value> arguments = state;
    for (size_t i = 0; i < inputs.size(); ++i) {
      Check(c.Dim(inputs[i], form.axes[i]) == length, "scan inputs differ in length");
      arguments.push_back(c.Squeeze(
          c.SliceAxis(inputs[i], form.axes[i], form.directions[i] ? length - 1 - step : step, 1), {form.axes[i]}));
    }
    const std::vector<Value> results = c.importer().ConvertSubgraph(body, c.scope(), arguments);
    if (AnyMissing(results)) return {};
    std::copy(results.begin(), results.begin() + state.size(), state.begin());
    for (size_t i = 0; i < scanned.size(); ++i) scanned[i].push_back(results[state.size() + i]);
  }
  for (size_t i = 0; i < scanned.size(); ++i)
    state.push_back(Stack(c, scanned[i], form.output_axes[i], form.output_directions[i] != 0));
  return state;
}

// The first form of it: dim 0 is a batch, dim 1 the steps; each sequence is whole.
void BatchedScan(NodeContext& c, const onnx::GraphProto& body, int states, ScanForm form) {
  if (c.HasInput(0)) FailUnsupported("sequence lengths of Scan before opset 9");
  const int inputs = c.NumInputs() - 1 - states;
  const int64_t batch = c.Dim(c.Input(1), 0);
  if (batch * std::max<int64_t>(1, CountNodes(body)) > kMaxForcedNodes)
    FailUnsupported(absl::StrCat("a scan of ", batch, " sequences is too long to be unrolled"));
  std::vector<std::vector<Value>> results(body.output_size());
  for (int64_t b = 0; b < batch; ++b) {
    auto entry = [&](int i) { return c.Squeeze(c.SliceAxis(c.Input(1 + i), 0, b, 1), {0}); };
    std::vector<Value> state, scanned;
    for (int i = 0; i < states; ++i) state.push_back(entry(i));
    for (int i = 0; i < inputs; ++i) scanned.push_back(entry(states + i));
    const std::vector<Value> one = UnrollScan(c, body, state, scanned, form);
    if (one.empty()) return SetMissing(c);
    for (size_t i = 0; i < one.size(); ++i) results[i].push_back(one[i]);
  }
  for (size_t i = 0; i < results.size(); ++i) c.SetOutput(static_cast<int>(i), Stack(c, results[i], 0, false));
}

void Scan(NodeContext& c) {
  const onnx::GraphProto& body = c.Graph("body");
  const bool batched = c.opset() < 9;
  const int64_t inputs = c.Int("num_scan_inputs", 0), states = c.NumInputs() - inputs - batched;
  Check(inputs > 0 && states >= 0, "num_scan_inputs is out of range");
  const int64_t outputs = c.NumOutputs() - states;
  Check(outputs >= 0 && body.output_size() == c.NumOutputs(), "the body has another number of results");
  ScanForm form;
  form.axes = PerScan(c, "scan_input_axes", inputs);
  form.directions = PerScan(c, batched ? "directions" : "scan_input_directions", inputs);
  form.output_axes = PerScan(c, "scan_output_axes", outputs);
  form.output_directions = PerScan(c, "scan_output_directions", outputs);
  if (batched) return BatchedScan(c, body, static_cast<int>(states), form);
  std::vector<Value> state, scanned;
  for (int i = 0; i < states; ++i) state.push_back(c.Input(i));
  for (int i = 0; i < inputs; ++i) scanned.push_back(c.Input(static_cast<int>(states) + i));
  const std::vector<Value> results = UnrollScan(c, body, state, scanned, form);
  if (results.empty()) return SetMissing(c);
  c.SetOutputs(results);
}

}  // namespace

void RegisterControl(Registry& r) {
  r.Add("If", If);
  r.Add("Loop", Loop);
  r.Add("Scan", Scan);
}

}  // namespace plimsoll::onnx_frontend
