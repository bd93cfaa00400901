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

// The same from two full rows of bytes: to[2 c] = even[c] - zero, to[2 c + 1] = odd[c] - zero.
void InterleaveBytes(const int8_t* even, const int8_t* odd, int32_t zero, int16_t* to);
void InterleaveBytes(const uint8_t* even, const uint8_t* odd, int32_t zero, int16_t* to);

// tile[r * kTileColumns + c] = sum over p < pairs of left[r][2p] right[p][2c] + left[r][2p + 1] right[p][2c + 1], modulo
// 2^32, for r < rows <= kTileRows and c < columns <= kTileColumns (what lies in later columns is undefined). Row r of
// `left` begins at r * left_stride, row p of `right` at p * kPairElements.
void MultiplyTile(const int16_t* left, int64_t left_stride, int64_t rows, const int16_t* right, int64_t pairs,
                  int64_t columns, int32_t* tile);

// Rounds `rows` rows of `count` numbers to 8 bits with one scale and zero point for all of it, as ONNX's
// DynamicQuantizeLinear, and writes them less the zero point, a 0 after a row of odd length. Returns the scale.
float QuantizeRows(const float* from, int64_t rows, int64_t count, int16_t* to);

// One row times a dense matrix [k, columns]: sums[c] = sum over i < k of left[i] right[i][c], modulo 2^32.
void MultiplyRow(const int16_t* left, int64_t k, const int8_t* right, int64_t columns, int32_t* sums);
void MultiplyRow(const int16_t* left, int64_t k, const uint8_t* right, int64_t columns, int32_t* sums);

int32_t SumOf(const int16_t* numbers, int64_t count);
// A zero point of 8 bits that is given as a float; what is none is brought into [-255, 255].
int32_t ZeroOf(float zero);
// to[c] = (sums[c] - left_sum * zeros[c]) * left_scale * scales[c].
void ScaleSums(const int32_t* sums, int64_t columns, int32_t left_sum, float left_scale, const float* scales,
               const float* zeros, float* to);

}  // namespace plimsoll::runtime::onednn
