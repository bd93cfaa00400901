#include "compiler/kernels.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "compiler/codegen/cuda/cuda.h"
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

int64_t ByteSize(mlir::Value value) {
  return graph::byteSize(llvm::cast<mlir::RankedTensorType>(value.getType())).value_or(0);
}

// The same operations' kernels for a GPU.
class CudaGenerator {
 public:
  CudaGenerator(codegen::CudaTarget target, CudaKernels& kernels)
      : target_(target), toolkit_(codegen::FindCudaToolkit()), compiler_(target, toolkit_), kernels_(kernels) {
    kernels_.arch = target.arch;
  }

  mlir::LogicalResult Add(mlir::Operation* op, const std::string& symbol) {
    const auto [at, is_new] = numbers_.try_emplace(symbol, kernels_.kernels.size());
    if (is_new) {
      mlir::FailureOr<codegen::CudaKernel> made = compiler_.Add(op, {}, symbol);
      if (mlir::failed(made)) return mlir::failure();
      CudaKernels::Kernel& kernel = kernels_.kernels.emplace_back();
      kernel.symbol = made->symbol;
      kernel.blocks = made->blocks;
      kernel.threads = made->threads;
      kernel.skeletons = made->skeletons;
      for (mlir::Value operand : op->getOperands()) kernel.operand_bytes.push_back(ByteSize(operand));
      for (mlir::Value result : op->getResults()) {
        kernel.result_bytes.push_back(ByteSize(result));
        absl::StatusOr<plan::DataType> type = DataTypeOf(TensorOf(result).getElementType());
        kernel.result_types.push_back(type.ok() ? *type : plan::DATA_TYPE_UNDEFINED);
      }
    }
    CudaKernels::Kernel& kernel = kernels_.kernels[at->second];
    ++kernel.uses;
    for (int64_t bytes : kernel.operand_bytes) kernel.work_bytes += bytes;
    for (int64_t bytes : kernel.result_bytes) kernel.work_bytes += bytes;
    return mlir::success();
  }

  absl::Status Finish(bool keep_bitcode) {
    absl::StatusOr<codegen::CudaCode> code = compiler_.Finish(keep_bitcode);
    if (!code.ok()) return code.status();
    kernels_.ptx = std::move(code->ptx);
    kernels_.bitcode = std::move(code->bitcode);
    if (kernels_.ptx.empty()) return absl::OkStatus();
    if (!target_.last_toolkit.empty()) {
      kernels_.assembler_note = absl::StrCat("CUDA ", target_.last_toolkit, " is the last that assembles ", target_.arch, ": the text alone was made");
      return absl::OkStatus();
    }
    absl::StatusOr<codegen::CudaBinary> binary = codegen::Assemble(kernels_.ptx, target_.arch, toolkit_);
    if (absl::IsUnavailable(binary.status())) {
      kernels_.assembler_note = std::string(binary.status().message());
      return absl::OkStatus();
    }
    if (!binary.ok()) return binary.status();
    kernels_.cubin = std::move(binary->cubin);
    for (const codegen::CudaResources& used : binary->resources) {
      const auto at = numbers_.find(used.symbol);
      if (at == numbers_.end()) continue;
      CudaKernels::Kernel& kernel = kernels_.kernels[at->second];
      kernel.registers = used.registers;
      kernel.spill_bytes = used.spill_bytes;
      kernel.stack_bytes = used.stack_bytes;
      kernel.shared_bytes = used.shared_bytes;
    }
    return absl::OkStatus();
  }

 private:
  const codegen::CudaTarget target_;
  const codegen::CudaToolkit toolkit_;
  codegen::CudaKernelCompiler compiler_;
  CudaKernels& kernels_;
  std::map<std::string, size_t> numbers_;   // by symbol
};

class Generator {
 public:
  Generator(mlir::func::FuncOp function, const codegen::CpuTarget& cpu, std::unique_ptr<CudaGenerator> cuda)
      : compiler_(cpu), errors_(function.getContext()), cuda_(std::move(cuda)) {}

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
    if (cuda_ && mlir::failed(cuda_->Add(op, kernel->symbol))) {
      absl::StrAppend(&refused_, refused_.empty() ? "" : "\n", "node '", NodeName(op->getLoc()), "' (",
                      op->getName().getStringRef().str(), "): no CUDA kernel: ", errors_.take());
    }
    const auto [pairs, is_new] = in_place_.try_emplace(kernel->symbol);
    if (is_new) {
      pairs->second = codegen::InPlacePairs(op);
      kernels_.symbols.push_back(kernel->symbol);
    }
    for (const codegen::InPlacePair& pair : pairs->second) use.in_place.push_back({pair.operand, pair.result});
  }

  absl::StatusOr<Kernels> Finish(const Options& options) {
    if (!refused_.empty()) return absl::UnimplementedError(refused_);
    if (cuda_) {
      if (absl::Status made = cuda_->Finish(options.cuda_bitcode); !made.ok()) return made;
      if (options.cuda_kernels_only) return std::move(kernels_);
    }
    absl::StatusOr<std::string> object = compiler_.Finish();
    if (!object.ok()) return object.status();
    kernels_.object = *std::move(object);
    return std::move(kernels_);
  }

 private:
  codegen::KernelCompiler compiler_;
  graph::build::ErrorCollector errors_;
  const std::unique_ptr<CudaGenerator> cuda_;   // may be null
  Kernels kernels_;
  std::map<std::string, std::vector<codegen::InPlacePair>> in_place_;   // by symbol: alike operations have the same
  std::string refused_;
};

}  // namespace

absl::StatusOr<Kernels> GenerateKernels(mlir::func::FuncOp function, const codegen::CpuTarget& cpu, const Options& options, CudaKernels& cuda) {
  std::unique_ptr<CudaGenerator> cuda_generator;
  if (!options.cuda_kernels.empty()) {
    absl::StatusOr<codegen::CudaTarget> target = codegen::ResolveCuda(options.cuda_kernels);
    if (!target.ok()) return target.status();
    cuda_generator = std::make_unique<CudaGenerator>(*target, cuda);
  }
  Generator generator(function, cpu, std::move(cuda_generator));
  llvm::SmallVector<mlir::Operation*> operations;
  function->walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation* op) {
    operations.push_back(op);
    return llvm::isa<graph::FusionOp>(op) ? mlir::WalkResult::skip() : mlir::WalkResult::advance();
  });
  for (mlir::Operation* op : operations) generator.Add(op);
  return generator.Finish(options);
}

}  // namespace plimsoll::compiler
