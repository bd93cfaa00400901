#include "compiler/kernels.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "compiler/emit/storage.h"
#include "compiler/emit/types.h"
#include "ir/graph/build.h"

namespace plimsoll::compiler {
namespace {

bool NeedsKernel(mlir::Operation* op) {
  if (auto view = llvm::dyn_cast<graph::ViewInterface>(op); view && view.viewByteOffset()) return false;
  if (auto concat = llvm::dyn_cast<graph::ConcatOp>(op); concat && StorageMap::IsContiguous(concat)) return false;
  return llvm::isa<graph::FusionOp, graph::LowerToLinalgInterface>(op);
}

}  // namespace

absl::StatusOr<Kernels> GenerateKernels(mlir::func::FuncOp function, const codegen::CpuTarget& cpu) {
  Kernels kernels;
  codegen::KernelCompiler compiler(cpu);
  graph::build::ErrorCollector errors(function.getContext());
  std::string refused;
  std::set<std::string> symbols;
  function->walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation* op) {
    if (!NeedsKernel(op)) return mlir::WalkResult::advance();
    mlir::FailureOr<codegen::Kernel> kernel = compiler.Add(op);
    if (mlir::failed(kernel)) {
      absl::StrAppend(&refused, refused.empty() ? "" : "\n", "node '", NodeName(op->getLoc()), "' (",
                      op->getName().getStringRef().str(), "): no kernel: ", errors.take());
      return mlir::WalkResult::skip();
    }
    KernelUse& use = kernels.uses[op];
    use.symbol = kernel->symbol;
    use.tiles = kernel->tiles;
    use.tiles_per_task = kernel->tiles_per_task;
    for (const codegen::InPlacePair& pair : codegen::InPlacePairs(op)) use.in_place.push_back({pair.operand, pair.result});
    if (kernel->tiles > 0 && symbols.insert(kernel->symbol).second) kernels.symbols.push_back(kernel->symbol);
    return mlir::WalkResult::skip();
  });
  if (!refused.empty()) return absl::UnimplementedError(refused);
  absl::StatusOr<std::string> object = compiler.Finish();
  if (!object.ok()) return object.status();
  kernels.object = *std::move(object);
  return kernels;
}

}  // namespace plimsoll::compiler
