// LLVM modules to object files to one shared object.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/codegen/codegen.h"
#include "llvm/IR/Module.h"

namespace plimsoll::codegen {

// Optimizes and compiles; the module is consumed. Thread-safe for modules of distinct contexts.
absl::StatusOr<std::string> CompileObject(llvm::Module& module, const CpuTarget& target);
// Links object files (their bytes) with lld, in the temporary folder.
absl::StatusOr<std::string> LinkSharedObject(const std::vector<std::string>& objects);

}  // namespace plimsoll::codegen
