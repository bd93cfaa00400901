// A folder for the files of a tool that is given files only.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace plimsoll::codegen {

// Removed with what it holds when the object ends.
class TemporaryFolder {
 public:
  // `purpose`, "link": a part of its name. kUnavailable where none can be made.
  static absl::StatusOr<std::unique_ptr<TemporaryFolder>> Make(const std::string& purpose) {
    std::error_code error;
    const std::filesystem::path where = std::filesystem::temp_directory_path(error);
    std::string path = (where / absl::StrCat("plimsoll-", purpose, "-XXXXXX")).string();
    if (error || mkdtemp(path.data()) == nullptr) {
      return absl::UnavailableError(absl::StrCat("no temporary folder to ", purpose, " in: ", path));
    }
    return std::unique_ptr<TemporaryFolder>(new TemporaryFolder(std::move(path)));
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace plimsoll::codegen
