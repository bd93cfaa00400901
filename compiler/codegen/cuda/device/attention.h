// softmax(scale q k^T + mask) v in one pass over the keys: the softmax's largest score and sum so far are kept for each
// query, and what was summed is scaled when the largest changes (Milakov and Gimelshein, "Online normalizer calculation
// for softmax", arXiv:1805.02867; Dao et al., "FlashAttention", arXiv:2205.14135). Sums are f32.
#pragma once

#include "compiler/codegen/cuda/device/post_ops.h"

namespace plimsoll::device {

PLIMSOLL_INLINE Pointer AttentionBase(int operand, int type, const long long* strides, int batch, int head,
                                      const Pointer* operands) {
  return Element(operands[operand], batch * strides[0] + head * strides[1], type);
}
PLIMSOLL_INLINE float MaskAt(const Attention& attention, int batch, int head, int query, int key,
                             const Pointer* operands) {
  const long long* s = attention.mask_strides;
  return LoadOne<float>(
      Element(operands[attention.mask], batch * s[0] + head * s[1] + query * s[2] + key * s[3], attention.mask_type),
      attention.mask_type);
}
// Whether a row's sum of exponentials is one to divide by: it is 0 where all scores are -infinity, NaN where one is
// NaN.
PLIMSOLL_INLINE bool IsSum(float sum) { return sum > 0; }

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
  const unsigned tiles = static_cast<unsigned>((attention.queries + kTile - 1) / kTile);
  const unsigned block = static_cast<unsigned>(BlockNumber()), heads = static_cast<unsigned>(attention.heads);
  const int first = static_cast<int>(block % tiles) * kTile, head = static_cast<int>(block / tiles % heads),
            batch = static_cast<int>(block / tiles / heads),
            group = static_cast<int>(static_cast<unsigned>(head) * static_cast<unsigned>(attention.groups) / heads);
  const int row = ThreadNumber() / kLanes, lane = ThreadNumber() % kLanes, query = first + row;
  const Pointer q = AttentionBase(0, attention.q_type, attention.q, batch, head, operands),
                k = AttentionBase(1, attention.k_type, attention.k, batch, group, operands),
                v = AttentionBase(2, attention.v_type, attention.v, batch, group, operands);
  const int fours = (attention.size + 3) / 4, value_fours = (attention.value_size + 3) / 4;
  BringRows<kTile, kStride>(q, attention.q_type, attention.q_width, attention.q, first, attention.queries,
                            attention.size, queries);

  float largest = -__builtin_inff(), total = 0;
  Four sums[kSums];
  PLIMSOLL_UNROLL
  for (int i = 0; i < kSums; ++i) sums[i] = 0;
  _Pragma("clang loop unroll(disable)") for (int start = 0; start < attention.keys; start += kTile) {
    Barrier();
    BringRows<kTile, kStride>(k, attention.k_type, attention.k_width, attention.k, start, attention.keys,
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
        scores[j] += MaskAt(attention, batch, head, query, key, operands);
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
    BringRows<kTile, kStride>(v, attention.v_type, attention.v_width, attention.v, start, attention.keys,
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
  const Pointer to =
      Element(AttentionBase(attention.destination, attention.destination_type, attention.to, batch, head, operands),
              query * attention.to[2], attention.destination_type);
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

// Few queries: a block takes one, its warps share out the keys, lanes the elements; the warps' results are joined at
// the end.
template <int kMostSize>
PLIMSOLL_INLINE void RowAttention(const Attention& attention, const Pointer* operands) {
  constexpr int kWarpsOfBlock = 8, kEach = kMostSize / 32, kKeys = 4;
  static PLIMSOLL_SHARED float all[kWarpsOfBlock * (kMostSize + 2)];
  const unsigned block = static_cast<unsigned>(BlockNumber()), heads = static_cast<unsigned>(attention.heads),
                 queries = static_cast<unsigned>(attention.queries);
  const int query = static_cast<int>(block % queries), head = static_cast<int>(block / queries % heads),
            batch = static_cast<int>(block / queries / heads),
            group = static_cast<int>(static_cast<unsigned>(head) * static_cast<unsigned>(attention.groups) / heads);
  const int warp = ThreadNumber() / 32, lane = ThreadNumber() % 32;
  const Pointer q = AttentionBase(0, attention.q_type, attention.q, batch, head, operands),
                k = AttentionBase(1, attention.k_type, attention.k, batch, group, operands),
                v = AttentionBase(2, attention.v_type, attention.v, batch, group, operands);
  const int size = attention.size, value_size = attention.value_size;
  float own[kEach];
  PLIMSOLL_UNROLL
  for (int i = 0; i < kEach; ++i) {
    const int d = lane + 32 * i;
    own[i] = d < size ? LoadOne<float>(Element(q, query * attention.q[2] + d * attention.q[3], attention.q_type),
                                       attention.q_type)
                      : 0;
  }
  float largest = -__builtin_inff(), total = 0, sums[kEach];
  PLIMSOLL_UNROLL
  for (int i = 0; i < kEach; ++i) sums[i] = 0;
  _Pragma("clang loop unroll(disable)") for (int start = warp * kKeys; start < attention.keys;
                                             start += kWarpsOfBlock * kKeys) {
    float scores[kKeys];
    PLIMSOLL_UNROLL
    for (int j = 0; j < kKeys; ++j) {
      scores[j] = 0;
      PLIMSOLL_UNROLL
      for (int i = 0; i < kEach; ++i) {
        const int d = lane + 32 * i;
        if (32 * i < size && d < size && start + j < attention.keys)
          scores[j] +=
              own[i] * LoadOne<float>(Element(k, (start + j) * attention.k[2] + d * attention.k[3], attention.k_type),
                                      attention.k_type);
      }
    }
    float most = largest;
    PLIMSOLL_UNROLL
    for (int j = 0; j < kKeys; ++j) {
      PLIMSOLL_UNROLL
      for (int offset = 16; offset > 0; offset /= 2) scores[j] += Shuffle(scores[j], offset);
      scores[j] *= attention.scale;
      if (start + j >= attention.keys)
        scores[j] = -__builtin_inff();
      else if (attention.mask != kNone)
        scores[j] += MaskAt(attention, batch, head, query, start + j, operands);
      most = scores[j] > most ? scores[j] : most;
    }
    const float base = most == -__builtin_inff() ? 0 : most;
    const float shrink = Exp(largest - base);
    largest = most;
    total *= shrink;
    PLIMSOLL_UNROLL
    for (int i = 0; i < kEach; ++i) sums[i] *= shrink;
    PLIMSOLL_UNROLL
    for (int j = 0; j < kKeys; ++j) {
      const float weight = Exp(scores[j] - base);
      total += weight;
      PLIMSOLL_UNROLL
      for (int i = 0; i < kEach; ++i) {
        const int d = lane + 32 * i;
        if (32 * i < value_size && d < value_size && start + j < attention.keys)
          sums[i] +=
              weight * LoadOne<float>(Element(v, (start + j) * attention.v[2] + d * attention.v[3], attention.v_type),
                                      attention.v_type);
      }
    }
  }
  PLIMSOLL_SHARED float* mine = all + warp * (kMostSize + 2);
  PLIMSOLL_UNROLL
  for (int i = 0; i < kEach; ++i) mine[lane + 32 * i] = sums[i];
  if (lane == 0) {
    mine[kMostSize] = largest;
    mine[kMostSize + 1] = total;
  }
  Barrier();
  float most = -__builtin_inff(), whole = 0;
  PLIMSOLL_UNROLL
  for (int w = 0; w < kWarpsOfBlock; ++w) {
    const float other = all[w * (kMostSize + 2) + kMostSize];
    most = other > most ? other : most;
  }
  const float base = most == -__builtin_inff() ? 0 : most;
  float shares[kWarpsOfBlock];
  PLIMSOLL_UNROLL
  for (int w = 0; w < kWarpsOfBlock; ++w) {
    shares[w] = Exp(all[w * (kMostSize + 2) + kMostSize] - base);
    whole += shares[w] * all[w * (kMostSize + 2) + kMostSize + 1];
  }
  const Pointer to =
      Element(AttentionBase(attention.destination, attention.destination_type, attention.to, batch, head, operands),
              query * attention.to[2], attention.destination_type);
  for (int column = ThreadNumber(); column < value_size; column += 256) {
    float sum = 0;
    PLIMSOLL_UNROLL
    for (int w = 0; w < kWarpsOfBlock; ++w) sum += shares[w] * all[w * (kMostSize + 2) + column];
    const float value = attention.zero_if_nan && !IsSum(whole) ? 0 : sum / whole;
    Store(Element(to, column * attention.to[3], attention.destination_type), attention.destination_type, 1, &value);
  }
}

}  // namespace plimsoll::device
