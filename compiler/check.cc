#include "compiler/compile.h"

#include <algorithm>
#include <map>
#include <utility>

#include "compiler/emit/types.h"
#include "frontends/onnx/import.h"
#include "ir/graph/graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace plimsoll::compiler {
namespace {

int64_t Bytes(mlir::Value value) {
  return mlir::isa_and_nonnull<graph::WeightOp>(value.getDefiningOp()) ? 0 : BytesOf(value);
}

// The largest sum of what the nodes, run one by one in the model's own order, keep alive: before fusion, reordering and
// reuse in place. Arguments and results are not counted.
int64_t ActivationPeak(mlir::Block& block) {
  std::map<mlir::Operation*, int64_t> freed;   // after the last use
  for (mlir::Operation& op : block.without_terminator()) {
    for (mlir::Value result : op.getResults()) {
      mlir::Operation* last = &op;
      for (mlir::Operation* user : result.getUsers()) {
        mlir::Operation* here = block.findAncestorOpInBlock(*user);
        if (here != nullptr && last->isBeforeInBlock(here)) last = here;
      }
      if (last != block.getTerminator()) freed[last] += Bytes(result);
    }
  }
  int64_t alive = 0, peak = 0;
  for (mlir::Operation& op : block.without_terminator()) {
    for (mlir::Value result : op.getResults()) {
      const bool is_output = llvm::is_contained(result.getUsers(), block.getTerminator());
      if (!is_output) alive += Bytes(result);
    }
    peak = std::max(peak, alive);
    if (auto at = freed.find(&op); at != freed.end()) alive -= at->second;
  }
  return peak;
}

}  // namespace

absl::StatusOr<CheckResult> Check(const std::string& model_path, const Options& options) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<graph::GraphDialect, mlir::func::FuncDialect>();
  onnx_frontend::ImportOptions import;
  import.shapes = options.shapes;
  import.values = options.values;
  import.allow_open_dims = true;
  absl::StatusOr<onnx_frontend::Imported> imported = onnx_frontend::Import(model_path, context, import);
  CheckResult result;
  onnx_frontend::Summary summary;
  if (imported.ok()) {
    summary = imported->summary;
  } else {
    // Inputs that decide shapes have no values yet: what can be said without them.
    result.needed_values = onnx_frontend::NeededValues(imported.status());
    if (result.needed_values.empty()) return imported.status();
    absl::StatusOr<onnx_frontend::Summary> declared = onnx_frontend::Summarize(model_path);
    if (!declared.ok()) return declared.status();
    summary = *std::move(declared);
  }
  for (const auto& value : summary.inputs) result.inputs.push_back({value.name, value.type});
  for (const auto& value : summary.outputs) result.outputs.push_back({value.name, value.type});
  result.open_inputs = summary.open_inputs;
  result.parameters = summary.parameters;
  result.weight_bytes = summary.weight_bytes;
  result.nodes = summary.nodes;
  result.operators = summary.operators;
  if (imported.ok() && imported->module) {
    imported->module->walk([&](graph::CostInterface op) {
      const graph::Cost cost = op.cost();
      result.flops += cost.contraction_flops + cost.vector_flops;
    });
    imported->module->walk([&](mlir::func::FuncOp function) {
      mlir::Block& block = function.getBody().front();
      for (mlir::Value argument : block.getArguments()) result.input_output_bytes += Bytes(argument);
      for (mlir::Value output : block.getTerminator()->getOperands()) result.input_output_bytes += Bytes(output);
      result.activation_bytes += ActivationPeak(block);
    });
  }
  return result;
}

}  // namespace plimsoll::compiler
