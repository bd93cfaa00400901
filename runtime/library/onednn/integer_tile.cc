#include <immintrin.h>

#include <algorithm>

#include "runtime/library/onednn/integer.h"

namespace plimsoll::runtime::onednn {
namespace {

using TileFunction = void (*)(const int16_t*, int64_t, const int16_t*, int64_t, int32_t*);

int32_t ReadPair(const int16_t* pair) {
  int32_t bits;
  __builtin_memcpy(&bits, pair, sizeof(bits));
  return bits;
}

// kRows rows by kVectors vectors of 16 columns.
template <int kRows, int kVectors>
__attribute__((target("avx512f,avx512bw,avx512vnni"))) void TileVnni(const int16_t* left, int64_t left_stride,
                                                                     const int16_t* right, int64_t pairs,
                                                                     int32_t* tile) {
  __m512i sums[kRows][kVectors];
  for (auto& row : sums) {
    for (__m512i& sum : row) sum = _mm512_setzero_si512();
  }
  for (int64_t p = 0; p < pairs; ++p) {
    __m512i columns[kVectors];
    for (int v = 0; v < kVectors; ++v) columns[v] = _mm512_loadu_si512(right + p * kPairElements + v * 32);
    for (int r = 0; r < kRows; ++r) {
      const __m512i factor = _mm512_set1_epi32(ReadPair(left + r * left_stride + 2 * p));
      for (int v = 0; v < kVectors; ++v) sums[r][v] = _mm512_dpwssd_epi32(sums[r][v], factor, columns[v]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) _mm512_storeu_si512(tile + r * kTileColumns + v * 16, sums[r][v]);
  }
}

template <int kRows, int kVectors>
__attribute__((target("avx2"))) void TileAvx2(const int16_t* left, int64_t left_stride, const int16_t* right,
                                              int64_t pairs, int32_t* tile) {
  for (int half = 0; half < 2 * kVectors; ++half) {  // 8 columns at a time: 6 sums of the 16 registers
    __m256i sums[kRows];
    for (__m256i& sum : sums) sum = _mm256_setzero_si256();
    for (int64_t p = 0; p < pairs; ++p) {
      const __m256i columns =
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(right + p * kPairElements + half * 16));
      for (int r = 0; r < kRows; ++r) {
        const __m256i factor = _mm256_set1_epi32(ReadPair(left + r * left_stride + 2 * p));
        sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(factor, columns));
      }
    }
    for (int r = 0; r < kRows; ++r) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(tile + r * kTileColumns + half * 8), sums[r]);
    }
  }
}

template <int kRows, int kVectors>
void TilePlain(const int16_t* left, int64_t left_stride, const int16_t* right, int64_t pairs, int32_t* tile) {
  for (int r = 0; r < kRows; ++r) {
    auto* sums = reinterpret_cast<uint32_t*>(tile + r * kTileColumns);
    std::fill(sums, sums + 16 * kVectors, 0);
    for (int64_t p = 0; p < pairs; ++p) {
      const int16_t* columns = right + p * kPairElements;
      const int32_t even = left[r * left_stride + 2 * p], odd = left[r * left_stride + 2 * p + 1];
      for (int c = 0; c < 16 * kVectors; ++c) {
        sums[c] += static_cast<uint32_t>(even * columns[2 * c] + odd * columns[2 * c + 1]);
      }
    }
  }
}

// Functions by rows - 1 and vectors - 1.
struct TileTable {
  TileFunction functions[kTileRows][kTileColumns / 16];
};

#define PLIMSOLL_TILE_ROW(function, rows) \
  {function<rows, 1>, function<rows, 2>, function<rows, 3>, function<rows, 4>}
#define PLIMSOLL_TILES(function)                                                                              \
  TileTable {                                                                                                 \
    {                                                                                                         \
      PLIMSOLL_TILE_ROW(function, 1), PLIMSOLL_TILE_ROW(function, 2), PLIMSOLL_TILE_ROW(function, 3),         \
          PLIMSOLL_TILE_ROW(function, 4), PLIMSOLL_TILE_ROW(function, 5), PLIMSOLL_TILE_ROW(function, 6)      \
    }                                                                                                         \
  }

TileTable ChooseTiles() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw")) return PLIMSOLL_TILES(TileVnni);
  if (__builtin_cpu_supports("avx2")) return PLIMSOLL_TILES(TileAvx2);
  return PLIMSOLL_TILES(TilePlain);
}

}  // namespace

__attribute__((target_clones("avx512bw", "avx2", "default"))) void Widen(const int8_t* from, int64_t stride,
                                                                         int64_t count, int32_t zero, int16_t* to) {
  if (stride == 1) {
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<int16_t>(from[i] - zero);
    return;
  }
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<int16_t>(from[i * stride] - zero);
}

__attribute__((target_clones("avx512bw", "avx2", "default"))) void Widen(const uint8_t* from, int64_t stride,
                                                                         int64_t count, int32_t zero, int16_t* to) {
  if (stride == 1) {
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<int16_t>(from[i] - zero);
    return;
  }
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<int16_t>(from[i * stride] - zero);
}

__attribute__((target_clones("avx512bw", "avx2", "default"))) void Interleave(const int16_t* even, const int16_t* odd,
                                                                              int16_t* to) {
  for (int64_t c = 0; c < kTileColumns; ++c) {
    to[2 * c] = even[c];
    to[2 * c + 1] = odd[c];
  }
}

__attribute__((target_clones("avx512bw", "avx2", "default"))) void InterleaveBytes(const int8_t* even, const int8_t* odd,
                                                                                   int32_t zero, int16_t* to) {
  for (int64_t c = 0; c < kTileColumns; ++c) {
    to[2 * c] = static_cast<int16_t>(even[c] - zero);
    to[2 * c + 1] = static_cast<int16_t>(odd[c] - zero);
  }
}

__attribute__((target_clones("avx512bw", "avx2", "default"))) void InterleaveBytes(const uint8_t* even, const uint8_t* odd,
                                                                                   int32_t zero, int16_t* to) {
  for (int64_t c = 0; c < kTileColumns; ++c) {
    to[2 * c] = static_cast<int16_t>(even[c] - zero);
    to[2 * c + 1] = static_cast<int16_t>(odd[c] - zero);
  }
}

void MultiplyTile(const int16_t* left, int64_t left_stride, int64_t rows, const int16_t* right, int64_t pairs,
                  int64_t columns, int32_t* tile) {
  static const TileTable table = ChooseTiles();
  table.functions[rows - 1][(columns - 1) / 16](left, left_stride, right, pairs, tile);
}

}  // namespace plimsoll::runtime::onednn
