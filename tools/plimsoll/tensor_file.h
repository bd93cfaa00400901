// Tensors in files: ONNX's TensorProto (.pb) and NumPy's .npy.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ir/plan/types.pb.h"

namespace plimsoll::cli {

// Dense row-major little-endian elements; bool is one byte, 0 or 1.
struct Tensor {
  std::string name;
  plan::TensorType type;  // static
  int onnx_element = 0;   // ONNX's number of the element type where `type` only keeps it (plan::OnnxElement); else 0
  std::string bytes;
};

// By the extension: .pb or .npy. kNotFound / kDataLoss (truncated, sizes that contradict) / kUnimplemented (strings,
// sequences), each with the path.
absl::StatusOr<Tensor> ReadTensor(const std::string& path);

// What a file of test data holds: a tensor, or the tensors of a SequenceProto or OptionalProto.
struct TensorList {
  bool is_list = false;
  std::string name;   // of the list
  std::vector<Tensor> tensors;
};
// Errors as ReadTensor; kUnimplemented for sequences of sequences.
absl::StatusOr<TensorList> ReadTensorList(const std::string& path);

// Writes a TensorProto with raw data, through a temporary file. kUnavailable if it cannot be written.
absl::Status WriteTensor(const Tensor& tensor, const std::string& path);

}  // namespace plimsoll::cli
