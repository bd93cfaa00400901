// The passes in their order, each one timed, verified after, and free to be left out.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "compiler/library_model.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/fuse/fuse_pass.h"
#include "passes/fuse/row_parts.h"
#include "passes/precision/precision_pass.h"

namespace plimsoll::compiler {

struct PipelineOptions {
  std::vector<std::string> disabled;                    // passes' names
  std::function<void(const std::string&)> on_stage;     // before each; may be null
  std::optional<passes::LowPrecision> precision;        // none: all as the model has it
  // For a GPU: attention as one operation and post-operations in a contraction, both where the library takes them.
  bool cuda = false;
  passes::FusionOracle fuses;                           // null: as CPU kernels can be
  passes::RowMachine gpu;                               // for which few long rows are cut; none: they are not
  std::string* ordering_problem = nullptr;              // receives what `schedule` solves, as JSON; may be null
};

// Takes an imported module to the form that codegen and emit take. kUnimplemented lists what the library cannot do;
// kInternal: a pass failed, or left a module that does not verify. `seconds` by pass.
absl::Status RunPipeline(mlir::ModuleOp module, RuntimeLibraryModel& library, const PipelineOptions& options,
                         std::map<std::string, double>& seconds);

// Not a stage of the pipeline: it acts where a plan exceeds the budget.
inline constexpr char kCheckpointPass[] = "checkpoint";

// The names that PipelineOptions::disabled knows, in order.
std::vector<std::string> PassNames();

}  // namespace plimsoll::compiler
