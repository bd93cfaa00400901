// Shared objects that are opened when they are first needed, so that one binary runs where they are missing.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace plimsoll::runtime::nvidia {

struct Symbol {
  const char* name;
  void** address;  // set where the symbol is found
};

// Opens the first of `names` that the loader finds and reads `symbols` from it. kUnavailable where none can be opened,
// with the loader's reasons, or where a symbol is missing, with its name. What is opened stays open.
absl::Status OpenShared(const std::vector<std::string>& names, const std::vector<Symbol>& symbols);

}  // namespace plimsoll::runtime::nvidia
