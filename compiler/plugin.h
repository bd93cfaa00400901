// libplimsoll_compiler.so is opened with dlopen when a command needs it (MLIR and LLVM cost 65 MB and 30 ms).
#pragma once

#include "compiler/compile.h"
#include "compiler/gpus.h"

namespace plimsoll::compiler {

// The table of functions that the shared object exports under the name below. `version` guards against a foreign one.
struct Plugin {
  int version;
  absl::StatusOr<Compiled> (*compile)(const std::string&, const Options&);
  absl::StatusOr<CheckResult> (*check)(const std::string&, const Options&);
  absl::StatusOr<std::vector<GpuInfo>> (*gpus)(const std::string&);
};
inline constexpr int kPluginVersion = 6;
inline constexpr char kPluginSymbol[] = "plimsoll_compiler_plugin";  // const Plugin* (*)()

}  // namespace plimsoll::compiler
