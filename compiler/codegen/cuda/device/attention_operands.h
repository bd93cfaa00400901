// What attention by tensor cores does its own way for each type of operands: how two neighbouring squares of 16 queries
// and 8 keys are summed, and how they are multiplied with values. Scores and sums lie in registers as the products
// leave them: a lane has two neighbouring columns of two rows of each square of 8 columns.
#pragma once

#include "compiler/codegen/cuda/device/fragments.h"

namespace plimsoll::device {

// f16 and bf16: 16 elements of the inner axis at a time.
template <bool kBfloat>
struct HalfOperands {
  using Type = uint16_t;
  static constexpr int kType = kBfloat ? kBF16 : kF16;
  // Elements between a tile's rows beyond their number: a fragment's lanes find 32 banks.
  static constexpr int kKeyPadding = 8, kValuePadding = 8;
  static constexpr int kPairWords = 1;  // of two neighbouring elements of a query

  static PLIMSOLL_INLINE void LoadPair(Pointer from, uint32_t* words) {
    words[0] = *reinterpret_cast<PLIMSOLL_GLOBAL const uint32_t*>(from);
  }
  // A pair in shared memory.
  static PLIMSOLL_INLINE void ReadPair(const PLIMSOLL_SHARED Type* from, float* values) {
    const uint32_t word = *reinterpret_cast<const PLIMSOLL_SHARED uint32_t*>(from);
    values[0] = FromBits<float>(word & 0xffff, kType);
    values[1] = FromBits<float>(word >> 16, kType);
  }
  // Rows [row, row + 16) of a tile, their elements [inner, inner + 16), as AddScores takes a query's.
  static PLIMSOLL_INLINE void ReadRows(const PLIMSOLL_SHARED Type* tile, int stride, int row, int inner,
                                       uint32_t (*words)[kPairWords]) {
    uint32_t fragment[4];
    LoadFragment<false, false>(tile, stride, row, inner, fragment);
    PLIMSOLL_UNROLL
    for (int i = 0; i < 4; ++i) words[i][0] = fragment[i];
  }
  static PLIMSOLL_INLINE void StorePair(Pointer to, const float* values) {
    *reinterpret_cast<PLIMSOLL_GLOBAL uint32_t*>(to) = PackHalves<kBfloat>(values[0], values[1]);
  }
  // Scores of keys [key, key + 16) += queries times the keys' elements [inner, inner + 16).
  static PLIMSOLL_INLINE void AddScores(const uint32_t (*query)[kPairWords], const PLIMSOLL_SHARED Type* tile,
                                        int stride, int key, int inner, float (*scores)[4]) {
    const uint32_t rows[4] = {query[0][0], query[1][0], query[2][0], query[3][0]};
    uint32_t words[4];
    LoadFragment<true, false>(tile, stride, key, inner, words);
    MultiplyFragments<kBfloat>(rows, words, scores[0]);
    MultiplyFragments<kBfloat>(rows, words + 2, scores[1]);
  }
  // Sums of all `columns` += the weights of keys [key, key + 16) times their values: two squares of the scores are the
  // left side's fragment as they lie.
  static PLIMSOLL_INLINE void AddValues(const float (*weights)[4], const PLIMSOLL_SHARED Type* tile, int stride,
                                        int key, int columns, float (*sums)[4]) {
    const uint32_t rows[4] = {
        PackHalves<kBfloat>(weights[0][0], weights[0][1]), PackHalves<kBfloat>(weights[0][2], weights[0][3]),
        PackHalves<kBfloat>(weights[1][0], weights[1][1]), PackHalves<kBfloat>(weights[1][2], weights[1][3])};
    PLIMSOLL_UNROLL
    for (int e = 0; 8 * e < columns; e += 2) {
      uint32_t words[4];
      LoadFragment<true, true>(tile, stride, 8 * e, key, words);
      MultiplyFragments<kBfloat>(rows, words, sums[e]);
      MultiplyFragments<kBfloat>(rows, words + 2, sums[e + 1]);
    }
  }
};

// f32, rounded to TF32: 8 elements of the inner axis at a time. Of these, lane l % 4 is to have the ones at l % 4 and
// l % 4 + 4; what it is given are neighbours, of both sides, which sums to the same.
struct Tf32Operands {
  using Type = float;
  static constexpr int kType = kF32;
  static constexpr int kKeyPadding = 8, kValuePadding = 4;
  static constexpr int kPairWords = 2;

  static PLIMSOLL_INLINE void LoadPair(Pointer from, uint32_t* words) {
    float values[2];
    Load(from, kF32, 2, values);
    PLIMSOLL_UNROLL
    for (int i = 0; i < 2; ++i) words[i] = RoundToTf32(values[i]);
  }
  static PLIMSOLL_INLINE void ReadPair(const PLIMSOLL_SHARED Type* from, float* values) {
    typedef float Two __attribute__((ext_vector_type(2)));
    const Two pair = *reinterpret_cast<const PLIMSOLL_SHARED Two*>(from);
    values[0] = pair.x;
    values[1] = pair.y;
  }
  static PLIMSOLL_INLINE void ReadRows(const PLIMSOLL_SHARED Type* tile, int stride, int row, int inner,
                                       uint32_t (*words)[kPairWords]) {
    const int lane = ThreadNumber() % 32;
    PLIMSOLL_UNROLL
    for (int i = 0; i < 4; ++i) {
      float values[2];
      ReadPair(tile + (row + i % 2 * 8 + lane / 4) * stride + inner + i / 2 * 8 + lane % 4 * 2, values);
      PLIMSOLL_UNROLL
      for (int w = 0; w < 2; ++w) words[i][w] = RoundToTf32(values[w]);
    }
  }
  static PLIMSOLL_INLINE void StorePair(Pointer to, const float* values) { Store(to, kF32, 2, values); }
  static PLIMSOLL_INLINE void AddScores(const uint32_t (*query)[kPairWords], const PLIMSOLL_SHARED Type* tile,
                                        int stride, int key, int inner, float (*scores)[4]) {
    typedef float Two __attribute__((ext_vector_type(2)));
    const int lane = ThreadNumber() % 32;
    PLIMSOLL_UNROLL
    for (int half = 0; half < 2; ++half) {
      const uint32_t rows[4] = {query[2 * half][0], query[2 * half + 1][0], query[2 * half][1], query[2 * half + 1][1]};
      PLIMSOLL_UNROLL
      for (int j = 0; j < 2; ++j) {
        const Two pair = *reinterpret_cast<const PLIMSOLL_SHARED Two*>(tile + (key + 8 * j + lane / 4) * stride +
                                                                       inner + 8 * half + lane % 4 * 2);
        const uint32_t words[2] = {RoundToTf32(pair.x), RoundToTf32(pair.y)};
        MultiplyTf32(rows, words, scores[j]);
      }
    }
  }
  static PLIMSOLL_INLINE void AddValues(const float (*weights)[4], const PLIMSOLL_SHARED Type* tile, int stride,
                                        int key, int columns, float (*sums)[4]) {
    const int lane = ThreadNumber() % 32;
    PLIMSOLL_UNROLL
    for (int j = 0; j < 2; ++j) {
      const uint32_t rows[4] = {RoundToTf32(weights[j][0]), RoundToTf32(weights[j][2]), RoundToTf32(weights[j][1]),
                                RoundToTf32(weights[j][3])};
      const PLIMSOLL_SHARED Type* first = tile + (key + 8 * j + lane % 4 * 2) * stride + lane / 4;
      PLIMSOLL_UNROLL
      for (int e = 0; 8 * e < columns; ++e) {
        const uint32_t words[2] = {RoundToTf32(first[8 * e]), RoundToTf32(first[8 * e + stride])};
        MultiplyTf32(rows, words, sums[e]);
      }
    }
  }
};

}  // namespace plimsoll::device
