// Sizes and names of the element and tensor types of types.proto.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "ir/plan/types.pb.h"

namespace plimsoll::plan {

// Bytes of one element; 0 for DATA_TYPE_UNDEFINED and for numbers that the enum does not know.
int ElementSize(DataType dtype);

// "f32", "bf16", "bool", "f8e4m3fn"...; "undefined" where ElementSize is 0.
const char* Name(DataType dtype);

// The type of that name; kInvalidArgument lists the known ones.
absl::StatusOr<DataType> DataTypeFromName(const std::string& name);

// Elements and bytes of a dense tensor, at the upper bounds of its dimensions. kInvalidArgument for unknown element
// types, negative dimensions, and sizes beyond 2^62. A dimension of 0 gives 0, whatever the others are.
absl::StatusOr<int64_t> ElementCount(const TensorType& type);
absl::StatusOr<int64_t> ByteSize(const TensorType& type);

// "f32[1,3,224,224]"; "f32" for a scalar; "<=" before a dimension known only at run time.
std::string ToString(const TensorType& type);

}  // namespace plimsoll::plan
