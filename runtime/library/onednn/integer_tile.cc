#include <immintrin.h>

#include <algorithm>

#include "runtime/library/onednn/integer.h"

namespace plimsoll::runtime::onednn {
namespace {

using TileFunction = void (*)(const int8_t*, int64_t, const uint8_t*, int64_t, int32_t*);

int32_t ReadQuad(const int8_t* quad) {
  int32_t bits;
  __builtin_memcpy(&bits, quad, sizeof(bits));
  return bits;
}

// kRows rows by kVectors vectors of 16 columns.
template <int kRows, int kVectors>
__attribute__((target("avx512f,avx512bw,avx512vnni"))) void TileVnni(const int8_t* left, int64_t left_stride,
                                                                     const uint8_t* right, int64_t quads,
                                                                     int32_t* tile) {
  __m512i sums[kRows][kVectors];
  for (auto& row : sums) {
    for (__m512i& sum : row) sum = _mm512_setzero_si512();
  }
  for (int64_t q = 0; q < quads; ++q) {
    __m512i columns[kVectors];
    for (int v = 0; v < kVectors; ++v) columns[v] = _mm512_loadu_si512(right + q * kQuadBytes + v * 64);
    for (int r = 0; r < kRows; ++r) {
      const __m512i factor = _mm512_set1_epi32(ReadQuad(left + r * left_stride + 4 * q));
      for (int v = 0; v < kVectors; ++v) sums[r][v] = _mm512_dpbusd_epi32(sums[r][v], columns[v], factor);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) _mm512_storeu_si512(tile + r * kTileColumns + v * 16, sums[r][v]);
  }
}

// 8 columns at a time, in two registers of sums over even and odd pairs: 12 of the 16 registers.
template <int kRows, int kVectors>
__attribute__((target("avx2"))) void TileAvx2(const int8_t* left, int64_t left_stride, const uint8_t* right,
                                              int64_t quads, int32_t* tile) {
  for (int part = 0; part < 2 * kVectors; ++part) {
    __m256i sums[kRows][2];
    for (auto& row : sums) row[0] = row[1] = _mm256_setzero_si256();
    for (int64_t q = 0; q < quads; ++q) {
      const uint8_t* from = right + q * kQuadBytes + part * 32;
      const __m256i low = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
      const __m256i high = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 16)));
      for (int r = 0; r < kRows; ++r) {
        const __m256i factor = _mm256_cvtepi8_epi16(_mm_set1_epi32(ReadQuad(left + r * left_stride + 4 * q)));
        sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(factor, low));
        sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(factor, high));
      }
    }
    for (int r = 0; r < kRows; ++r) {
      // Per half of 128 bits: columns 0, 1, 4, 5 | 2, 3, 6, 7.
      const __m256i pairs = _mm256_hadd_epi32(sums[r][0], sums[r][1]);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(tile + r * kTileColumns + part * 8),
                          _mm256_permute4x64_epi64(pairs, 0xd8));
    }
  }
}

template <int kRows, int kVectors>
void TilePlain(const int8_t* left, int64_t left_stride, const uint8_t* right, int64_t quads, int32_t* tile) {
  for (int r = 0; r < kRows; ++r) {
    auto* sums = reinterpret_cast<uint32_t*>(tile + r * kTileColumns);
    std::fill(sums, sums + 16 * kVectors, 0);
    for (int64_t q = 0; q < quads; ++q) {
      const uint8_t* columns = right + q * kQuadBytes;
      const int8_t* factors = left + r * left_stride + 4 * q;
      for (int c = 0; c < 16 * kVectors; ++c) {
        int32_t sum = 0;
        for (int j = 0; j < 4; ++j) sum += factors[j] * columns[4 * c + j];
        sums[c] += static_cast<uint32_t>(sum);
      }
    }
  }
}

__attribute__((target("avx512f,avx512bw,avx512vnni"))) void SumVnni(const uint8_t* right, int64_t quads,
                                                                    int32_t* sums) {
  const __m512i ones = _mm512_set1_epi8(1);
  __m512i sum[4];
  for (__m512i& each : sum) each = _mm512_setzero_si512();
  for (int64_t q = 0; q < quads; ++q, right += kQuadBytes) {
    for (int v = 0; v < 4; ++v) sum[v] = _mm512_dpbusd_epi32(sum[v], _mm512_loadu_si512(right + 64 * v), ones);
  }
  for (int v = 0; v < 4; ++v) _mm512_storeu_si512(sums + 16 * v, sum[v]);
}

__attribute__((target_clones("avx2", "default"))) void SumPlain(const uint8_t* right, int64_t quads, int32_t* sums) {
  auto* wrapping = reinterpret_cast<uint32_t*>(sums);
  for (int64_t c = 0; c < kTileColumns; ++c) wrapping[c] = 0;
  for (int64_t q = 0; q < quads; ++q, right += kQuadBytes) {
    for (int64_t c = 0; c < kTileColumns; ++c) {
      wrapping[c] += static_cast<uint32_t>(right[4 * c] + right[4 * c + 1] + right[4 * c + 2] + right[4 * c + 3]);
    }
  }
}

// Functions by rows - 1 and vectors - 1.
struct TileTable {
  TileFunction functions[kTileRows][kTileColumns / 16];
};

#define PLIMSOLL_TILE_ROW(function, rows) {function<rows, 1>, function<rows, 2>, function<rows, 3>, function<rows, 4>}
#define PLIMSOLL_TILES(function)                                                                         \
  {                                                                                                      \
    {                                                                                                    \
      PLIMSOLL_TILE_ROW(function, 1), PLIMSOLL_TILE_ROW(function, 2), PLIMSOLL_TILE_ROW(function, 3),    \
          PLIMSOLL_TILE_ROW(function, 4), PLIMSOLL_TILE_ROW(function, 5), PLIMSOLL_TILE_ROW(function, 6) \
    }                                                                                                    \
  }

constexpr TileTable kTables[] = {PLIMSOLL_TILES(TileVnni), PLIMSOLL_TILES(TileAvx2), PLIMSOLL_TILES(TilePlain)};

}  // namespace

bool HasTileIsa(TileIsa isa) {
  __builtin_cpu_init();
  switch (isa) {
    case TileIsa::kVnni:
      return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw");
    case TileIsa::kAvx2:
      return __builtin_cpu_supports("avx2");
    case TileIsa::kPlain:
      return true;
  }
  return false;
}

TileIsa BestTileIsa() {
  for (TileIsa isa : {TileIsa::kVnni, TileIsa::kAvx2}) {
    if (HasTileIsa(isa)) return isa;
  }
  return TileIsa::kPlain;
}

void MultiplyTile(TileIsa isa, const int8_t* left, int64_t left_stride, int64_t rows, const uint8_t* right,
                  int64_t quads, int64_t columns, int32_t* tile) {
  kTables[static_cast<int>(isa)].functions[rows - 1][(columns - 1) / 16](left, left_stride, right, quads, tile);
}

void SumColumns(TileIsa isa, const uint8_t* right, int64_t quads, int32_t* sums) {
  if (isa == TileIsa::kVnni)
    SumVnni(right, quads, sums);
  else
    SumPlain(right, quads, sums);
}

}  // namespace plimsoll::runtime::onednn
