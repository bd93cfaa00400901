#include "ir/weights/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace plimsoll::weights {
namespace {

// The whole pages of `range`, empty if it holds none.
std::span<std::byte> WholePages(Bytes range) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<uintptr_t>(range.data());
  const uintptr_t begin = (first + page - 1) / page * page;
  const uintptr_t end = (first + range.size()) / page * page;
  if (begin >= end) return {};
  return {reinterpret_cast<std::byte*>(begin), static_cast<size_t>(end - begin)};
}

}  // namespace

absl::Status FileError(int error, const std::string& action, const std::string& path) {
  const std::string message = absl::StrCat("cannot ", action, " ", path, ": ", std::generic_category().message(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
      return absl::PermissionDeniedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

absl::StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::string& path) {
  // O_NONBLOCK: a pipe without a writer would block here; it is refused below.
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return FileError(errno, "open", path);
  struct stat status;
  if (fstat(file, &status) != 0) {
    const int error = errno;
    close(file);
    return FileError(error, "read", path);
  }
  if (!S_ISREG(status.st_mode)) {
    close(file);
    return absl::UnavailableError(absl::StrCat("cannot read ", path, ": it is not a regular file"));
  }
  const auto size = static_cast<size_t>(status.st_size);
  Bytes bytes;
  if (size > 0) {
    void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    const int error = errno;
    close(file);
    if (data == MAP_FAILED) return FileError(error, "map", path);
    bytes = Bytes(static_cast<const std::byte*>(data), size);
  } else {
    close(file);
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path, bytes));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

absl::StatusOr<Bytes> MappedFile::Range(int64_t offset, int64_t length) const {
  if (offset < 0 || length < 0 || offset > size() || length > size() - offset) {
    return absl::DataLossError(absl::StrCat(path_, " holds ", size(), " bytes; bytes ", offset, " to ", offset, " + ",
                                            length, " were expected in it. The file is truncated or another one"));
  }
  return bytes_.subspan(static_cast<size_t>(offset), static_cast<size_t>(length));
}

void MappedFile::DontNeed(Bytes range) const {
  const auto pages = WholePages(range);
  if (!pages.empty()) madvise(pages.data(), pages.size(), MADV_DONTNEED);
}

void MappedFile::WillNeed(Bytes range) const {
  const auto pages = WholePages(range);
  if (!pages.empty()) madvise(pages.data(), pages.size(), MADV_WILLNEED);
}

}  // namespace plimsoll::weights
