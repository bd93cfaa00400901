#include "tools/plimsoll/write_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace plimsoll::cli {

absl::Status WriteFile(const std::string& path, const std::string& contents) {
  const std::string temporary = path + ".tmp";
  std::FILE* file = std::fopen(temporary.c_str(), "wb");
  bool ok = file != nullptr && std::fwrite(contents.data(), 1, contents.size(), file) == contents.size();
  if (file != nullptr && std::fclose(file) != 0) ok = false;
  if (ok && std::rename(temporary.c_str(), path.c_str()) == 0) return absl::OkStatus();
  const std::string reason = std::strerror(errno);
  if (file != nullptr) std::remove(temporary.c_str());
  return absl::UnavailableError(absl::StrCat(path, ": cannot be written: ", reason));
}

}  // namespace plimsoll::cli
