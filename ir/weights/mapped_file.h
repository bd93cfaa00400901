// A file mapped read-only into memory. Weights are never read into buffers of their own: whoever needs their bytes gets
// a range of such a mapping, and gives its pages back when done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace plimsoll::weights {

using Bytes = std::span<const std::byte>;

class MappedFile {
 public:
  // Maps a whole regular file. kNotFound, kPermissionDenied or kUnavailable with the path and the system's reason.
  // A file that another process shortens while it is mapped makes later reads of the lost part fail with SIGBUS, as
  // with any mapping.
  static absl::StatusOr<std::shared_ptr<const MappedFile>> Open(const std::string& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  Bytes bytes() const { return bytes_; }
  int64_t size() const { return static_cast<int64_t>(bytes_.size()); }

  // The bytes [offset, offset + length); kDataLoss where the file is shorter than that.
  absl::StatusOr<Bytes> Range(int64_t offset, int64_t length) const;

  // Gives the range's resident pages back to the system; reading them again brings them back from the file. Pages that
  // the range shares with its neighbours stay.
  void DontNeed(Bytes range) const;

  // Asks the system to read the range ahead.
  void WillNeed(Bytes range) const;

 private:
  MappedFile(std::string path, Bytes bytes) : path_(std::move(path)), bytes_(bytes) {}

  std::string path_;
  Bytes bytes_;
};

// The status that `error` (an errno) of an operation on `path` becomes: "cannot ACTION PATH: REASON". All codes are
// those of a file that cannot be read or written.
absl::Status FileError(int error, const std::string& action, const std::string& path);

}  // namespace plimsoll::weights
