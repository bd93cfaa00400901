#include "compiler/cuda_kernels.h"

#include "absl/strings/str_cat.h"
#include "compiler/emit/types.h"

namespace plimsoll::compiler {
namespace {

KernelUse UseOf(const codegen::CudaKernel& kernel) {
  KernelUse use;
  use.symbol = kernel.symbol;
  use.blocks = kernel.blocks;
  use.threads = kernel.threads;
  return use;
}

}  // namespace

CudaMaker::CudaMaker(const codegen::CudaTarget& target, bool keep_bitcode)
    : target_(target), toolkit_(codegen::FindCudaToolkit()), keep_bitcode_(keep_bitcode), compiler_(target_, toolkit_) {
  made_.arch = target.arch;
}

CudaKernels::Kernel& CudaMaker::Count(const codegen::CudaKernel& kernel) {
  const auto [at, is_new] = numbers_.try_emplace(kernel.symbol, made_.kernels.size());
  if (is_new) {
    CudaKernels::Kernel& added = made_.kernels.emplace_back();
    added.symbol = kernel.symbol;
    added.blocks = kernel.blocks;
    added.threads = kernel.threads;
    added.skeletons = kernel.skeletons;
    added.tensor_type = kernel.tensor_type;
    added.blocks_of_multiprocessor = kernel.blocks_of_multiprocessor;
    added.repetition = kernel.repetition;
  }
  ++made_.kernels[at->second].uses;
  return made_.kernels[at->second];
}

mlir::FailureOr<KernelUse> CudaMaker::Add(mlir::Operation* op) {
  mlir::FailureOr<codegen::CudaKernel> kernel = compiler_.Add(op);
  if (mlir::failed(kernel)) return mlir::failure();
  if (kernel->blocks > 0) {
    int64_t& bytes = Count(*kernel).work_bytes;
    for (mlir::Value operand : op->getOperands()) bytes += BytesOf(operand);
    for (mlir::Value result : op->getResults()) bytes += BytesOf(result);
  }
  return UseOf(*kernel);
}

absl::StatusOr<KernelUse> CudaMaker::AddLibrary(const plan::LibraryOp& op) {
  absl::StatusOr<codegen::CudaKernel> kernel = compiler_.AddLibrary(op);
  if (!kernel.ok()) return kernel.status();
  if (kernel->blocks > 0) Count(*kernel);
  return UseOf(*kernel);
}

absl::Status CudaMaker::Assemble() {
  if (!target_.last_toolkit.empty()) {
    made_.assembler_note = absl::StrCat("CUDA ", target_.last_toolkit, " is the last that assembles ", target_.arch,
                                        ": the text alone was made");
    return absl::OkStatus();
  }
  absl::StatusOr<codegen::CudaBinary> binary = codegen::Assemble(made_.ptx, target_.arch, toolkit_);
  if (absl::IsUnavailable(binary.status())) {
    made_.assembler_note = std::string(binary.status().message());
    return absl::OkStatus();
  }
  if (!binary.ok()) return binary.status();
  made_.cubin = std::move(binary->cubin);
  for (const codegen::CudaResources& used : binary->resources) {
    const auto at = numbers_.find(used.symbol);
    if (at == numbers_.end()) continue;
    CudaKernels::Kernel& kernel = made_.kernels[at->second];
    kernel.registers = used.registers;
    kernel.spill_bytes = used.spill_bytes;
    kernel.stack_bytes = used.stack_bytes;
    kernel.shared_bytes = used.shared_bytes;
  }
  return absl::OkStatus();
}

absl::Status CudaMaker::Finish(Kernels& kernels) {
  absl::StatusOr<codegen::CudaCode> code = compiler_.Finish(keep_bitcode_);
  if (!code.ok()) return code.status();
  made_.ptx = std::move(code->ptx);
  made_.bitcode = std::move(code->bitcode);
  if (!made_.ptx.empty()) {
    if (absl::Status status = Assemble(); !status.ok()) return status;
  }
  kernels.cuda = std::move(made_);
  return absl::OkStatus();
}

}  // namespace plimsoll::compiler
