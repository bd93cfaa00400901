// TensorProtos: element types, sizes, elements. Everything here takes tensors from strangers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ir/plan/types.pb.h"
#include "onnx/onnx_pb.h"

namespace plimsoll::onnx_frontend {

// How the elements of an ONNX type are kept: 4-bit and 2-bit integers one to a byte.
struct ElementFormat {
  plan::DataType dtype = plan::DATA_TYPE_UNDEFINED;
  int size = 0;         // bytes of an element as it is kept
  int packed_bits = 0;  // of an element in raw_data, where these are fewer than 8
};

// Nothing for strings, complex numbers and what else has no place in a plan.
std::optional<ElementFormat> FormatOf(int onnx_data_type);
// The type that an element of `dtype` has in a TensorProto.
int OnnxDataType(plan::DataType dtype);
// "FLOAT", "STRING", or the number if ONNX has no such type.
std::string OnnxTypeName(int onnx_data_type);

// Elements and, as kept, bytes; kDataLoss for negative dims and for sizes beyond 2^62.
absl::StatusOr<int64_t> ElementCount(const onnx::TensorProto& tensor);
absl::StatusOr<int64_t> KeptBytes(const onnx::TensorProto& tensor);

// Bytes that raw_data (or external data) must have.
absl::StatusOr<int64_t> RawBytes(const onnx::TensorProto& tensor);

// Brings raw_data's bytes to the form in which they are kept (unpacks 4-bit and 2-bit integers); `raw` has RawBytes.
std::string Unpack(const onnx::TensorProto& tensor, const ElementFormat& format, std::string raw);

// The elements, little-endian, from raw_data or from the typed fields. kUnimplemented for types without a format and
// for external data; kDataLoss where the number of elements is not that of the dims.
absl::StatusOr<std::string> Elements(const onnx::TensorProto& tensor);

}  // namespace plimsoll::onnx_frontend
