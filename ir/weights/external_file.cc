#include "ir/weights/external_file.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace plimsoll::weights {
namespace {

absl::Status Unsafe(const std::string& what, const std::string& file, const std::string& found) {
  return absl::DataLossError(absl::StrCat(what, ": its bytes are said to be in '", absl::CHexEscape(file), "', ", found,
                                          ". Only files in the folder of the model or below it are read: move the file "
                                          "there and name it by its relative path"));
}

absl::StatusOr<std::string> RealPath(const std::string& path) {
  char* resolved = realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return FileError(errno, "open", path);
  std::string result(resolved);
  free(resolved);
  return result;
}

}  // namespace

absl::Status CheckRelativePath(const std::string& file, const std::string& what) {
  if (file.empty()) return Unsafe(what, file, "an empty path");
  if (file.size() >= PATH_MAX) return Unsafe(what, "", "a path longer than the system allows");
  if (file.front() == '/') return Unsafe(what, file, "an absolute path");
  for (const char c : file) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return Unsafe(what, file, "a path with control characters");
    if (c == '\\') return Unsafe(what, file, "a path with a backslash");
  }
  for (size_t begin = 0; begin <= file.size();) {
    const size_t end = std::min(file.find('/', begin), file.size());
    const std::string component = file.substr(begin, end - begin);
    if (component == "..") return Unsafe(what, file, "a path that leads out of the folder ('..')");
    if (component.empty() || component == ".") return Unsafe(what, file, "a path with an empty component");
    begin = end + 1;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const MappedFile>> OpenWithin(const std::string& directory, const std::string& file,
                                                             const std::string& what) {
  if (absl::Status status = CheckRelativePath(file, what); !status.ok()) return status;
  const absl::StatusOr<std::string> root = RealPath(directory.empty() ? "." : directory);
  if (!root.ok()) return root.status();
  const absl::StatusOr<std::string> path = RealPath(absl::StrCat(*root, "/", file));
  if (!path.ok()) {
    return absl::Status(path.status().code(), absl::StrCat(what, ": ", path.status().message()));
  }
  const std::string prefix = *root == "/" ? "/" : absl::StrCat(*root, "/");
  if (!absl::StartsWith(*path, prefix)) {
    return Unsafe(what, file, absl::StrCat("a symbolic link that leads out of the folder, to ", *path));
  }
  auto mapped = MappedFile::Open(*path);
  if (!mapped.ok()) {
    return absl::Status(mapped.status().code(), absl::StrCat(what, ": ", mapped.status().message()));
  }
  return mapped;
}

}  // namespace plimsoll::weights
