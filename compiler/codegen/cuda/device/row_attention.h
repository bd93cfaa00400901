// Attention of few queries (a decoder's step), which reads each key and value once: a block takes one query, its warps
// share out the keys. As many lanes share a key as its elements fill accesses of up to 16 bytes, the others take the
// next keys; each group of lanes keeps its own largest score and sums, which are joined at the end.
#pragma once

#include "compiler/codegen/cuda/device/attention.h"

namespace plimsoll::device {

// The largest score so far, the sum of exponentials and the sums of values, of some of the keys.
template <int kEach>
struct PartOfRow {
  float largest, total, sums[kEach];

  // What was summed, as it is with another largest score.
  PLIMSOLL_INLINE void RaiseTo(float most) {
    // While all is -infinity so far, exponentials of differences to 0 are 0 as they should be.
    const float shrink = Exp(largest - (most == -__builtin_inff() ? 0 : most));
    largest = most;
    total *= shrink;
    PLIMSOLL_UNROLL
    for (int i = 0; i < kEach; ++i) sums[i] *= shrink;
  }
};

// The elements of a key or value that lane `lane` of those that share it has: `row_chunks` times `row_width`
// neighbours; 0 where there are none.
PLIMSOLL_INLINE void LoadShare(const Attention& attention, Pointer base, int type, const long long* strides, int key,
                               int size, int lane, float* to) {
  const int width = attention.row_width;
  PLIMSOLL_UNROLL
  for (int chunk = 0; chunk < attention.row_chunks; ++chunk) {
    const int first = (chunk * attention.row_lanes + lane) * width;
    PLIMSOLL_UNROLL
    for (int i = 0; i < width; ++i) to[chunk * width + i] = 0;
    if (first < size && key < attention.keys)
      Load(Element(base, key * strides[2] + first * strides[3], type), type, width, to + chunk * width);
  }
}

PLIMSOLL_INLINE void RowAttention(const Attention& attention, const Pointer* operands) {
  constexpr int kWarps = 8, kMostSize = 256, kEach = kMostSize / 32, kKeys = 4;
  static PLIMSOLL_SHARED float all[kWarps * (kMostSize + 2)];
  const AttentionPlace place = PlaceOfBlock(attention, 1, operands);
  const int query = place.tile, size = attention.size, value_size = attention.value_size;
  const int warp = ThreadNumber() / 32, lane = ThreadNumber() % 32;
  const int lanes = attention.row_lanes, width = attention.row_width, each = attention.row_chunks * width;
  const int group = lane / lanes, groups = 32 / lanes, own = lane % lanes;
  float q[kEach];
  PLIMSOLL_UNROLL
  for (int i = 0; i < each; ++i) {
    const int d = (i / width * lanes + own) * width + i % width;
    q[i] = 0;
    if (d < size)
      q[i] = LoadOne<float>(Element(place.q, query * attention.q[2] + d * attention.q[3], attention.q_type),
                            attention.q_type);
  }
  PartOfRow<kEach> part;
  part.largest = -__builtin_inff();
  part.total = 0;
  PLIMSOLL_UNROLL
  for (int i = 0; i < kEach; ++i) part.sums[i] = 0;
  const int step = groups * kKeys;
  _Pragma("clang loop unroll(disable)") for (int start = warp * step; start < attention.keys; start += kWarps * step) {
    float keys[kKeys][kEach], values[kKeys][kEach], scores[kKeys], most = part.largest;
    PLIMSOLL_UNROLL
    for (int j = 0; j < kKeys; ++j) {
      const int key = start + j * groups + group;
      LoadShare(attention, place.k, attention.k_type, attention.k, key, size, own, keys[j]);
      LoadShare(attention, place.v, attention.v_type, attention.v, key, value_size, own, values[j]);
    }
    PLIMSOLL_UNROLL
    for (int j = 0; j < kKeys; ++j) {
      const int key = start + j * groups + group;
      scores[j] = 0;
      PLIMSOLL_UNROLL
      for (int i = 0; i < each; ++i) scores[j] += q[i] * keys[j][i];
      PLIMSOLL_UNROLL
      for (int offset = lanes / 2; offset > 0; offset /= 2) scores[j] += Shuffle(scores[j], offset);
      scores[j] *= attention.scale;
      if (key >= attention.keys)
        scores[j] = -__builtin_inff();
      else if (attention.mask != kNone)
        scores[j] += LoadOne<float>(MaskOf(attention, place, query, key), attention.mask_type);
      most = scores[j] > most ? scores[j] : most;
    }
    part.RaiseTo(most);
    PLIMSOLL_UNROLL
    for (int j = 0; j < kKeys; ++j) {
      const float weight = Exp(scores[j] - (most == -__builtin_inff() ? 0 : most));
      part.total += weight;
      PLIMSOLL_UNROLL
      for (int i = 0; i < each; ++i) part.sums[i] += weight * values[j][i];
    }
  }

  PLIMSOLL_UNROLL
  for (int offset = 16; offset >= lanes; offset /= 2) {
    const float other = Shuffle(part.largest, offset);
    part.RaiseTo(other > part.largest ? other : part.largest);
    part.total += Shuffle(part.total, offset);
    PLIMSOLL_UNROLL
    for (int i = 0; i < each; ++i) part.sums[i] += Shuffle(part.sums[i], offset);
  }
  PLIMSOLL_SHARED float* mine = all + warp * (kMostSize + 2);
  if (group == 0) {
    PLIMSOLL_UNROLL
    for (int i = 0; i < each; ++i) mine[(i / width * lanes + own) * width + i % width] = part.sums[i];
  }
  if (lane == 0) {
    mine[kMostSize] = part.largest;
    mine[kMostSize + 1] = part.total;
  }
  Barrier();
  float most = -__builtin_inff(), whole = 0;
  PLIMSOLL_UNROLL
  for (int w = 0; w < kWarps; ++w) {
    const float other = all[w * (kMostSize + 2) + kMostSize];
    most = other > most ? other : most;
  }
  const float base = most == -__builtin_inff() ? 0 : most;
  float shares[kWarps];
  PLIMSOLL_UNROLL
  for (int w = 0; w < kWarps; ++w) {
    shares[w] = Exp(all[w * (kMostSize + 2) + kMostSize] - base);
    whole += shares[w] * all[w * (kMostSize + 2) + kMostSize + 1];
  }
  if (attention.stats != kNone && ThreadNumber() == 0) StoreStats(attention, place, query, most, whole);
  const Pointer to = Element(place.to, query * attention.to[2], attention.destination_type);
  for (int column = ThreadNumber(); column < value_size; column += 256) {
    float sum = 0;
    PLIMSOLL_UNROLL
    for (int w = 0; w < kWarps; ++w) sum += shares[w] * all[w * (kMostSize + 2) + column];
    const float value = attention.zero_if_nan && !IsSum(whole) ? 0 : sum / whole;
    Store(Element(to, column * attention.to[3], attention.destination_type), attention.destination_type, 1, &value);
  }
}

}  // namespace plimsoll::device
