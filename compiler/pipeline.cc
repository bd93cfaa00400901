#include "compiler/pipeline.h"

#include <chrono>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/codegen/codegen.h"
#include "ir/graph/build.h"
#include "llvm/ADT/STLExtras.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "passes/fuse/attention_pass.h"
#include "passes/fuse/fuse_pass.h"
#include "passes/fuse/post_ops_pass.h"
#include "passes/fuse/split_keys_pass.h"
#include "passes/fuse/split_rows_pass.h"
#include "passes/layout/layout_pass.h"
#include "passes/precision/precision_pass.h"
#include "passes/schedule/schedule_pass.h"
#include "passes/select/legalize_pass.h"
#include "passes/select/select_pass.h"
#include "passes/simplify/simplify_pass.h"

namespace plimsoll::compiler {
namespace {

struct Stage {
  const char* name;
  bool required;   // nothing works without it
  std::function<void(mlir::OpPassManager&)> add;
};

std::vector<Stage> Stages(RuntimeLibraryModel* library, std::vector<absl::Status>* refusals,
                          const PipelineOptions& options) {
  std::string* ordering_problem = options.ordering_problem;
  RuntimeLibraryModel* const asked = options.cuda ? library : nullptr;   // oneDNN takes every post-operation
  std::vector<Stage> stages = {
      {"simplify", false,
       [](mlir::OpPassManager& manager) {
         manager.addPass(mlir::createCanonicalizerPass());
         manager.addPass(mlir::createCSEPass());
         manager.addPass(passes::CreateSimplifyPass());
         manager.addPass(mlir::createCSEPass());
       }},
      {"legalize", true, [=](mlir::OpPassManager& manager) { manager.addPass(passes::CreateLegalizePass(*library)); }},
      {"layout", false, [](mlir::OpPassManager& manager) {
         manager.addPass(passes::CreateLayoutPass());
         manager.addPass(passes::CreateSimplifyPass());
         manager.addPass(mlir::createCSEPass());
       }},
      {"post-ops", false, [=](mlir::OpPassManager& manager) { manager.addPass(passes::CreatePostOpsPass(asked)); }},
      {"fuse", false,
       [=](mlir::OpPassManager& manager) {
         passes::FusionOracle cpu = [](llvm::ArrayRef<mlir::Operation*> ops, llvm::ArrayRef<mlir::Value> results) {
           return codegen::CanBeOneKernel(ops, results);
         };
         manager.addPass(passes::CreateFusePass(options.fuses ? options.fuses : std::move(cpu)));
       }},
      {"select", true,
       [=](mlir::OpPassManager& manager) { manager.addPass(passes::CreateSelectPass(*library, *refusals)); }},
      {"schedule", false,
       [=](mlir::OpPassManager& manager) {
         manager.addPass(passes::CreateSchedulePass(passes::kScheduleSteps, ordering_problem));
       }},
  };
  auto before_post_ops = [&](Stage stage) {
    stages.insert(llvm::find_if(stages, [](const Stage& s) { return s.name == std::string("post-ops"); }), std::move(stage));
  };
  if (options.cuda) {
    // Behind precision: what is of halves is known.
    stages.insert(llvm::find_if(stages, [](const Stage& s) { return s.name == std::string("fuse"); }),
                  {"split-rows", false, [=](mlir::OpPassManager& manager) {
                     manager.addPass(passes::CreateSplitRowsPass(options.gpu));
                   }});
  }
  if (const auto precision = options.precision) {
    // Behind layout: no later stage merges equal casts, which are to go into the kernels of their users.
    before_post_ops({"precision", true, [=](mlir::OpPassManager& manager) {
                       manager.addPass(passes::CreatePrecisionPass(*precision, library));
                     }});
  }
  if (options.cuda) {   // behind precision: whether there is a kernel is asked of the types that it will have
    before_post_ops({"attention", false, [=](mlir::OpPassManager& manager) {
                       manager.addPass(passes::CreateAttentionPass(*library));
                       manager.addPass(passes::CreateSplitKeysPass(options.gpu, *library));
                       manager.addPass(mlir::createCSEPass());
                     }});
  }
  return stages;
}

absl::Status Unsupported(const std::vector<absl::Status>& refusals) {
  std::vector<std::string> lines;
  for (const absl::Status& refusal : refusals) lines.push_back(std::string(refusal.message()));
  return absl::Status(refusals[0].code(), absl::StrJoin(lines, "\n"));
}

}  // namespace

std::vector<std::string> PassNames() {
  std::vector<std::string> names;
  for (const Stage& stage : Stages(nullptr, nullptr, {.cuda = true})) names.push_back(stage.name);
  names.push_back(kCheckpointPass);
  return names;
}

absl::Status RunPipeline(mlir::ModuleOp module, RuntimeLibraryModel& library, const PipelineOptions& options,
                         std::map<std::string, double>& seconds) {
  for (const std::string& name : options.disabled) {
    if (llvm::is_contained(PassNames(), name)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("no pass '", name, "'; there are ", absl::StrJoin(PassNames(), ", ")));
  }
  std::vector<absl::Status> refusals;
  for (const Stage& stage : Stages(&library, &refusals, options)) {
    if (!stage.required && llvm::is_contained(options.disabled, stage.name)) continue;
    if (options.on_stage) options.on_stage(stage.name);
    const auto start = std::chrono::steady_clock::now();
    graph::build::ErrorCollector errors(module.getContext());
    mlir::PassManager manager(module.getContext(), mlir::ModuleOp::getOperationName());
#ifdef NDEBUG
    manager.enableVerifier(false);
#endif
    stage.add(manager.nest<mlir::func::FuncOp>());
    const bool failed = mlir::failed(manager.run(module));
    seconds[stage.name] += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (!refusals.empty()) return Unsupported(refusals);
    if (failed) return absl::InternalError(absl::StrCat("pass '", stage.name, "' failed: ", errors.take()));
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::compiler
