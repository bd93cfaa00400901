// Attention of few queries (a decoder's step). A block takes up to kRows of the rows that read the same keys and
// values: the queries of the heads that share them. It reads each key and value once; its warps share out the keys. As
// many lanes share a key as its elements fill accesses of up to 16 bytes, the others take the next keys; each group of
// lanes keeps its own largest scores and sums, which are joined at the end. Where rows are few and keys are many, a
// block takes a part of the keys alone, and what it finds is one of the batches of a larger result (Dao et al.,
// "Flash-Decoding for long-context inference", 2023).
#pragma once

#include "compiler/codegen/cuda/device/attention.h"

namespace plimsoll::device {

// Which rows and keys a block has.
struct RowsOfBlock {
  int part, batch, group, first, rows;  // rows: of the group
  int key, end;                         // keys [key, end)

  PLIMSOLL_INLINE int Head(const Attention& attention, int row) const {
    return group * (attention.heads / attention.groups) + Number(row) / attention.queries;
  }
  PLIMSOLL_INLINE int Query(const Attention& attention, int row) const { return Number(row) % attention.queries; }
  PLIMSOLL_INLINE bool Has(int row) const { return first + row < rows; }

 private:
  // One that there is, of the others too.
  PLIMSOLL_INLINE int Number(int row) const { return Has(row) ? first + row : rows - 1; }
};
template <int kRows>
PLIMSOLL_INLINE RowsOfBlock PlaceOfRows(const Attention& attention) {
  RowsOfBlock place;
  place.rows = attention.heads / attention.groups * attention.queries;
  const unsigned tiles = static_cast<unsigned>((place.rows + kRows - 1) / kRows);
  const unsigned groups = static_cast<unsigned>(attention.groups), batches = static_cast<unsigned>(attention.batch);
  unsigned block = static_cast<unsigned>(BlockNumber());
  place.first = static_cast<int>(block % tiles) * kRows;
  block /= tiles;
  place.group = static_cast<int>(block % groups);
  block /= groups;
  place.batch = static_cast<int>(block % batches);
  place.part = static_cast<int>(block / batches);
  place.key = place.part * attention.keys_of_part;
  place.end = attention.keys - place.key < attention.keys_of_part ? attention.keys : place.key + attention.keys_of_part;
  return place;
}

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
PLIMSOLL_INLINE void LoadShare(const Attention& attention, Pointer base, int type, const long long* strides, bool there,
                               int key, int size, int lane, float* to) {
  const int width = attention.row_width;
  PLIMSOLL_UNROLL
  for (int chunk = 0; chunk < attention.row_chunks; ++chunk) {
    const int first = (chunk * attention.row_lanes + lane) * width;
    PLIMSOLL_UNROLL
    for (int i = 0; i < width; ++i) to[chunk * width + i] = 0;
    if (first < size && there)
      Load(Element(base, key * strides[2] + first * strides[3], type), type, width, to + chunk * width);
  }
}

template <int kRows>
PLIMSOLL_INLINE void RowAttention(const Attention& attention, const Pointer* operands) {
  constexpr int kWarps = 8, kMostSize = 256, kEach = kMostSize / 32, kKeys = kRows == 1 ? 4 : 2,
                kRecord = kMostSize + 2;
  static PLIMSOLL_SHARED float all[kRows * kWarps * kRecord];
  const RowsOfBlock place = PlaceOfRows<kRows>(attention);
  const int size = attention.size, value_size = attention.value_size;
  const int warp = ThreadNumber() / 32, lane = ThreadNumber() % 32;
  const int lanes = attention.row_lanes, width = attention.row_width, each = attention.row_chunks * width;
  const int group = lane / lanes, groups = 32 / lanes, own = lane % lanes;
  auto base = [&](int operand, int type, const long long* strides, int batch, int of) __attribute__((always_inline)) {
    return Element(operands[operand], batch * strides[0] + of * strides[1], type);
  };
  const Pointer key_base = base(1, attention.k_type, attention.k, place.batch, place.group);
  const Pointer value_base = base(2, attention.v_type, attention.v, place.batch, place.group);
  float q[kRows][kEach];
  Pointer mask[kRows];
  PartOfRow<kEach> parts[kRows];
  PLIMSOLL_UNROLL
  for (int r = 0; r < kRows; ++r) {
    const int head = place.Head(attention, r), query = place.Query(attention, r);
    const Pointer from = base(0, attention.q_type, attention.q, place.batch, head);
    PLIMSOLL_UNROLL
    for (int i = 0; i < each; ++i) {
      const int d = (i / width * lanes + own) * width + i % width;
      q[r][i] = 0;
      if (d < size)
        q[r][i] = LoadOne<float>(Element(from, query * attention.q[2] + d * attention.q[3], attention.q_type),
                                 attention.q_type);
    }
    mask[r] = nullptr;
    if (attention.mask != kNone)
      mask[r] = Element(base(attention.mask, attention.mask_type, attention.mask_strides, place.batch, head),
                        query * attention.mask_strides[2], attention.mask_type);
    parts[r].largest = -__builtin_inff();
    parts[r].total = 0;
    PLIMSOLL_UNROLL
    for (int i = 0; i < kEach; ++i) parts[r].sums[i] = 0;
  }
  const int step = groups * kKeys;
  _Pragma("clang loop unroll(disable)") for (int start = place.key + warp * step; start < place.end;
                                             start += kWarps * step) {
    float keys[kKeys][kEach], values[kKeys][kEach];
    PLIMSOLL_UNROLL
    for (int j = 0; j < kKeys; ++j) {
      const int key = start + j * groups + group;
      LoadShare(attention, key_base, attention.k_type, attention.k, key < place.end, key, size, own, keys[j]);
      LoadShare(attention, value_base, attention.v_type, attention.v, key < place.end, key, value_size, own, values[j]);
    }
    PLIMSOLL_UNROLL
    for (int r = 0; r < kRows; ++r) {
      float scores[kKeys], most = parts[r].largest;
      PLIMSOLL_UNROLL
      for (int j = 0; j < kKeys; ++j) {
        const int key = start + j * groups + group;
        scores[j] = 0;
        PLIMSOLL_UNROLL
        for (int i = 0; i < each; ++i) scores[j] += q[r][i] * keys[j][i];
        PLIMSOLL_UNROLL
        for (int offset = lanes / 2; offset > 0; offset /= 2) scores[j] += Shuffle(scores[j], offset);
        scores[j] *= attention.scale;
        if (key >= place.end)
          scores[j] = -__builtin_inff();
        else if (attention.mask != kNone)
          scores[j] += LoadOne<float>(Element(mask[r], key * attention.mask_strides[3], attention.mask_type),
                                      attention.mask_type);
        most = scores[j] > most ? scores[j] : most;
      }
      parts[r].RaiseTo(most);
      PLIMSOLL_UNROLL
      for (int j = 0; j < kKeys; ++j) {
        const float weight = Exp(scores[j] - (most == -__builtin_inff() ? 0 : most));
        parts[r].total += weight;
        PLIMSOLL_UNROLL
        for (int i = 0; i < each; ++i) parts[r].sums[i] += weight * values[j][i];
      }
    }
  }

  PLIMSOLL_UNROLL
  for (int r = 0; r < kRows; ++r) {
    PartOfRow<kEach>& part = parts[r];
    PLIMSOLL_UNROLL
    for (int offset = 16; offset >= lanes; offset /= 2) {
      const float other = Shuffle(part.largest, offset);
      part.RaiseTo(other > part.largest ? other : part.largest);
      part.total += Shuffle(part.total, offset);
      PLIMSOLL_UNROLL
      for (int i = 0; i < each; ++i) part.sums[i] += Shuffle(part.sums[i], offset);
    }
    PLIMSOLL_SHARED float* mine = all + (r * kWarps + warp) * kRecord;
    if (group == 0) {
      PLIMSOLL_UNROLL
      for (int i = 0; i < each; ++i) mine[(i / width * lanes + own) * width + i % width] = part.sums[i];
    }
    if (lane == 0) {
      mine[kMostSize] = part.largest;
      mine[kMostSize + 1] = part.total;
    }
  }
  Barrier();
  PLIMSOLL_UNROLL
  for (int r = 0; r < kRows; ++r) {
    if (!place.Has(r)) continue;
    const PLIMSOLL_SHARED float* of_row = all + r * kWarps * kRecord;
    float most = -__builtin_inff(), whole = 0;
    PLIMSOLL_UNROLL
    for (int w = 0; w < kWarps; ++w) {
      const float other = of_row[w * kRecord + kMostSize];
      most = other > most ? other : most;
    }
    float shares[kWarps];
    PLIMSOLL_UNROLL
    for (int w = 0; w < kWarps; ++w) {
      shares[w] = Exp(of_row[w * kRecord + kMostSize] - (most == -__builtin_inff() ? 0 : most));
      whole += shares[w] * of_row[w * kRecord + kMostSize + 1];
    }
    const int head = place.Head(attention, r), query = place.Query(attention, r);
    const int batch = place.part * attention.batch + place.batch;
    if (attention.stats != kNone && ThreadNumber() == 0)
      StoreStats(attention, base(attention.stats, kF32, attention.stats_strides, batch, head), query, most, whole);
    const Pointer to = Element(base(attention.destination, attention.destination_type, attention.to, batch, head),
                               query * attention.to[2], attention.destination_type);
    for (int column = ThreadNumber(); column < value_size; column += 256) {
      float sum = 0;
      PLIMSOLL_UNROLL
      for (int w = 0; w < kWarps; ++w) sum += shares[w] * of_row[w * kRecord + column];
      const float value = attention.zero_if_nan && !IsSum(whole) ? 0 : sum / whole;
      Store(Element(to, column * attention.to[3], attention.destination_type), attention.destination_type, 1, &value);
    }
  }
}

}  // namespace plimsoll::device
