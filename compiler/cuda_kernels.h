// Kernels of an NVIDIA GPU for GenerateKernels, and what is said of them.
#pragma once

#include <map>
#include <string>

#include "compiler/kernels.h"

namespace plimsoll::compiler {

class CudaMaker {
 public:
  static constexpr bool kTakesLibraryCalls = true;

  CudaMaker(const codegen::CudaTarget& target, bool keep_bitcode);

  mlir::FailureOr<KernelUse> Add(mlir::Operation* op);
  // kUnimplemented: there is no such kernel.
  absl::StatusOr<KernelUse> AddLibrary(const plan::LibraryOp& op);
  // The text, and the assembled binary where the toolkit is there: fills kernels.cuda.
  absl::Status Finish(Kernels& kernels);

 private:
  // The kernel's entry in `made_`, with one more use.
  CudaKernels::Kernel& Count(const codegen::CudaKernel& kernel);
  absl::Status Assemble();

  const codegen::CudaTarget target_;
  const codegen::CudaToolkit toolkit_;
  const bool keep_bitcode_;
  codegen::CudaKernelCompiler compiler_;
  CudaKernels made_;
  std::map<std::string, size_t> numbers_;   // by symbol
};

}  // namespace plimsoll::compiler
