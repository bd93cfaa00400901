// Rows of 8-bit matrices: brought to the sign of their side of a product, packed in fours, summed, scaled.
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "runtime/library/onednn/integer.h"

namespace plimsoll::runtime::onednn {
namespace {

#define PLIMSOLL_VECTORIZED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))

constexpr int64_t kFetchAhead = 24;  // rows

using Interleave = void (*)(const void* const rows[4], uint8_t flip, uint8_t* to);

// Unpacked within lanes of 128 bits (columns 16 l .. 16 l + 15 are in lane l), then the lanes are transposed.
__attribute__((target("avx512f,avx512bw"))) void InterleaveAvx512(const void* const rows[4], uint8_t flip,
                                                                  uint8_t* to) {
  const __m512i flips = _mm512_set1_epi8(static_cast<char>(flip));
  __m512i row[4];
  for (int j = 0; j < 4; ++j) row[j] = _mm512_xor_si512(_mm512_loadu_si512(rows[j]), flips);
  const __m512i low = _mm512_unpacklo_epi8(row[0], row[1]), high = _mm512_unpackhi_epi8(row[0], row[1]);
  const __m512i low_next = _mm512_unpacklo_epi8(row[2], row[3]), high_next = _mm512_unpackhi_epi8(row[2], row[3]);
  const __m512i q0 = _mm512_unpacklo_epi16(low, low_next), q1 = _mm512_unpackhi_epi16(low, low_next);
  const __m512i q2 = _mm512_unpacklo_epi16(high, high_next), q3 = _mm512_unpackhi_epi16(high, high_next);
  const __m512i even = _mm512_shuffle_i32x4(q0, q1, 0x88), odd = _mm512_shuffle_i32x4(q0, q1, 0xdd);
  const __m512i even_next = _mm512_shuffle_i32x4(q2, q3, 0x88), odd_next = _mm512_shuffle_i32x4(q2, q3, 0xdd);
  _mm512_storeu_si512(to, _mm512_shuffle_i32x4(even, even_next, 0x88));
  _mm512_storeu_si512(to + 64, _mm512_shuffle_i32x4(odd, odd_next, 0x88));
  _mm512_storeu_si512(to + 128, _mm512_shuffle_i32x4(even, even_next, 0xdd));
  _mm512_storeu_si512(to + 192, _mm512_shuffle_i32x4(odd, odd_next, 0xdd));
}

void InterleavePlain(const void* const rows[4], uint8_t flip, uint8_t* to) {
  for (int64_t c = 0; c < kTileColumns; ++c) {
    for (int j = 0; j < 4; ++j) to[4 * c + j] = static_cast<const uint8_t*>(rows[j])[c] ^ flip;
  }
}

PLIMSOLL_VECTORIZED void Range(const float* from, int64_t count, float& low, float& high) {
  constexpr int64_t kLanes = 16;
  float lows[kLanes] = {}, highs[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) {
      lows[l] = from[i + l] < lows[l] ? from[i + l] : lows[l];
      highs[l] = from[i + l] > highs[l] ? from[i + l] : highs[l];
    }
  }
  for (; i < count; ++i) {
    lows[0] = std::min(lows[0], from[i]);
    highs[0] = std::max(highs[0], from[i]);
  }
  low = *std::min_element(lows, lows + kLanes);
  high = *std::max_element(highs, highs + kLanes);
}

PLIMSOLL_VECTORIZED void Quantize(const float* from, int64_t count, float scale, float zero, int8_t* to) {
  for (int64_t i = 0; i < count; ++i) {
    float value = __builtin_rintf(from[i] / scale) + zero;
    value = value > 0 ? value : 0;  // NaN too
    value = value < 255 ? value : 255;
    to[i] = static_cast<int8_t>(static_cast<int32_t>(value) - 128);
  }
}

PLIMSOLL_VECTORIZED uint32_t SumOf(const int8_t* numbers, int64_t count) {
  uint32_t sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += static_cast<uint32_t>(int32_t{numbers[i]});
  return sum;
}

}  // namespace

PLIMSOLL_VECTORIZED void CopyBytes(const void* from, int64_t stride, int64_t count, uint8_t flip, void* to) {
  const auto* source = static_cast<const uint8_t*>(from);
  auto* target = static_cast<uint8_t*>(to);
  if (stride == 1) {
    for (int64_t i = 0; i < count; ++i) target[i] = source[i] ^ flip;
  } else if (stride == 2) {
    for (int64_t i = 0; i < count; ++i) target[i] = source[2 * i] ^ flip;
  } else {
    for (int64_t i = 0; i < count; ++i) target[i] = source[i * stride] ^ flip;
  }
}

void InterleaveFour(const void* const rows[4], uint8_t flip, uint8_t* to) {
  static const Interleave interleave = __builtin_cpu_supports("avx512bw") ? InterleaveAvx512 : InterleavePlain;
  interleave(rows, flip, to);
}

void PackColumns(const void* from, int64_t row_stride, int64_t k, int64_t columns, uint8_t flip, uint8_t* to) {
  const auto* source = static_cast<const uint8_t*>(from);
  alignas(64) uint8_t padded[4][kTileColumns] = {};
  for (int64_t i = 0; i < k; i += 4, to += kQuadBytes) {
    // Rows of a wide matrix lie pages apart, where the processor does not fetch ahead by itself.
    for (int64_t ahead = i + kFetchAhead; ahead < std::min(k, i + kFetchAhead + 4); ++ahead) {
      __builtin_prefetch(source + ahead * row_stride);
      __builtin_prefetch(source + ahead * row_stride + columns - 1);
    }
    const void* rows[4];
    if (i + 4 <= k && columns == kTileColumns) {
      for (int64_t j = 0; j < 4; ++j) rows[j] = source + (i + j) * row_stride;
      InterleaveFour(rows, flip, to);
      continue;
    }
    for (int64_t j = 0; j < 4; ++j) {
      rows[j] = padded[j];
      if (i + j < k)
        CopyBytes(source + (i + j) * row_stride, 1, columns, flip, padded[j]);
      else
        std::memset(padded[j], 0, kTileColumns);
    }
    InterleaveFour(rows, 0, to);
  }
}

LeftRow LeftRowOf(const int8_t* row, int64_t k, int32_t zero) {
  return {zero, static_cast<int32_t>(SumOf(row, k) - static_cast<uint32_t>(k) * static_cast<uint32_t>(zero))};
}

PLIMSOLL_VECTORIZED void TakeOutZeros(const LeftRow& row, const int32_t* zeros, const int32_t* column_sums,
                                      int32_t* sums) {
  auto* wrapping = reinterpret_cast<uint32_t*>(sums);
  const auto zero = static_cast<uint32_t>(row.zero), sum = static_cast<uint32_t>(row.sum);
  if (column_sums == nullptr) {
    for (int64_t c = 0; c < kTileColumns; ++c) wrapping[c] -= static_cast<uint32_t>(zeros[c]) * sum;
    return;
  }
  for (int64_t c = 0; c < kTileColumns; ++c) {
    wrapping[c] -= static_cast<uint32_t>(zeros[c]) * sum + static_cast<uint32_t>(column_sums[c]) * zero;
  }
}

Quantized QuantizeRows(const float* from, int64_t rows, int64_t count, int8_t* to) {
  float low = 0, high = 0;
  Range(from, rows * count, low, high);
  float scale = (high - low) / 255;
  if (!(scale > 0)) scale = 1;
  const float zero = std::rint(std::clamp(-low / scale, 0.0f, 255.0f));
  const int64_t padded = 4 * Quads(count);
  for (int64_t row = 0; row < rows; ++row) {
    Quantize(from + row * count, count, scale, zero, to + row * padded);
    std::fill(to + row * padded + count, to + (row + 1) * padded, int8_t{0});
  }
  return {scale, static_cast<int32_t>(zero) - 128};
}

int32_t ZeroOf(float zero) { return static_cast<int32_t>(zero > -255 ? (zero < 255 ? zero : 255) : -255); }

PLIMSOLL_VECTORIZED void ScaleSums(const int32_t* sums, int64_t columns, float left_scale, const float* scales,
                                   float* to) {
  for (int64_t c = 0; c < columns; ++c) to[c] = static_cast<float>(sums[c]) * (left_scale * scales[c]);
}

}  // namespace plimsoll::runtime::onednn
