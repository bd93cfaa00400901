// Attention by tensor cores, of halves or f32 rounded to TF32 (FlashAttention-2's division of work: Dao,
// "FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning", arXiv:2307.08691). A warp owns 16
// queries: their fragments and their sums stay in its registers, keys and values go by in shared memory, in tiles of
// which the next one is copied while this one is computed with. Scores, softmax and sums are f32; weights are rounded
// for the second product as all operands are.
#pragma once

#include "compiler/codegen/cuda/device/attention.h"
#include "compiler/codegen/cuda/device/attention_operands.h"

namespace plimsoll::device {

constexpr float kLog2OfE = 1.44269504088896341f;
// 2 to the x, approximately (an error of 2^-22); below 2^-126 it is 0.
PLIMSOLL_INLINE float Exp2(float x) { return __nvvm_ex2_approx_ftz_f(x); }

// Begins to copy rows [first, first + kTile) of [count, size] to shared memory, rows of kStride; what is not there is
// 0, to a multiple of 16 columns.
// `kUnroll`: copies at a time, of which each wants registers for its addresses.
template <int kThreads, int kTile, int kStride, int kUnroll = 64, typename Type>
PLIMSOLL_INLINE void BeginRows(Pointer base, const long long* strides, int width, int first, int count, int columns,
                               int size, PLIMSOLL_SHARED Type* to) {
  constexpr int kBytes = sizeof(Type);
  const int groups = columns / width;
  _Pragma("clang loop unroll_count(kUnroll)") for (int i = 0; i < (kTile * groups + kThreads - 1) / kThreads; ++i) {
    const int number = ThreadNumber() + i * kThreads, row = number / groups, column = number % groups * width;
    if (number >= kTile * groups) continue;
    const bool there = first + row < count && column < size;
    const long long at = there ? (first + row) * strides[2] + column : 0;
    BeginCopy(to + row * kStride + column, base + kBytes * at, kBytes * width, there);
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
template <typename Operands, int kMostSize, int kKeys>
PLIMSOLL_INLINE void TensorAttention(const Attention& attention, const Pointer* operands) {
  using Type = typename Operands::Type;
  constexpr int kThreads = 128, kQueries = 64;
  constexpr int kKeyStride = kMostSize + Operands::kKeyPadding, kValueStride = kMostSize + Operands::kValuePadding;
  constexpr int kKeyTile = kKeys * kKeyStride, kBuffer = kKeyTile + kKeys * kValueStride;
  constexpr int kSteps = kMostSize / 16, kScores = kKeys / 8, kSums = kMostSize / 8;
  static PLIMSOLL_SHARED Type memory[2 * kBuffer] __attribute__((aligned(16)));
  const AttentionPlace place = PlaceOfBlock(attention, kQueries, operands);
  const int warp = ThreadNumber() / 32, lane = ThreadNumber() % 32, within = lane % 4 * 2;
  // A lane has rows `query` and `query + 8` of its warp's fragments.
  const int query = place.tile * kQueries + warp * 16 + lane / 4;
  const int size = attention.size, keys = attention.keys;
  // Of this part: `columns` are multiples of 16, of which `value_size` are there.
  const int columns = attention.columns, first_column = place.part * columns,
            value_size = attention.value_size - first_column;
  const Pointer values = Element(place.v, first_column, attention.v_type);
  auto begin_tile = [&](int start, PLIMSOLL_SHARED Type* to) __attribute__((always_inline)) {
    BeginRows<kThreads, kKeys, kKeyStride>(place.k, attention.k, attention.k_width, start, keys, (size + 15) / 16 * 16,
                                           size, to);
    BeginRows<kThreads, kKeys, kValueStride>(values, attention.v, attention.v_width, start, keys, columns, value_size,
                                             to + kKeyTile);
  };
  if (keys > 0) begin_tile(0, memory);
  constexpr int kPairWords = Operands::kPairWords;
  uint32_t rows[kSteps][4][kPairWords];
  PLIMSOLL_UNROLL
  for (int s = 0; 16 * s < size; ++s) PLIMSOLL_UNROLL
  for (int i = 0; i < 4; ++i) {
    const int row = query + i % 2 * 8, column = 16 * s + i / 2 * 8 + within;
    PLIMSOLL_UNROLL
    for (int w = 0; w < kPairWords; ++w) rows[s][i][w] = 0;
    if (row < attention.queries && column < size)
      Operands::LoadPair(Element(place.q, row * attention.q[2] + column, Operands::kType), rows[s][i]);
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
    PLIMSOLL_SHARED Type *key_tile = memory + buffer, *value_tile = key_tile + kKeyTile;
    buffer = kBuffer - buffer;
    if (start + kKeys < keys) begin_tile(start + kKeys, memory + buffer);

    float scores[kScores][4];
    PLIMSOLL_UNROLL
    for (int j = 0; j < kScores; ++j) PLIMSOLL_UNROLL
    for (int c = 0; c < 4; ++c) scores[j][c] = 0;
    PLIMSOLL_UNROLL
    for (int s = 0; 16 * s < size; ++s) PLIMSOLL_UNROLL
    for (int j = 0; j < kScores; j += 2) Operands::AddScores(rows[s], key_tile, kKeyStride, 8 * j, 16 * s, scores + j);

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

    PLIMSOLL_UNROLL
    for (int t = 0; t < kScores; t += 2)
      Operands::AddValues(scores + t, value_tile, kValueStride, 8 * t, columns, sums);
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
    if (attention.stats != kNone && place.part == 0 && within == 0)
      StoreStats(attention, place.stats, query + 8 * r, largest[r] * (unit / kLog2OfE), total[r]);
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
      if (attention.to_width == 2 && type == Operands::kType) {
        Operands::StorePair(Element(to, column, type), values);
        continue;
      }
      PLIMSOLL_UNROLL
      for (int c = 0; c < 2; ++c) Store(Element(to, (column + c) * attention.to[3], type), type, 1, values + c);
    }
  }
}

}  // namespace plimsoll::device
