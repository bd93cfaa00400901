#include "compiler/compile.h"
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
  if (!imported.ok()) return imported.status();
  const onnx_frontend::Summary& summary = imported->summary;
  CheckResult result;
  for (const auto& value : summary.inputs) result.inputs.push_back({value.name, value.type});
  for (const auto& value : summary.outputs) result.outputs.push_back({value.name, value.type});
  result.open_inputs = summary.open_inputs;
  result.parameters = summary.parameters;
  result.weight_bytes = summary.weight_bytes;
  result.nodes = summary.nodes;
  result.operators = summary.operators;
  if (imported->module) {
    imported->module->walk([&](graph::CostInterface op) {
      const graph::Cost cost = op.cost();
      result.flops += cost.contraction_flops + cost.vector_flops;
    });
  }
  return result;
}

}  // namespace plimsoll::compiler
