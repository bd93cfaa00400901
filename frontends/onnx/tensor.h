// TensorProtos: sizes, elements. Everything here takes tensors from strangers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ir/plan/onnx_elements.h"
#include "onnx/onnx_pb.h"

namespace plimsoll::onnx_frontend {

// "FLOAT", "STRING", or the number if ONNX has no such type.
std::string OnnxTypeName(int onnx_data_type);

// Elements and, as kept, bytes; kDataLoss for negative dims and for sizes beyond 2^62.
absl::StatusOr<int64_t> ElementCount(const onnx::TensorProto& tensor);
absl::StatusOr<int64_t> KeptBytes(const onnx::TensorProto& tensor);

// Bytes that raw_data (or external data) must have.
absl::StatusOr<int64_t> RawBytes(const onnx::TensorProto& tensor);

// The elements, little-endian, from raw_data or from the typed fields. kUnimplemented for types without an OnnxElement
// and for external data; kDataLoss where the number of elements is not that of the dims.
absl::StatusOr<std::string> Elements(const onnx::TensorProto& tensor);

}  // namespace plimsoll::onnx_frontend
