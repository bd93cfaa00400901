#include "compiler/kernels.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "compiler/emit/storage.h"
#include "compiler/emit/types.h"
#include "ir/graph/build.h"
#include "mlir/IR/IRMapping.h"

namespace plimsoll::compiler {
namespace {

bool NeedsKernel(mlir::Operation* op) {
  if (auto view = llvm::dyn_cast<graph::ViewInterface>(op); view && view.viewByteOffset()) return false;
  if (auto concat = llvm::dyn_cast<graph::ConcatOp>(op); concat && StorageMap::IsContiguous(concat)) return false;
  return llvm::isa<graph::FusionOp, graph::LowerToLinalgInterface>(op);
}

// Puts the operations of a fusion back into the block; returns them.
llvm::SmallVector<mlir::Operation*> Unfuse(graph::FusionOp fusion) {
  mlir::OpBuilder builder(fusion);
  mlir::IRMapping map;
  mlir::Block& body = fusion.getBody().front();
  map.map(body.getArguments(), fusion.getInputs());
  llvm::SmallVector<mlir::Operation*> operations;
  for (mlir::Operation& op : body.without_terminator()) operations.push_back(builder.clone(op, map));
  for (auto [result, yielded] : llvm::zip_equal(fusion.getResults(), body.getTerminator()->getOperands())) {
    result.replaceAllUsesWith(map.lookup(yielded));
  }
  fusion.erase();
  return operations;
}

class Generator {
 public:
  Generator(mlir::func::FuncOp function, const codegen::CpuTarget& cpu) : compiler_(cpu), errors_(function.getContext()) {}

  void Add(mlir::Operation* op) {
    if (!NeedsKernel(op)) return;
    mlir::FailureOr<codegen::Kernel> kernel = compiler_.Add(op);
    if (mlir::failed(kernel)) {
      if (auto fusion = llvm::dyn_cast<graph::FusionOp>(op)) {
        errors_.take();
        for (mlir::Operation* part : Unfuse(fusion)) Add(part);
        return;
      }
      absl::StrAppend(&refused_, refused_.empty() ? "" : "\n", "node '", NodeName(op->getLoc()), "' (",
                      op->getName().getStringRef().str(), "): no kernel: ", errors_.take());
      return;
    }
    KernelUse& use = kernels_.uses[op];
    use.symbol = kernel->symbol;
    use.tiles = kernel->tiles;
    use.tiles_per_task = kernel->tiles_per_task;
    if (kernel->tiles == 0) return;
    const auto [pairs, is_new] = in_place_.try_emplace(kernel->symbol);
    if (is_new) {
      pairs->second = codegen::InPlacePairs(op);
      kernels_.symbols.push_back(kernel->symbol);
    }
    for (const codegen::InPlacePair& pair : pairs->second) use.in_place.push_back({pair.operand, pair.result});
  }

  absl::StatusOr<Kernels> Finish() {
    if (!refused_.empty()) return absl::UnimplementedError(refused_);
    absl::StatusOr<std::string> object = compiler_.Finish();
    if (!object.ok()) return object.status();
    kernels_.object = *std::move(object);
    return std::move(kernels_);
  }

 private:
  codegen::KernelCompiler compiler_;
  graph::build::ErrorCollector errors_;
  Kernels kernels_;
  std::map<std::string, std::vector<codegen::InPlacePair>> in_place_;   // by symbol: alike operations have the same
  std::string refused_;
};

}  // namespace

absl::StatusOr<Kernels> GenerateKernels(mlir::func::FuncOp function, const codegen::CpuTarget& cpu) {
  Generator generator(function, cpu);
  llvm::SmallVector<mlir::Operation*> operations;
  function->walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation* op) {
    operations.push_back(op);
    return llvm::isa<graph::FusionOp>(op) ? mlir::WalkResult::skip() : mlir::WalkResult::advance();
  });
  for (mlir::Operation* op : operations) generator.Add(op);
  return generator.Finish();
}

}  // namespace plimsoll::compiler
