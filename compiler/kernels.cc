#include "compiler/kernels.h"

#include "absl/strings/str_cat.h"
#include "compiler/cuda_kernels.h"
#include "compiler/emit/selected_call.h"
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

class CpuMaker {
 public:
  static constexpr bool kTakesLibraryCalls = false;   // oneDNN has them

  explicit CpuMaker(const codegen::CpuTarget& target) : compiler_(target) {}

  mlir::FailureOr<KernelUse> Add(mlir::Operation* op) {
    mlir::FailureOr<codegen::Kernel> kernel = compiler_.Add(op);
    if (mlir::failed(kernel)) return mlir::failure();
    KernelUse use;
    use.symbol = kernel->symbol;
    use.tiles = kernel->tiles;
    use.tiles_per_task = kernel->tiles_per_task;
    return use;
  }
  absl::Status Finish(Kernels& kernels) {
    absl::StatusOr<std::string> object = compiler_.Finish();
    if (object.ok()) kernels.object = *std::move(object);
    return object.status();
  }

 private:
  codegen::KernelCompiler compiler_;
};

// The kernels of a function's operations, by a maker for CPU or GPU.
template <typename Maker>
class Generator {
 public:
  Generator(mlir::func::FuncOp function, Maker& maker) : function_(function), maker_(maker), errors_(function.getContext()) {}

  absl::StatusOr<Kernels> Run() {
    llvm::SmallVector<mlir::Operation*> operations;
    function_->walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation* op) {
      operations.push_back(op);
      return llvm::isa<graph::FusionOp>(op) ? mlir::WalkResult::skip() : mlir::WalkResult::advance();
    });
    for (mlir::Operation* op : operations) {
      if (NeedsKernel(op)) Add(op);
      if constexpr (Maker::kTakesLibraryCalls) {
        if (llvm::isa<graph::LibraryCallInterface>(op)) AddLibraryCall(op);
      }
    }
    if (!refused_.empty()) return absl::UnimplementedError(refused_);
    if (absl::Status made = maker_.Finish(kernels_); !made.ok()) return made;
    return std::move(kernels_);
  }

 private:
  void Add(mlir::Operation* op) {
    mlir::FailureOr<KernelUse> made = maker_.Add(op);
    if (mlir::failed(made)) {
      if (auto fusion = llvm::dyn_cast<graph::FusionOp>(op)) {
        errors_.take();
        for (mlir::Operation* part : Unfuse(fusion)) {
          if (NeedsKernel(part)) Add(part);
        }
        return;
      }
      Refuse(op, absl::StrCat("no kernel: ", errors_.take()));
      return;
    }
    KernelUse& use = kernels_.uses[op] = *std::move(made);
    if (use.empty()) return;
    const auto [pairs, is_new] = in_place_.try_emplace(use.symbol);
    if (is_new) {
      pairs->second = codegen::InPlacePairs(op);
      kernels_.symbols.push_back(use.symbol);
    }
    for (const codegen::InPlacePair& pair : pairs->second) use.in_place.push_back({pair.operand, pair.result});
  }

  void AddLibraryCall(mlir::Operation* op) {
    absl::StatusOr<SelectedCall> call = SelectedCallOf(op);
    absl::Status status = call.status();
    if (status.ok()) status = AddLibraryOp(call->translation.op);
    for (size_t i = 0; status.ok() && i < call->packed_bytes.size(); ++i) {
      if (call->packed_bytes[i] > 0) status = AddLibraryOp(PackOf(call->translation.op, static_cast<int>(i)));
    }
    if (!status.ok()) Refuse(op, status.message());
  }

  absl::Status AddLibraryOp(const plan::LibraryOp& op) {
    const auto [at, is_new] = kernels_.library.try_emplace(LibraryKernelKey(op));
    if (!is_new) return absl::OkStatus();
    absl::StatusOr<KernelUse> made = maker_.AddLibrary(op);
    if (made.ok()) {
      at->second = *std::move(made);
      if (!at->second.empty() && !llvm::is_contained(kernels_.symbols, at->second.symbol)) {
        kernels_.symbols.push_back(at->second.symbol);
      }
      return absl::OkStatus();
    }
    kernels_.library.erase(at);
    const bool has_library = !op.library().empty() && absl::IsUnimplemented(made.status());
    return has_library ? absl::OkStatus() : made.status();
  }

  void Refuse(mlir::Operation* op, absl::string_view why) {
    absl::StrAppend(&refused_, refused_.empty() ? "" : "\n", "node '", NodeName(op->getLoc()), "' (",
                    op->getName().getStringRef().str(), "): ", why);
  }

  mlir::func::FuncOp function_;
  Maker& maker_;
  graph::build::ErrorCollector errors_;
  Kernels kernels_;
  std::map<std::string, std::vector<codegen::InPlacePair>> in_place_;   // by symbol: alike operations have the same
  std::string refused_;
};

}  // namespace

const KernelUse* Kernels::Find(mlir::Operation* op) const {
  const auto at = uses.find(op);
  return at == uses.end() ? nullptr : &at->second;
}

const KernelUse* Kernels::FindLibrary(const plan::LibraryOp& op) const {
  const auto at = library.find(LibraryKernelKey(op));
  return at == library.end() ? nullptr : &at->second;
}

std::string LibraryKernelKey(plan::LibraryOp op) {
  op.clear_library();
  op.clear_workspace_bytes();
  op.clear_tf32();
  if (op.has_pack()) {
    op.mutable_pack()->mutable_target()->clear_library();
    op.mutable_pack()->mutable_target()->clear_workspace_bytes();
  }
  return op.SerializeAsString();
}

absl::StatusOr<Kernels> GenerateKernels(mlir::func::FuncOp function, const codegen::CpuTarget& target) {
  CpuMaker maker(target);
  return Generator<CpuMaker>(function, maker).Run();
}

absl::StatusOr<Kernels> GenerateKernels(mlir::func::FuncOp function, const codegen::CudaTarget& target,
                                        bool keep_bitcode) {
  CudaMaker maker(target, keep_bitcode);
  return Generator<CudaMaker>(function, maker).Run();
}

}  // namespace plimsoll::compiler
