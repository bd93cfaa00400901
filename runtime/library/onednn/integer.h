// Exact 8-bit products with 32-bit sums, in plain loops. The way out where oneDNN is not exact: without VNNI it saturates
// sums of two products at 16 bits, and it takes no zero point of a convolution's weights.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "ir/plan/library.pb.h"
#include "runtime/library/onednn/descriptors.h"

namespace plimsoll::runtime::onednn {

// An 8-bit tensor, signed or not.
struct ByteTensor {
  bool is_signed = false;
  Dims dims;
  Dims strides;
};

// kUnimplemented for other element types.
absl::StatusOr<ByteTensor> ByteTensorOf(const plan::MemoryDesc& desc, int rank);

// A zero point operand: one element of its tensor's type.
inline int32_t ReadByte(const void* data, bool is_signed) {
  return is_signed ? *static_cast<const int8_t*>(data) : *static_cast<const uint8_t*>(data);
}

// dst[i] += factor * (row[i] - zero), wrapping as ONNX's sums do. The innermost loop of both operations.
void AddScaled(int32_t* dst, const int8_t* row, int64_t count, int32_t factor, int32_t zero);
void AddScaled(int32_t* dst, const uint8_t* row, int64_t count, int32_t factor, int32_t zero);

}  // namespace plimsoll::runtime::onednn
