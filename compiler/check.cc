#include "compiler/compile.h"

#include <utility>

#include "frontends/onnx/import.h"
#include "ir/graph/graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace plimsoll::compiler {

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
  }
  return result;
}

}  // namespace plimsoll::compiler
