#include "tools/plimsoll/compiler_plugin.h"

#include <dlfcn.h>

#include "absl/strings/str_cat.h"

namespace plimsoll::cli {

absl::StatusOr<const compiler::Plugin*> OpenCompiler() {
  // Found through the executable's run path, which names the library's folder. Never closed: LLVM does not unload well.
  void* library = dlopen("libplimsoll_compiler.so", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return absl::NotFoundError(absl::StrCat("the compiler cannot be opened: ", dlerror()));
  using Entry = const compiler::Plugin* (*)();
  auto entry = reinterpret_cast<Entry>(dlsym(library, compiler::kPluginSymbol));
  if (entry == nullptr || entry()->version != compiler::kPluginVersion) {
    return absl::InternalError("libplimsoll_compiler.so is of another version than this program: install them together");
  }
  return entry();
}

}  // namespace plimsoll::cli
