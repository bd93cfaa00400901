// A serialized ModelProto without its weights.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "ir/weights/mapped_file.h"

namespace plimsoll::onnx_frontend {

// TensorProtos' raw_data of more than this many bytes is taken out.
inline constexpr int64_t kMaxKeptRawBytes = 256;
// The external_data key that takes its place; the value is "OFFSET:LENGTH" within the model's own bytes.
inline constexpr char kRangeKey[] = "plimsoll.range";

// Copies a serialized ModelProto, large raw_data replaced by its place, so that gigabytes of inline weights are
// neither parsed nor copied: they are used where they lie in the mapped file. training_info is left out (nothing here
// reads it). kDataLoss where the bytes are no well-formed protobuf: truncated, or nested too deep.
absl::StatusOr<std::string> WithoutWeights(weights::Bytes model);

}  // namespace plimsoll::onnx_frontend
