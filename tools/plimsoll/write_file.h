// Writing a small file whole or not at all.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace plimsoll::cli {

// Through a temporary file and a rename. kUnavailable with path and reason; then nothing is left behind.
absl::Status WriteFile(const std::string& path, const std::string& contents);

}  // namespace plimsoll::cli
