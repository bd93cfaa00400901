// mlir-opt for the dialect `graph` and the passes on it: what the lit tests run.
#include "ir/graph/graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "passes/checkpoint/checkpoint_pass.h"
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

int main(int argc, char** argv) {
  mlir::DialectRegistry registry;
  registry.insert<plimsoll::graph::GraphDialect, mlir::func::FuncDialect>();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  plimsoll::passes::RegisterSimplifyPass();
  plimsoll::passes::RegisterLayoutPass();
  plimsoll::passes::RegisterPrecisionPass();
  plimsoll::passes::RegisterAttentionPass();
  plimsoll::passes::RegisterPostOpsPass();
  plimsoll::passes::RegisterSplitKeysPass();
  plimsoll::passes::RegisterSplitRowsPass();
  plimsoll::passes::RegisterFusePass();
  plimsoll::passes::RegisterLegalizePass();
  plimsoll::passes::RegisterSelectPass();
  plimsoll::passes::RegisterCheckpointPass();
  plimsoll::passes::RegisterSchedulePass();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Passes of the dialect graph\n", registry));
}
