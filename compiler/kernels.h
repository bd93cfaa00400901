// One kernel for each operation that is generated, alike ones sharing theirs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/codegen/codegen.h"
#include "compiler/codegen/cuda/cuda.h"
#include "compiler/compile.h"
#include "compiler/emit/emit.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace plimsoll::compiler {

struct Kernels {
  llvm::DenseMap<mlir::Operation*, KernelUse> uses;
  std::vector<std::string> symbols;   // in the order of first use

  std::string object;                 // CPU: the shared object; empty without kernels

  CudaKernels cuda;
  std::map<std::string, KernelUse> library;   // CUDA: by LibraryKernelKey

  const KernelUse* Find(mlir::Operation* op) const;
  const KernelUse* FindLibrary(const plan::LibraryOp& op) const;
};

// The operation alone, whichever library computes it in whatever workspace.
std::string LibraryKernelKey(plan::LibraryOp op);

// kUnimplemented lists the nodes for which no kernel can be generated. Fusions that make no kernel are taken apart.
absl::StatusOr<Kernels> GenerateKernels(mlir::func::FuncOp function, const codegen::CpuTarget& target);
// Those of the library operations too, as far as there are any. kUnavailable where NVIDIA's toolkit is needed and missing.
absl::StatusOr<Kernels> GenerateKernels(mlir::func::FuncOp function, const codegen::CudaTarget& target,
                                        bool keep_bitcode);

}  // namespace plimsoll::compiler
