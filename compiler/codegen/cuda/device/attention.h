// softmax(scale q k^T + mask) v in one pass over the keys: the softmax's largest score and sum so far are kept for each
// query, and what was summed is scaled when the largest changes (Milakov and Gimelshein, "Online normalizer calculation
// for softmax", arXiv:1805.02867; Dao et al., "FlashAttention", arXiv:2205.14135). Sums are f32.
#pragma once

#include "compiler/codegen/cuda/device/post_ops.h"

namespace plimsoll::device {

// What a block works on: one tile of the queries of one head, and one part of the value's columns.
struct AttentionPlace {
  int tile, part;
  Pointer q, k, v, mask, to, stats;  // of the head; mask and stats: null if there are none
};
PLIMSOLL_INLINE AttentionPlace PlaceOfBlock(const Attention& attention, int queries_of_tile, const Pointer* operands) {
  const unsigned parts = static_cast<unsigned>(attention.parts);
  const unsigned tiles = static_cast<unsigned>((attention.queries + queries_of_tile - 1) / queries_of_tile) * parts;
  const unsigned block = static_cast<unsigned>(BlockNumber()), heads = static_cast<unsigned>(attention.heads);
  const int head = static_cast<int>(block / tiles % heads), batch = static_cast<int>(block / tiles / heads),
            group = static_cast<int>(static_cast<unsigned>(head) * static_cast<unsigned>(attention.groups) / heads);
  auto base = [&](int operand, int type, const long long* strides, int of) __attribute__((always_inline)) {
    return Element(operands[operand], batch * strides[0] + of * strides[1], type);
  };
  AttentionPlace place;
  place.tile = static_cast<int>(block % tiles / parts);
  place.part = static_cast<int>(block % parts);
  place.q = base(0, attention.q_type, attention.q, head);
  place.k = base(1, attention.k_type, attention.k, group);
  place.v = base(2, attention.v_type, attention.v, group);
  place.mask = nullptr;
  if (attention.mask != kNone) place.mask = base(attention.mask, attention.mask_type, attention.mask_strides, head);
  place.to = base(attention.destination, attention.destination_type, attention.to, head);
  place.stats = nullptr;
  if (attention.stats != kNone) place.stats = base(attention.stats, kF32, attention.stats_strides, head);
  return place;
}
PLIMSOLL_INLINE Pointer MaskOf(const Attention& attention, const AttentionPlace& place, int query, int key) {
  return Element(place.mask, query * attention.mask_strides[2] + key * attention.mask_strides[3], attention.mask_type);
}
// Whether a row's sum of exponentials is one to divide by: it is 0 where all scores are -infinity, NaN where one is
// NaN.
PLIMSOLL_INLINE bool IsSum(float sum) { return sum > 0; }
// The logarithm of the sum of a row's exponentials, of their largest's exponent and the sum of the others relative to
// it: -infinity where all scores are.
PLIMSOLL_INLINE void StoreStats(const Attention& attention, Pointer of_head, int query, float largest, float total) {
  const float stats = largest + Log(total);
  Store(Element(of_head, query * attention.stats_strides[2], kF32), kF32, 1, &stats);
}

// Rows [first, first + kTile) of [count, size] to shared memory, rows of kStride; what is not there is 0.
template <int kTile, int kStride>
PLIMSOLL_INLINE void BringRows(Pointer base, int type, int width, const long long* strides, int first, int count,
                               int size, PLIMSOLL_SHARED float* to) {
  const int groups = size / width;
  _Pragma("clang loop unroll(disable)") for (int number = ThreadNumber(); number < kTile * groups; number += 256) {
    const int row = number / groups, column = number % groups * width;
    float values[16];
    PLIMSOLL_UNROLL
    for (int i = 0; i < width; ++i) values[i] = 0;
    if (first + row < count)
      Load(Element(base, (first + row) * strides[2] + column * strides[3], type), type, width, values);
    PLIMSOLL_UNROLL
    for (int i = 0; i < width; ++i) to[row * kStride + column + i] = values[i];
  }
  // Up to a multiple of four, so that fours may be read.
  const int padded = (size + 3) / 4 * 4;
  if (padded != size) {
    for (int number = ThreadNumber(); number < kTile * (padded - size); number += 256)
      to[number / (padded - size) * kStride + size + number % (padded - size)] = 0;
  }
}

// A block takes kTile queries of one head; 256 / kTile threads of a warp share a query: of each tile of kTile keys they
// score every kLanes-th, and sum a share of the value's elements. Keys and values take turns in one buffer.
template <int kTile, int kMostSize>
PLIMSOLL_INLINE void TiledAttention(const Attention& attention, const Pointer* operands) {
  constexpr int kLanes = 256 / kTile, kScores = kTile / kLanes, kStride = kMostSize + 4, kSums = kMostSize / kLanes / 4;
  static PLIMSOLL_SHARED float queries[kTile * kStride] __attribute__((aligned(16)));
  static PLIMSOLL_SHARED float buffer[kTile * kStride] __attribute__((aligned(16)));
  static PLIMSOLL_SHARED float weights[kTile * (kTile + 1)];
  typedef float Four __attribute__((ext_vector_type(4)));
  const AttentionPlace place = PlaceOfBlock(attention, kTile, operands);
  const int first = place.tile * kTile;
  const int row = ThreadNumber() / kLanes, lane = ThreadNumber() % kLanes, query = first + row;
  const int fours = (attention.size + 3) / 4, value_fours = (attention.value_size + 3) / 4;
  BringRows<kTile, kStride>(place.q, attention.q_type, attention.q_width, attention.q, first, attention.queries,
                            attention.size, queries);

  float largest = -__builtin_inff(), total = 0;
  Four sums[kSums];
  PLIMSOLL_UNROLL
  for (int i = 0; i < kSums; ++i) sums[i] = 0;
  _Pragma("clang loop unroll(disable)") for (int start = 0; start < attention.keys; start += kTile) {
    Barrier();
    BringRows<kTile, kStride>(place.k, attention.k_type, attention.k_width, attention.k, start, attention.keys,
                              attention.size, buffer);
    Barrier();
    float scores[kScores];
    PLIMSOLL_UNROLL
    for (int j = 0; j < kScores; ++j) scores[j] = 0;
    _Pragma("clang loop unroll_count(2)") for (int d = 0; d < fours; ++d) {
      const Four a = *reinterpret_cast<const PLIMSOLL_SHARED Four*>(queries + row * kStride + 4 * d);
      PLIMSOLL_UNROLL
      for (int j = 0; j < kScores; ++j) {
        const Four b = *reinterpret_cast<const PLIMSOLL_SHARED Four*>(buffer + (lane + j * kLanes) * kStride + 4 * d);
        scores[j] += a.x * b.x;
        scores[j] += a.y * b.y;
        scores[j] += a.z * b.z;
        scores[j] += a.w * b.w;
      }
    }
    float most = largest;
    PLIMSOLL_UNROLL
    for (int j = 0; j < kScores; ++j) {
      const int key = start + lane + j * kLanes;
      scores[j] *= attention.scale;
      if (attention.mask != kNone && key < attention.keys && query < attention.queries)
        scores[j] += LoadOne<float>(MaskOf(attention, place, query, key), attention.mask_type);
      if (key >= attention.keys) scores[j] = -__builtin_inff();
      most = scores[j] > most ? scores[j] : most;
    }
    PLIMSOLL_UNROLL
    for (int offset = kLanes / 2; offset > 0; offset /= 2) {
      const float other = Shuffle(most, offset);
      most = other > most ? other : most;
    }
    // While all is -infinity so far, exponentials of differences to 0 are 0 as they should be.
    const float base = most == -__builtin_inff() ? 0 : most;
    const float shrink = Exp(largest - base);
    largest = most;
    float added = 0;
    PLIMSOLL_UNROLL
    for (int j = 0; j < kScores; ++j) {
      const float weight = Exp(scores[j] - base);
      added += weight;
      weights[row * (kTile + 1) + lane + j * kLanes] = weight;
    }
    PLIMSOLL_UNROLL
    for (int offset = kLanes / 2; offset > 0; offset /= 2) added += Shuffle(added, offset);
    total = total * shrink + added;
    Barrier();
    BringRows<kTile, kStride>(place.v, attention.v_type, attention.v_width, attention.v, start, attention.keys,
                              attention.value_size, buffer);
    Barrier();
    PLIMSOLL_UNROLL
    for (int i = 0; i < kSums; ++i) sums[i] *= shrink;
    _Pragma("clang loop unroll_count(4)") for (int key = 0; key < kTile; ++key) {
      const float weight = weights[row * (kTile + 1) + key];
      PLIMSOLL_UNROLL
      for (int i = 0; i < kSums; ++i) {
        if (i * kLanes >= value_fours) continue;
        const Four b = *reinterpret_cast<const PLIMSOLL_SHARED Four*>(buffer + key * kStride + 4 * (lane + i * kLanes));
        sums[i] += weight * b;
      }
    }
  }
  if (query >= attention.queries) return;
  if (attention.stats != kNone && lane == 0) StoreStats(attention, place.stats, query, largest, total);
  const Pointer to = Element(place.to, query * attention.to[2], attention.destination_type);
  PLIMSOLL_UNROLL
  for (int i = 0; i < kSums; ++i) {
    PLIMSOLL_UNROLL
    for (int j = 0; j < 4; ++j) {
      const int column = 4 * (lane + i * kLanes) + j;
      if (column >= attention.value_size) continue;
      const float value = attention.zero_if_nan && !IsSum(total) ? 0 : sums[i][j] / total;
      Store(Element(to, column * attention.to[3], attention.destination_type), attention.destination_type, 1, &value);
    }
  }
}

}  // namespace plimsoll::device
