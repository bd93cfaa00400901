// Exact 8-bit products with 32-bit sums. The library's own are not: without VNNI it saturates sums of two products at
// 16 bits, and it takes no zero point of weights. Here the left operand is made signed and the right one unsigned (the
// top bit flips, the zero point moves by 128), four products at a time are summed into 32 bits (vpdpbusd; without VNNI
// in two pairs of 16 bits), and the zero points zl, zr are taken out of the sums over k products:
//   sum (l - zl)(r - zr) = sum l r - zr (sum l - k zl) - zl sum r.
// All sums are modulo 2^32.
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

// A tile of the product of a left matrix, rows of signed bytes, and a right one, columns of unsigned bytes in fours.
constexpr int64_t kTileRows = 6;
constexpr int64_t kTileColumns = 64;
constexpr int64_t kQuadBytes = 4 * kTileColumns;  // of four rows of the right matrix
constexpr int64_t Quads(int64_t k) { return (k + 3) / 4; }

// What changes between an 8-bit type and the one of its side of the product.
template <typename T>
struct Side {
  static constexpr bool kSigned = static_cast<T>(-1) < 0;
  static constexpr uint8_t kLeftFlip = kSigned ? 0 : 0x80, kRightFlip = kSigned ? 0x80 : 0;
  static int32_t LeftZero(int32_t zero) { return zero - (kSigned ? 0 : 128); }
  static int32_t RightZero(int32_t zero) { return zero + (kSigned ? 128 : 0); }
};

// A zero point operand: one element of its tensor's type.
inline int32_t ReadByte(const void* data, bool is_signed) {
  return is_signed ? *static_cast<const int8_t*>(data) : *static_cast<const uint8_t*>(data);
}

// to[i] = from[i * stride] ^ flip
void CopyBytes(const void* from, int64_t stride, int64_t count, uint8_t flip, void* to);

// Four rows of the right matrix: to[4 c + j] = rows[j][c] ^ flip for all columns of the tile.
void InterleaveFour(const void* const rows[4], uint8_t flip, uint8_t* to);

// Columns [0, columns) of `k` rows, `row_stride` bytes apart and each a dense row, as Quads(k) fours; rows and columns
// that are missing are 0.
void PackColumns(const void* from, int64_t row_stride, int64_t k, int64_t columns, uint8_t flip, uint8_t* to);

enum class TileIsa { kVnni, kAvx2, kPlain };
// The best that this CPU has.
TileIsa BestTileIsa();
bool HasTileIsa(TileIsa isa);

// tile[r * kTileColumns + c] = sum over i < 4 quads of left[r][i] right[i][c], for r < rows <= kTileRows and c <
// columns
// <= kTileColumns (what lies in later columns is undefined). Row r of `left` begins at r * left_stride, four rows of
// `right` at each kQuadBytes. This CPU has `isa`.
void MultiplyTile(TileIsa isa, const int8_t* left, int64_t left_stride, int64_t rows, const uint8_t* right,
                  int64_t quads, int64_t columns, int32_t* tile);
inline void MultiplyTile(const int8_t* left, int64_t left_stride, int64_t rows, const uint8_t* right, int64_t quads,
                         int64_t columns, int32_t* tile) {
  static const TileIsa isa = BestTileIsa();
  MultiplyTile(isa, left, left_stride, rows, right, quads, columns, tile);
}

// sums[c] = sum over i of right[i][c], for all columns of a tile.
void SumColumns(TileIsa isa, const uint8_t* right, int64_t quads, int32_t* sums);
inline void SumColumns(const uint8_t* right, int64_t quads, int32_t* sums) {
  static const TileIsa isa = BestTileIsa();
  SumColumns(isa, right, quads, sums);
}

// What a row of the left matrix takes out of its sums: its zero point, and sum l - k zl.
struct LeftRow {
  int32_t zero = 0;
  int32_t sum = 0;
};
LeftRow LeftRowOf(const int8_t* row, int64_t k, int32_t zero);

// sums[c] -= zeros[c] row.sum + row.zero column_sums[c] for c < kTileColumns. Null column_sums: row.zero is 0.
void TakeOutZeros(const LeftRow& row, const int32_t* zeros, const int32_t* column_sums, int32_t* sums);

// Rounds `rows` rows of `count` numbers to 8 bits with one scale and zero point for all of it, as ONNX's
// DynamicQuantizeLinear, and writes them signed (less 128), zeros up to the next multiple of four after each row.
struct Quantized {
  float scale = 1;
  int32_t zero = 0;  // of the signed numbers
};
Quantized QuantizeRows(const float* from, int64_t rows, int64_t count, int8_t* to);

// A zero point of 8 bits that is given as a float; what is none is brought into [-255, 255].
int32_t ZeroOf(float zero);
// to[c] = sums[c] * left_scale * scales[c]
void ScaleSums(const int32_t* sums, int64_t columns, float left_scale, const float* scales, float* to);

}  // namespace plimsoll::runtime::onednn
