// Opens the compiler when a command needs it.
#pragma once

#include "absl/status/statusor.h"
#include "compiler/plugin.h"

namespace plimsoll::cli {

// kNotFound with the reason of the dynamic linker if libplimsoll_compiler.so cannot be opened.
absl::StatusOr<const compiler::Plugin*> OpenCompiler();

}  // namespace plimsoll::cli
