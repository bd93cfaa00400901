#include <immintrin.h>

#include <algorithm>
#include <cmath>

#include "runtime/library/onednn/integer.h"

namespace plimsoll::runtime::onednn {
namespace {

#define PLIMSOLL_VECTORIZED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))

// sums += left[0] * row 0 + left[1] * row 1, and so on over all pairs of rows.
template <typename T>
inline __attribute__((always_inline)) void AddPairs(const int16_t* left, int64_t k, const T* right, int64_t columns,
                                                    int32_t* sums) {
  std::fill(sums, sums + columns, 0);
  auto* wrapping = reinterpret_cast<uint32_t*>(sums);
  for (int64_t i = 0; i < k; i += 2) {
    const int32_t even = left[i], odd = i + 1 < k ? left[i + 1] : 0;
    const T *first = right + i * columns, *second = i + 1 < k ? first + columns : first;
    for (int64_t c = 0; c < columns; ++c) {
      wrapping[c] += static_cast<uint32_t>(even * first[c]) + static_cast<uint32_t>(odd * second[c]);
    }
  }
}

PLIMSOLL_VECTORIZED void PlainRow(const int16_t* left, int64_t k, const int8_t* right, int64_t columns, int32_t* sums) {
  AddPairs(left, k, right, columns, sums);
}
PLIMSOLL_VECTORIZED void PlainRow(const int16_t* left, int64_t k, const uint8_t* right, int64_t columns, int32_t* sums) {
  AddPairs(left, k, right, columns, sums);
}

#define PLIMSOLL_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))

PLIMSOLL_AVX512 inline __m512i Load(const int8_t* from) {
  return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
PLIMSOLL_AVX512 inline __m512i Load(const uint8_t* from) {
  return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

// 32 kVectors columns at a time, the sums in registers: 16 columns a register in the order that interleaving leaves.
template <int kVectors, typename T>
PLIMSOLL_AVX512 void Avx512Row(const int16_t* left, int64_t k, const T* right, int64_t columns, int32_t* sums) {
  for (int64_t c = 0; c < columns; c += 32 * kVectors) {
    __m512i low[kVectors], high[kVectors];
    for (int v = 0; v < kVectors; ++v) low[v] = high[v] = _mm512_setzero_si512();
    for (int64_t i = 0; i < k; i += 2) {
      const bool pair = i + 1 < k;
      const uint32_t bits = static_cast<uint16_t>(left[i]) | (pair ? static_cast<uint32_t>(left[i + 1]) << 16 : 0);
      const __m512i factor = _mm512_set1_epi32(static_cast<int32_t>(bits));
      const T* first = right + i * columns + c;
      const T* second = pair ? first + columns : first;
      for (int v = 0; v < kVectors; ++v) {
        const __m512i a = Load(first + 32 * v), b = Load(second + 32 * v);
        low[v] = _mm512_add_epi32(low[v], _mm512_madd_epi16(factor, _mm512_unpacklo_epi16(a, b)));
        high[v] = _mm512_add_epi32(high[v], _mm512_madd_epi16(factor, _mm512_unpackhi_epi16(a, b)));
      }
    }
    const __m512i first_half = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const __m512i second_half = _mm512_setr_epi32(8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    for (int v = 0; v < kVectors; ++v) {
      _mm512_storeu_si512(sums + c + 32 * v, _mm512_permutex2var_epi32(low[v], first_half, high[v]));
      _mm512_storeu_si512(sums + c + 32 * v + 16, _mm512_permutex2var_epi32(low[v], second_half, high[v]));
    }
  }
}

template <typename T>
void Multiply(const int16_t* left, int64_t k, const T* right, int64_t columns, int32_t* sums) {
  static const bool avx512 = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  // As many columns as fit the registers: a row is read in long pieces.
  if (avx512 && columns % 256 == 0) Avx512Row<8>(left, k, right, columns, sums);
  else if (avx512 && columns % 64 == 0) Avx512Row<2>(left, k, right, columns, sums);
  else PlainRow(left, k, right, columns, sums);
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

PLIMSOLL_VECTORIZED void Quantize(const float* from, int64_t count, float scale, float zero, int16_t* to) {
  for (int64_t i = 0; i < count; ++i) {
    float value = __builtin_rintf(from[i] / scale) + zero;
    value = value > 0 ? value : 0;  // NaN too
    value = value < 255 ? value : 255;
    to[i] = static_cast<int16_t>(static_cast<int32_t>(value - zero));
  }
}

}  // namespace

float QuantizeRows(const float* from, int64_t rows, int64_t count, int16_t* to) {
  float low = 0, high = 0;
  Range(from, rows * count, low, high);
  float scale = (high - low) / 255;
  if (!(scale > 0)) scale = 1;
  const float zero = std::rint(std::clamp(-low / scale, 0.0f, 255.0f));
  const int64_t padded = (count + 1) / 2 * 2;
  for (int64_t row = 0; row < rows; ++row) {
    Quantize(from + row * count, count, scale, zero, to + row * padded);
    if (padded > count) to[row * padded + count] = 0;
  }
  return scale;
}

void MultiplyRow(const int16_t* left, int64_t k, const int8_t* right, int64_t columns, int32_t* sums) {
  Multiply(left, k, right, columns, sums);
}
void MultiplyRow(const int16_t* left, int64_t k, const uint8_t* right, int64_t columns, int32_t* sums) {
  Multiply(left, k, right, columns, sums);
}

PLIMSOLL_VECTORIZED int32_t SumOf(const int16_t* numbers, int64_t count) {
  int32_t sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += numbers[i];
  return sum;
}

int32_t ZeroOf(float zero) { return static_cast<int32_t>(zero > -255 ? (zero < 255 ? zero : 255) : -255); }

PLIMSOLL_VECTORIZED void ScaleSums(const int32_t* sums, int64_t columns, int32_t left_sum, float left_scale,
                                   const float* scales, const float* zeros, float* to) {
  for (int64_t c = 0; c < columns; ++c) {
    const int32_t zero = static_cast<int32_t>(zeros[c] > -255 ? (zeros[c] < 255 ? zeros[c] : 255) : -255);
    const uint32_t shift = static_cast<uint32_t>(left_sum) * static_cast<uint32_t>(zero);
    to[c] = static_cast<float>(static_cast<int32_t>(static_cast<uint32_t>(sums[c]) - shift)) * (left_scale * scales[c]);
  }
}

}  // namespace plimsoll::runtime::onednn
