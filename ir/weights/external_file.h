// Where a model or a plan may point to: files beside it, never elsewhere. Models come from strangers, and one that
// names /etc/passwd as its weights must not get it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ir/weights/mapped_file.h"

namespace plimsoll::weights {

// Whether `file` is a path that stays within the folder it is relative to: not empty, not absolute, without "..", "."
// or empty components, backslashes or control characters. kDataLoss otherwise; the message begins with `what`, e.g.
// "tensor 'fc.weight'".
absl::Status CheckRelativePath(const std::string& file, const std::string& what);

// Opens `file` relative to `directory` (empty: the current one). Beyond CheckRelativePath, the file that symbolic links
// lead to must lie in `directory` too, and be a regular file. kNotFound where it is missing: the caller may go on
// without the bytes. kDataLoss where the path is unsafe.
absl::StatusOr<std::shared_ptr<const MappedFile>> OpenWithin(const std::string& directory, const std::string& file,
                                                             const std::string& what);

}  // namespace plimsoll::weights
