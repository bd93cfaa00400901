// The gradients of attention in f32, of operands of any type and strides.
#pragma once

#include "compiler/codegen/cuda/device/attention_gradient.h"

namespace plimsoll::device {

// Words of shared memory: the owned rows' two tiles, those walked over, weights and slopes, stats and D of queries.
template <int kTile, int kMostSize>
constexpr int kGradientWords = 4 * kTile * (kMostSize + 4) + 2 * kTile * (kTile + 1) + 2 * kTile;

// D of a query, by `kLanes` neighbouring lanes.
template <int kLanes>
PLIMSOLL_INLINE float AgreementOf(const GradientHead& head, int query, int lane) {
  float sum = 0;
  if (query < head.given.count) {
    _Pragma("clang loop unroll(disable)") for (int e = lane; e < head.given.size; e += kLanes) {
      auto element = [&](const HeadRows& rows) __attribute__((always_inline)) {
        return LoadOne<float>(Element(rows.base, query * rows.strides[2] + e * rows.strides[3], rows.type), rows.type);
      };
      sum += element(head.given) * element(head.result);
    }
  }
  PLIMSOLL_UNROLL
  for (int offset = kLanes / 2; offset > 0; offset /= 2) sum += Shuffle(sum, offset);
  return sum;
}

// An owned row times some of those walked over: `kScores` of every `kColumns`-th, from `column` on. Lanes that have the
// same ones share out the elements: this is lane `part` of `kShare`.
template <int kStride, int kScores, int kColumns, int kShare>
PLIMSOLL_INLINE void RowProducts(const PLIMSOLL_SHARED float* own, const PLIMSOLL_SHARED float* walked, int size,
                                 int column, int part, float* products) {
  typedef float Four __attribute__((ext_vector_type(4)));
  PLIMSOLL_UNROLL
  for (int j = 0; j < kScores; ++j) products[j] = 0;
  _Pragma("clang loop unroll_count(2)") for (int d = part; d < (size + 3) / 4; d += kShare) {
    const Four a = *reinterpret_cast<const PLIMSOLL_SHARED Four*>(own + 4 * d);
    PLIMSOLL_UNROLL
    for (int j = 0; j < kScores; ++j) {
      const Four b = *reinterpret_cast<const PLIMSOLL_SHARED Four*>(walked + (column + j * kColumns) * kStride + 4 * d);
      products[j] += a.x * b.x;
      products[j] += a.y * b.y;
      products[j] += a.z * b.z;
      products[j] += a.w * b.w;
    }
  }
  PLIMSOLL_UNROLL
  for (int offset = kColumns * kShare / 2; offset >= kColumns; offset /= 2) PLIMSOLL_UNROLL
  for (int j = 0; j < kScores; ++j) products[j] += Shuffle(products[j], offset);
}

// A thread's share of an owned row's sums, `factor` times, to its place.
template <int kLanes, int kSums, typename Four>
PLIMSOLL_INLINE void StoreRow(const AttentionGradient::Tensor& tensor, Pointer base, int row, int size, int lane,
                              float factor, const Four* sums) {
  PLIMSOLL_UNROLL
  for (int i = 0; i < kSums; ++i) PLIMSOLL_UNROLL
  for (int j = 0; j < 4; ++j) {
    const int column = 4 * (lane + i * kLanes) + j;
    if (column >= size) continue;
    const float value = factor * sums[i][j];
    Store(Element(base, row * tensor.strides[2] + column * tensor.strides[3], tensor.type), tensor.type, 1, &value);
  }
}

// A block owns kTile rows and walks over tiles of as many; 256 / kTile threads of a warp share a row. kTile * kMostSize
// is what shared memory has room for; where a row has more lanes than the tile has columns, four lanes share a product.
template <int kTile, int kMostSize, bool kByKeys>
PLIMSOLL_INLINE void TiledGradientBlock(const AttentionGradient& gradient, const Pointer* operands, unsigned block,
                                        PLIMSOLL_SHARED float* memory) {
  constexpr int kLanes = 256 / kTile, kStride = kMostSize + 4, kWords = kTile * kStride;
  constexpr int kShare = kLanes > kTile ? kLanes / kTile : 1, kColumns = kLanes / kShare, kScores = kTile / kColumns;
  constexpr int kSums = kMostSize / 4 / kLanes;
  typedef float Four __attribute__((ext_vector_type(4)));
  const Attention& attention = gradient.attention;
  const GradientPlace place = GradientPlaceOf<kByKeys>(gradient, block, kTile);
  PLIMSOLL_SHARED float *own_first = memory, *own_second = memory + kWords, *first = memory + 2 * kWords,
                        *second = memory + 3 * kWords, *weights = memory + 4 * kWords,
                        *slopes = weights + kTile * (kTile + 1), *stats = slopes + kTile * (kTile + 1),
                        *agreements = stats + kTile;
  const int row = ThreadNumber() / kLanes, lane = ThreadNumber() % kLanes, own = place.first + row;
  auto bring = [&](const HeadRows& rows, int from, PLIMSOLL_SHARED float* to) __attribute__((always_inline)) {
    BringRows<kTile, kStride>(rows.base, rows.type, rows.width, rows.strides, from, rows.count, rows.size, to);
  };
  const GradientHead owner = HeadOf(gradient, operands, place.batch, place.first_head);
  bring(kByKeys ? owner.k : owner.q, place.first, own_first);
  bring(kByKeys ? owner.v : owner.given, place.first, own_second);
  float own_stats = 0, own_agreement = 0;
  if (!kByKeys) {
    own_stats = LoadStats(attention, owner, own);
    own_agreement = AgreementOf<kLanes>(owner, own, lane);
  }
  Four first_sums[kSums], second_sums[kSums];
  PLIMSOLL_UNROLL
  for (int i = 0; i < kSums; ++i) first_sums[i] = second_sums[i] = 0;

  const int count = kByKeys ? attention.queries : attention.keys;
  _Pragma("clang loop unroll(disable)") for (int h = 0; h < place.heads; ++h) {
    const GradientHead head = HeadOf(gradient, operands, place.batch, place.first_head + h);
    _Pragma("clang loop unroll(disable)") for (int start = 0; start < count; start += kTile) {
      Barrier();
      bring(kByKeys ? head.q : head.k, start, first);
      bring(kByKeys ? head.given : head.v, start, second);
      if (kByKeys) {
        const float agreement = AgreementOf<kLanes>(head, start + row, lane);
        if (lane == 0) {
          agreements[row] = agreement;
          stats[row] = LoadStats(attention, head, start + row);
        }
      }
      Barrier();
      float products[kScores], by_weights[kScores];
      const int column = lane % kColumns;
      RowProducts<kStride, kScores, kColumns, kShare>(own_first + row * kStride, first, attention.size, column,
                                                      lane / kColumns, products);
      RowProducts<kStride, kScores, kColumns, kShare>(own_second + row * kStride, second, attention.value_size, column,
                                                      lane / kColumns, by_weights);
      PLIMSOLL_UNROLL
      for (int j = 0; j < kScores; ++j) {
        const int at = column + j * kColumns, query = kByKeys ? start + at : own, key = kByKeys ? own : start + at;
        const bool there = query < attention.queries && key < attention.keys;
        float score = products[j] * attention.scale;
        if (attention.mask != kNone && there)
          score += LoadOne<float>(MaskOf(attention, head.place, query, key), attention.mask_type);
        float weight = Exp(score - (kByKeys ? stats[at] : own_stats)), slope = by_weights[j];
        WeightAndSlope(attention, there, kByKeys ? agreements[at] : own_agreement, weight, slope);
        if (kByKeys) weights[row * (kTile + 1) + at] = weight;
        slopes[row * (kTile + 1) + at] = slope;
      }
      Barrier();
      _Pragma("clang loop unroll_count(4)") for (int at = 0; at < kTile; ++at) {
        const float weight = kByKeys ? weights[row * (kTile + 1) + at] : 0, slope = slopes[row * (kTile + 1) + at];
        PLIMSOLL_UNROLL
        for (int i = 0; i < kSums; ++i) {
          auto four = [&](const PLIMSOLL_SHARED float* tile) __attribute__((always_inline)) {
            return *reinterpret_cast<const PLIMSOLL_SHARED Four*>(tile + at * kStride + 4 * (lane + i * kLanes));
          };
          if (4 * i * kLanes < attention.size) first_sums[i] += slope * four(first);
          if (kByKeys && 4 * i * kLanes < attention.value_size) second_sums[i] += weight * four(second);
        }
      }
    }
  }
  if (own >= (kByKeys ? attention.keys : attention.queries)) return;
  const int of = kByKeys ? place.first_head / (attention.heads / attention.groups) : place.first_head;
  auto store = [&](const AttentionGradient::Tensor& tensor, int size, float factor,
                   const Four* sums) __attribute__((always_inline)) {
    const Pointer base =
        Element(operands[tensor.operand], place.batch * tensor.strides[0] + of * tensor.strides[1], tensor.type);
    StoreRow<kLanes, kSums>(tensor, base, own, size, lane, factor, sums);
  };
  store(kByKeys ? gradient.k : gradient.q, attention.size, attention.scale, first_sums);
  if (kByKeys) store(gradient.v, attention.value_size, 1, second_sums);
}

template <int kTile, int kMostSize>
PLIMSOLL_INLINE void TiledAttentionGradient(const AttentionGradient& gradient, const Pointer* operands) {
  static PLIMSOLL_SHARED float memory[kGradientWords<kTile, kMostSize>] __attribute__((aligned(16)));
  if (BlockNumber() < gradient.key_blocks)
    TiledGradientBlock<kTile, kMostSize, true>(gradient, operands, BlockNumber(), memory);
  else
    TiledGradientBlock<kTile, kMostSize, false>(gradient, operands, BlockNumber() - gradient.key_blocks, memory);
}

}  // namespace plimsoll::device
