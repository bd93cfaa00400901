#include "runtime/library/nvidia/shared_library.h"

#include <dlfcn.h>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::nvidia {

absl::Status OpenShared(const std::vector<std::string>& names, const std::vector<Symbol>& symbols) {
  std::string reasons;
  for (const std::string& name : names) {
    void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      const char* reason = dlerror();
      absl::StrAppend(&reasons, reasons.empty() ? "" : "; ", reason != nullptr ? reason : name);
      continue;
    }
    for (const Symbol& symbol : symbols) {
      *symbol.address = dlsym(handle, symbol.name);
      if (*symbol.address != nullptr) continue;
      dlclose(handle);
      return absl::UnavailableError(absl::StrCat(name, " has no ", symbol.name, ": another version is needed"));
    }
    return absl::OkStatus();
  }
  return absl::UnavailableError(reasons);
}

}  // namespace plimsoll::runtime::nvidia
