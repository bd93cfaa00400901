// TensorProto files: how ONNX's own test data (input_0.pb, output_0.pb) is laid out. Free of ONNX headers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ir/plan/types.pb.h"

namespace plimsoll::onnx_frontend {

struct Tensor {
  std::string name;
  plan::DataType dtype = plan::DATA_TYPE_UNDEFINED;
  std::vector<int64_t> dims;
  std::string bytes;  // dense, row-major, little-endian; bool one byte, 4-bit and 2-bit integers one to a byte
};

// kNotFound, kPermissionDenied; kDataLoss where the file is truncated or contradicts itself; kUnimplemented for
// sequences, optionals, strings and complex numbers.
absl::StatusOr<Tensor> ReadTensor(const std::string& path);

// As ReadTensor, from the file's bytes; `what` names them in messages.
absl::StatusOr<Tensor> ParseTensor(const std::string& bytes, const std::string& what);

// Written to a temporary file beside `path` and renamed. kInvalidArgument where `bytes` does not fit dtype and dims.
absl::Status WriteTensor(const std::string& path, const Tensor& tensor);

}  // namespace plimsoll::onnx_frontend
