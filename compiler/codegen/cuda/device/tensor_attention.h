// Attention of halves by tensor cores (FlashAttention-2's division of work: Dao, "FlashAttention-2: Faster Attention
// with Better Parallelism and Work Partitioning", arXiv:2307.08691). A warp owns 16 queries: their fragments and their
// sums stay in its registers, keys and values go by in shared memory, in tiles of which the next one is copied while
// this one is computed with. Scores, softmax and sums are f32; weights are rounded to halves for the second product.
#pragma once

#include "compiler/codegen/cuda/device/attention.h"
#include "compiler/codegen/cuda/device/fragments.h"

namespace plimsoll::device {

constexpr float kLog2OfE = 1.44269504088896341f;
// 2 to the x, approximately (an error of 2^-22); below 2^-126 it is 0.
PLIMSOLL_INLINE float Exp2(float x) { return __nvvm_ex2_approx_ftz_f(x); }

// Begins to copy rows [first, first + kTile) of [count, size] to shared memory, rows of kStride; what is not there is
// 0, to a multiple of 16 columns.
template <int kThreads, int kTile, int kStride>
PLIMSOLL_INLINE void BeginRows(Pointer base, const long long* strides, int width, int first, int count, int columns,
                               int size, PLIMSOLL_SHARED uint16_t* to) {
  const int groups = columns / width;
  PLIMSOLL_UNROLL
  for (int i = 0; i < (kTile * groups + kThreads - 1) / kThreads; ++i) {
    const int number = ThreadNumber() + i * kThreads, row = number / groups, column = number % groups * width;
    if (number >= kTile * groups) continue;
    const bool there = first + row < count && column < size;
    BeginCopy(to + row * kStride + column, base + 2 * (there ? (first + row) * strides[2] + column : 0), 2 * width,
              there);
  }
}

// What the mask adds to two neighbouring keys' scores, where they are.
PLIMSOLL_INLINE void MaskOfPair(const Attention& attention, const AttentionPlace& place, int query, int key,
                                float* added) {
  const Pointer at = MaskOf(attention, place, query, key);
  added[0] = added[1] = 0;
  if (query >= attention.queries || key >= attention.keys) return;
  if (attention.mask_width == 2) return Load(at, attention.mask_type, 2, added);
  added[0] = LoadOne<float>(at, attention.mask_type);
  if (key + 1 < attention.keys)
    added[1] = LoadOne<float>(MaskOf(attention, place, query, key + 1), attention.mask_type);
}

// A block takes 64 queries of one head, kKeys keys at a time, and a part of the value's columns: all of them where they
// fit into registers. Elements of a head come in pairs.
template <bool kBfloat, int kMostSize, int kKeys>
PLIMSOLL_INLINE void TensorAttention(const Attention& attention, const Pointer* operands) {
  constexpr int kThreads = 128, kQueries = 64, kStride = kMostSize + 8, kTile = kKeys * kStride;
  constexpr int kSteps = kMostSize / 16, kScores = kKeys / 8, kSums = kMostSize / 8;
  static PLIMSOLL_SHARED uint16_t memory[4 * kTile] __attribute__((aligned(16)));
  const AttentionPlace place = PlaceOfBlock(attention, kQueries, operands);
  const int warp = ThreadNumber() / 32, lane = ThreadNumber() % 32, within = lane % 4 * 2;
  // A lane has rows `query` and `query + 8` of its warp's fragments.
  const int query = place.tile * kQueries + warp * 16 + lane / 4;
  const int size = attention.size, keys = attention.keys;
  // Of this part: `columns` are multiples of 16, of which `value_size` are there.
  const int columns = attention.columns, first_column = place.part * columns,
            value_size = attention.value_size - first_column;
  const Pointer values = Element(place.v, first_column, attention.v_type);
  auto begin_tile = [&](int start, PLIMSOLL_SHARED uint16_t* to) __attribute__((always_inline)) {
    BeginRows<kThreads, kKeys, kStride>(place.k, attention.k, attention.k_width, start, keys, (size + 15) / 16 * 16,
                                        size, to);
    BeginRows<kThreads, kKeys, kStride>(values, attention.v, attention.v_width, start, keys, columns, value_size,
                                        to + kTile);
  };
  if (keys > 0) begin_tile(0, memory);
  uint32_t rows[kSteps][4];
  PLIMSOLL_UNROLL
  for (int s = 0; 16 * s < size; ++s) PLIMSOLL_UNROLL
  for (int i = 0; i < 4; ++i) {
    const int row = query + i % 2 * 8, column = 16 * s + i / 2 * 8 + within;
    rows[s][i] = 0;
    if (row < attention.queries && column < size)
      rows[s][i] = *reinterpret_cast<PLIMSOLL_GLOBAL const uint32_t*>(place.q + 2 * (row * attention.q[2] + column));
  }

  float largest[2], total[2], sums[kSums][4];
  PLIMSOLL_UNROLL
  for (int r = 0; r < 2; ++r) {
    largest[r] = -__builtin_inff();
    total[r] = 0;
  }
  PLIMSOLL_UNROLL
  for (int e = 0; 8 * e < columns; ++e) PLIMSOLL_UNROLL
  for (int c = 0; c < 4; ++c) sums[e][c] = 0;
  // Without a mask the scores are in units of which one is a factor of 2. A mask's may be the least that f32 has: in
  // other units they would be none.
  const float unit = attention.mask == kNone ? 1 : kLog2OfE, factor = attention.scale * (kLog2OfE / unit);
  int buffer = 0;
  _Pragma("clang loop unroll(disable)") for (int start = 0; start < keys; start += kKeys) {
    WaitForCopies();
    Barrier();
    PLIMSOLL_SHARED uint16_t *key_tile = memory + buffer, *value_tile = key_tile + kTile;
    buffer = 2 * kTile - buffer;
    if (start + kKeys < keys) begin_tile(start + kKeys, memory + buffer);

    float scores[kScores][4];
    PLIMSOLL_UNROLL
    for (int j = 0; j < kScores; ++j) PLIMSOLL_UNROLL
    for (int c = 0; c < 4; ++c) scores[j][c] = 0;
    PLIMSOLL_UNROLL
    for (int s = 0; 16 * s < size; ++s) PLIMSOLL_UNROLL
    for (int j = 0; j < kScores; j += 2) {
      uint32_t words[4];
      LoadFragment<true, false>(key_tile, kStride, 8 * j, 16 * s, words);
      MultiplyFragments<kBfloat>(rows[s], words, scores[j]);
      MultiplyFragments<kBfloat>(rows[s], words + 2, scores[j + 1]);
    }

    PLIMSOLL_UNROLL
    for (int r = 0; r < 2; ++r) {
      float most = largest[r];
      PLIMSOLL_UNROLL
      for (int j = 0; j < kScores; ++j) {
        const int key = start + 8 * j + within;
        float added[2] = {0, 0};
        if (attention.mask != kNone) MaskOfPair(attention, place, query + 8 * r, key, added);
        PLIMSOLL_UNROLL
        for (int c = 0; c < 2; ++c) {
          float& score = scores[j][2 * r + c];
          score = score * factor + added[c];
          if (key + c >= keys) score = -__builtin_inff();
          most = __builtin_fmaxf(score, most);
        }
      }
      PLIMSOLL_UNROLL
      for (int offset = 1; offset <= 2; offset *= 2) most = __builtin_fmaxf(most, Shuffle(most, offset));
      // While all is -infinity so far, powers of differences to 0 are 0 as they should be.
      const float base = most == -__builtin_inff() ? 0 : most, shrink = Exp2((largest[r] - base) * unit);
      largest[r] = most;
      total[r] *= shrink;
      PLIMSOLL_UNROLL
      for (int j = 0; j < kScores; ++j) PLIMSOLL_UNROLL
      for (int c = 2 * r; c < 2 * r + 2; ++c) {
        scores[j][c] = Exp2((scores[j][c] - base) * unit);
        total[r] += scores[j][c];
      }
      PLIMSOLL_UNROLL
      for (int e = 0; 8 * e < columns; ++e) PLIMSOLL_UNROLL
      for (int c = 2 * r; c < 2 * r + 2; ++c) sums[e][c] *= shrink;
    }

    // Two neighbouring squares of the scores are the left side's fragment as they lie.
    PLIMSOLL_UNROLL
    for (int t = 0; t < kScores; t += 2) {
      const uint32_t weights[4] = {PackHalves<kBfloat>(scores[t][0], scores[t][1]),
                                   PackHalves<kBfloat>(scores[t][2], scores[t][3]),
                                   PackHalves<kBfloat>(scores[t + 1][0], scores[t + 1][1]),
                                   PackHalves<kBfloat>(scores[t + 1][2], scores[t + 1][3])};
      PLIMSOLL_UNROLL
      for (int e = 0; 8 * e < columns; e += 2) {
        uint32_t words[4];
        LoadFragment<true, true>(value_tile, kStride, 8 * e, 8 * t, words);
        MultiplyFragments<kBfloat>(weights, words, sums[e]);
        MultiplyFragments<kBfloat>(weights, words + 2, sums[e + 1]);
      }
    }
  }

  PLIMSOLL_UNROLL
  for (int r = 0; r < 2; ++r) {
    PLIMSOLL_UNROLL
    for (int offset = 1; offset <= 2; offset *= 2) total[r] += Shuffle(total[r], offset);
  }
  const int type = attention.destination_type;
  PLIMSOLL_UNROLL
  for (int r = 0; r < 2; ++r) {
    if (query + 8 * r >= attention.queries) continue;
    const Pointer to = Element(place.to, (query + 8 * r) * attention.to[2] + first_column * attention.to[3], type);
    const bool none = attention.zero_if_nan && !IsSum(total[r]);
    const float share = 1 / total[r];
    PLIMSOLL_UNROLL
    for (int e = 0; 8 * e < columns; ++e) {
      const int column = 8 * e + within;
      if (column >= value_size) continue;
      float values[2];
      PLIMSOLL_UNROLL
      for (int c = 0; c < 2; ++c) values[c] = none ? 0 : sums[e][2 * r + c] * share;
      if (attention.to_width == 2 && type == (kBfloat ? kBF16 : kF16)) {
        *reinterpret_cast<PLIMSOLL_GLOBAL uint32_t*>(Element(to, column, type)) =
            PackHalves<kBfloat>(values[0], values[1]);
        continue;
      }
      if (attention.to_width == 2) {
        Store(Element(to, column, type), type, 2, values);
        continue;
      }
      PLIMSOLL_UNROLL
      for (int c = 0; c < 2; ++c) Store(Element(to, (column + c) * attention.to[3], type), type, 1, values + c);
    }
  }
}

}  // namespace plimsoll::device
