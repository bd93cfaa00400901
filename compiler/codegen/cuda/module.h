// LLVM modules of kernels to PTX.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "compiler/codegen/cuda/cuda.h"
#include "llvm/IR/Module.h"

namespace plimsoll::codegen {

// Links what the kernels call of libdevice, optimizes and prints; the module is consumed. `bitcode`, if any, gets the
// optimized module. Names that are not entries begin with `prefix` afterwards, so that texts can be joined. Thread-safe
// for modules of distinct contexts. kUnavailable: libdevice is needed and was not found, or cannot be read. kInternal:
// malformed IR, or LLVM does not know the architecture.
absl::StatusOr<std::string> CompilePtx(llvm::Module& module, const CudaTarget& target, const CudaToolkit& toolkit,
                                       const std::string& prefix, std::string* bitcode = nullptr);
// What LLVM's PTX printer reads: this is an entry, so many threads it is launched with, so many of its blocks must fit
// a multiprocessor.
void AnnotateKernel(llvm::Function& function, int threads, int blocks_of_multiprocessor);
// One text of several, all made for one target.
std::string JoinPtx(const std::vector<std::string>& texts);

}  // namespace plimsoll::codegen
