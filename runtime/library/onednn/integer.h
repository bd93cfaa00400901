// Exact 8-bit products with 32-bit sums. The library's own are not: without VNNI it saturates sums of two products at 16
// bits, and it takes no zero point of weights. Here both operands have their zero point subtracted first, which leaves
// 16-bit numbers; pairs of those are multiplied and summed into 32 bits by one instruction (pmaddwd, vpdpwssd).
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

// to[i] = from[i * stride] - zero
void Widen(const int8_t* from, int64_t stride, int64_t count, int32_t zero, int16_t* to);
void Widen(const uint8_t* from, int64_t stride, int64_t count, int32_t zero, int16_t* to);

// A tile of the product of a left matrix, rows of 16-bit numbers, and a right one, columns in pairs of numbers.
constexpr int64_t kTileRows = 6;
constexpr int64_t kTileColumns = 64;
constexpr int64_t kPairElements = 2 * kTileColumns;  // of one pair of rows of the right matrix

// One pair of rows of the right matrix: to[2 c] = even[c], to[2 c + 1] = odd[c] for all columns of the tile.
void Interleave(const int16_t* even, const int16_t* odd, int16_t* to);

// tile[r * kTileColumns + c] = sum over p < pairs of left[r][2p] right[p][2c] + left[r][2p + 1] right[p][2c + 1], modulo
// 2^32, for r < rows <= kTileRows and c < columns <= kTileColumns (what lies in later columns is undefined). Row r of
// `left` begins at r * left_stride, row p of `right` at p * kPairElements.
void MultiplyTile(const int16_t* left, int64_t left_stride, int64_t rows, const int16_t* right, int64_t pairs,
                  int64_t columns, int32_t* tile);

}  // namespace plimsoll::runtime::onednn
