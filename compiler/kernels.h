// One kernel for each operation that is generated, alike ones sharing theirs.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/codegen/codegen.h"
#include "compiler/compile.h"
#include "compiler/emit/emit.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace plimsoll::compiler {

struct Kernels {
  llvm::DenseMap<mlir::Operation*, KernelUse> uses;
  std::vector<std::string> symbols;   // in the order of first use
  std::string object;                 // the shared object; empty without kernels
};

// kUnimplemented lists the nodes for which no kernel can be generated. `cuda`: filled as `options` ask; kUnavailable where
// NVIDIA's toolkit is needed and missing.
absl::StatusOr<Kernels> GenerateKernels(mlir::func::FuncOp function, const codegen::CpuTarget& cpu, const Options& options, CudaKernels& cuda);

}  // namespace plimsoll::compiler
