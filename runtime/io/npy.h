// NumPy's .npy files (format versions 1.0 to 3.0): one dense array, little-endian.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ir/plan/types.pb.h"

namespace plimsoll::runtime {

struct NpyArray {
  plan::TensorType type;  // static
  std::string data;       // row-major
};

// Reads a file of unknown origin. kNotFound, kPermissionDenied or kUnavailable where it cannot be read; kDataLoss where
// it is not an array of the size that it states; kUnimplemented for element types without a plan type (big-endian,
// objects, strings, complex). Arrays in Fortran order are transposed.
absl::StatusOr<NpyArray> ReadNpy(const std::string& path);
absl::StatusOr<NpyArray> ParseNpy(absl::string_view bytes);

// Version 1.0. bf16 and 8-bit floats, which NumPy lacks, are written as unsigned integers of their size.
absl::Status WriteNpy(const std::string& path, const plan::TensorType& type, absl::string_view data);
absl::StatusOr<std::string> SerializeNpy(const plan::TensorType& type, absl::string_view data);

}  // namespace plimsoll::runtime
