// Products of matrices and convolutions as such products, by tiles: a block takes kRows x kColumns of the result, brings
// kDepth steps of the inner axis at a time through shared memory, twice buffered, and each of its threads sums
// kThreadRows x kThreadColumns elements in registers. Where that needs fewer than kThreads threads, the block's parts
// share out each kDepth steps and add up at the end.
#pragma once

#include "compiler/codegen/cuda/device/post_ops.h"

namespace plimsoll::device {

// Whether the window holds an element: then `at` gets what it adds to the address.
template <typename Index>
PLIMSOLL_INLINE bool Inside(const Factor& factor, const int* starts, const int* inner, Index& at) {
  bool inside = true;
  PLIMSOLL_UNROLL
  for (int w = 0; w < kDims; ++w) {
    if (w >= factor.windows) continue;
    const Window& window = factor.window[w];
    int p = starts[w] + inner[window.inner_dim] * window.inner;
    if (window.divisor > 1) {
      const unsigned q = static_cast<unsigned>(p) / static_cast<unsigned>(window.divisor);
      inside &= p >= 0 && q * static_cast<unsigned>(window.divisor) == static_cast<unsigned>(p);
      p = p >= 0 ? static_cast<int>(q) : -1;
    }
    inside &= static_cast<unsigned>(p) < static_cast<unsigned>(window.limit);
    at += static_cast<Index>(p) * static_cast<Index>(window.stride);
  }
  return inside;
}
PLIMSOLL_INLINE void WindowStarts(const Factor& factor, const int* outer, int* starts) {
  PLIMSOLL_UNROLL
  for (int w = 0; w < kDims; ++w)
    if (w < factor.windows)
      starts[w] = outer[factor.window[w].outer_dim] * factor.window[w].outer + factor.window[w].constant;
}

// The zero point of an element, 0 where there is none.
template <typename Sum>
PLIMSOLL_INLINE Sum ZeroOf(const Factor& factor, const Axis& batch, const Axis& outer, const int* batch_at,
                           const int* outer_at, const Pointer* operands) {
  const int at = Address<int>(batch, batch_at, factor.zero_batch) + Address<int>(outer, outer_at, factor.zero_outer);
  return LoadOne<Sum>(Element(operands[factor.zero_operand], at, factor.type), factor.type);
}

// Brings one side's part of a tile: `kOuter` x `kDepth` elements, of which each thread takes kCount. What it keeps is in
// arrays alone: the description is handed to each function, so that its fields are constants before loops are unrolled.
template <typename Sum, typename Index, int kOuter, int kDepth, int kThreads>
struct Side {
  static constexpr int kCount = kOuter * kDepth / kThreads;
  static constexpr int kStride = kOuter + 16 / static_cast<int>(sizeof(Sum));  // of the tile in shared memory

  Index from[kCount];  // by group of neighbours that one access brings
  int starts[kCount][kDims];
  bool valid[kCount];
  Sum zeros[kCount];
  Sum staged[kCount];

  static PLIMSOLL_INLINE int Linear(const Factor& factor, int group) {
    return (group * kThreads + ThreadNumber()) * factor.width;
  }
  static PLIMSOLL_INLINE int OuterOf(const Factor& factor, int group) {
    return factor.inner_fast ? Linear(factor, group) / kDepth : Linear(factor, group) % kOuter;
  }
  static PLIMSOLL_INLINE int InnerOf(const Factor& factor, int group) {
    return factor.inner_fast ? Linear(factor, group) % kDepth : Linear(factor, group) / kOuter;
  }

  // `first`: where the tile begins along the outer axis.
  PLIMSOLL_INLINE void Start(const Factor& factor, const Axis& batch_axis, const Axis& outer_axis, const int* batch,
                             int first, const Pointer* operands) {
    PLIMSOLL_UNROLL
    for (int g = 0; g < kCount; ++g) {
      if (g >= kCount / factor.width) continue;
      const int number = first + OuterOf(factor, g);
      valid[g] = number < outer_axis.count;
      int position[kDims];
      Decode(outer_axis, valid[g] ? number : 0, position);
      from[g] = Address<Index>(outer_axis, position, factor.outer);
      WindowStarts(factor, position, starts[g]);
      if constexpr (!kFloating<Sum>) {
        if (factor.zero_operand == kNone) continue;
        PLIMSOLL_UNROLL
        for (int i = 0; i < kCount; ++i) {  // of neighbours along the outer axis each its own
          if (i >= factor.width) continue;
          if (i > 0 && !factor.inner_fast) Decode(outer_axis, valid[g] ? number + i : 0, position);
          zeros[g * factor.width + i] = ZeroOf<Sum>(factor, batch_axis, outer_axis, batch, position, operands);
        }
      }
    }
  }

  // Reads steps [step, step + kDepth) of the inner axis into registers; 0 where there is nothing. `base`: of the batch.
  PLIMSOLL_INLINE void Fetch(const Factor& factor, const Axis& inner_axis, Pointer base, int step) {
    PLIMSOLL_UNROLL
    for (int g = 0; g < kCount; ++g) {
      if (g >= kCount / factor.width) continue;
      Sum to[kCount];
      PLIMSOLL_UNROLL
      for (int i = 0; i < kCount; ++i) to[i] = 0;
      const int number = step + InnerOf(factor, g);
      if (valid[g] && number < inner_axis.count) {
        int position[kDims];
        Decode(inner_axis, number, position);
        Index at = from[g] + Address<Index>(inner_axis, position, factor.inner);
        if (Inside<Index>(factor, starts[g], position, at)) {
          Load(Element(base, at, factor.type), factor.type, factor.width, to);
          if constexpr (!kFloating<Sum>) {
            if (factor.zero_operand != kNone) {
              PLIMSOLL_UNROLL
              for (int i = 0; i < kCount; ++i)
                if (i < factor.width) to[i] -= zeros[g * factor.width + i];
            }
          }
        }
      }
      PLIMSOLL_UNROLL
      for (int i = 0; i < kCount; ++i)
        if (i < factor.width) staged[g * factor.width + i] = to[i];
    }
  }

  // tile[inner][outer], rows of kStride
  PLIMSOLL_INLINE void Put(const Factor& factor, PLIMSOLL_SHARED Sum* tile) const {
    constexpr int kWide = kCount >= 4 && sizeof(Sum) == 4 ? 4 : kCount >= 2 ? 2 : 1;
    typedef Sum Wide __attribute__((ext_vector_type(kWide)));
    PLIMSOLL_UNROLL
    for (int g = 0; g < kCount; ++g) {
      if (g >= kCount / factor.width) continue;
      PLIMSOLL_SHARED Sum* to = tile + InnerOf(factor, g) * kStride + OuterOf(factor, g);
      if (!factor.inner_fast && kWide > 1 && factor.width % kWide == 0) {
        PLIMSOLL_UNROLL
        for (int i = 0; i < kCount; i += kWide) {
          if (i >= factor.width) continue;
          Wide wide;
          PLIMSOLL_UNROLL
          for (int j = 0; j < kWide; ++j) wide[j] = staged[g * factor.width + i + j];
          *reinterpret_cast<PLIMSOLL_SHARED Wide*>(to + i) = wide;
        }
        continue;
      }
      PLIMSOLL_UNROLL
      for (int i = 0; i < kCount; ++i)
        if (i < factor.width) to[factor.inner_fast ? i * kStride : i] = staged[g * factor.width + i];
    }
  }
};

// kThreadRows values that a thread needs of one row of a tile: groups of at most four, `apart` elements from each other,
// so that the lanes of a warp read neighbouring groups.
template <typename Sum, int kCount, int kApart>
PLIMSOLL_INLINE void TakeRow(const PLIMSOLL_SHARED Sum* row, Sum* to) {
  constexpr int kGroup = kCount < 4 ? kCount : 4;
  constexpr int kWide = sizeof(Sum) == 8 ? 2 : kGroup;
  typedef Sum Wide __attribute__((ext_vector_type(kWide)));
  PLIMSOLL_UNROLL
  for (int g = 0; g < kCount / kGroup; ++g) {
    PLIMSOLL_UNROLL
    for (int i = 0; i < kGroup; i += kWide) {
      const Wide wide = *reinterpret_cast<const PLIMSOLL_SHARED Wide*>(row + g * kApart + i);
      PLIMSOLL_UNROLL
      for (int j = 0; j < kWide; ++j) to[g * kGroup + i + j] = wide[j];
    }
  }
}

template <typename Sum, typename Index, int kRows, int kColumns, int kDepth, int kThreadRows, int kThreadColumns>
PLIMSOLL_INLINE void TiledProduct(const Product& product, const Pointer* operands) {
  constexpr int kThreads = 256;
  constexpr int kAcross = kColumns / kThreadColumns, kDown = kRows / kThreadRows;
  constexpr int kParts = kThreads / (kAcross * kDown), kSteps = kDepth / kParts;
  constexpr int kGroup = 4, kColumnGroups = kThreadColumns / kGroup;
  using Left = Side<Sum, Index, kRows, kDepth, kThreads>;
  using Right = Side<Sum, Index, kColumns, kDepth, kThreads>;
  constexpr int kLeftSize = kDepth * Left::kStride, kBuffer = kLeftSize + kDepth * Right::kStride;
  constexpr int kSums = kParts > 1 ? kParts * kRows * kColumns : 0;
  static PLIMSOLL_SHARED Sum memory[2 * kBuffer > kSums ? 2 * kBuffer : kSums] __attribute__((aligned(16)));

  const int column_tiles = (product.columns.count + kColumns - 1) / kColumns;
  const int row_tiles = (product.rows.count + kRows - 1) / kRows;
  const unsigned block = static_cast<unsigned>(BlockNumber());
  const int first_column = static_cast<int>(block % static_cast<unsigned>(column_tiles)) * kColumns;
  const unsigned above = block / static_cast<unsigned>(column_tiles);
  const int first_row = static_cast<int>(above % static_cast<unsigned>(row_tiles)) * kRows;
  Place place;
  Decode(product.batch, static_cast<int>(above / static_cast<unsigned>(row_tiles)), place.batch);

  Left left;
  Right right;
  left.Start(product.left, product.batch, product.rows, place.batch, first_row, operands);
  right.Start(product.right, product.batch, product.columns, place.batch, first_column, operands);
  const Pointer left_base = Element(operands[product.left.operand],
                                    Address<Index>(product.batch, place.batch, product.left.batch), product.left.type);
  const Pointer right_base = Element(operands[product.right.operand],
                                     Address<Index>(product.batch, place.batch, product.right.batch), product.right.type);

  const int thread = ThreadNumber(), part = thread / (kAcross * kDown), here = thread % (kAcross * kDown);
  const int across = here % kAcross, down = here / kAcross;
  Sum sums[kThreadRows][kThreadColumns];
  PLIMSOLL_UNROLL
  for (int i = 0; i < kThreadRows; ++i)
    PLIMSOLL_UNROLL
    for (int j = 0; j < kThreadColumns; ++j) sums[i][j] = 0;

  left.Fetch(product.left, product.inner, left_base, 0);
  right.Fetch(product.right, product.inner, right_base, 0);
  left.Put(product.left, memory);
  right.Put(product.right, memory + kLeftSize);
  Barrier();
  int buffer = 0;
  _Pragma("clang loop unroll(disable)")
  for (int step = 0; step < product.inner.count; step += kDepth) {
    const bool more = step + kDepth < product.inner.count;
    if (more) {
      left.Fetch(product.left, product.inner, left_base, step + kDepth);
      right.Fetch(product.right, product.inner, right_base, step + kDepth);
    }
    const PLIMSOLL_SHARED Sum* tile = memory + buffer;
    PLIMSOLL_UNROLL
    for (int s = 0; s < kSteps; ++s) {
      const int k = part * kSteps + s;
      Sum a[kThreadRows], b[kThreadColumns];
      TakeRow<Sum, kThreadRows, kDown * kGroup>(tile + k * Left::kStride + down * kGroup, a);
      TakeRow<Sum, kThreadColumns, kAcross * kGroup>(tile + kLeftSize + k * Right::kStride + across * kGroup, b);
      PLIMSOLL_UNROLL
      for (int i = 0; i < kThreadRows; ++i)
        PLIMSOLL_UNROLL
        for (int j = 0; j < kThreadColumns; ++j) sums[i][j] += a[i] * b[j];
    }
    if (more) {
      buffer = kBuffer - buffer;
      left.Put(product.left, memory + buffer);
      right.Put(product.right, memory + buffer + kLeftSize);
      Barrier();
    }
  }

  if constexpr (kParts > 1) {
    // Each part adds up a share of the tile's rows.
    Barrier();
    PLIMSOLL_UNROLL
    for (int i = 0; i < kThreadRows; ++i)
      PLIMSOLL_UNROLL
      for (int j = 0; j < kThreadColumns; ++j) {
        const int row = i / kGroup * kDown * kGroup + down * kGroup + i % kGroup;
        const int column = j / kGroup * kAcross * kGroup + across * kGroup + j % kGroup;
        memory[(part * kRows + row) * kColumns + column] = sums[i][j];
      }
    Barrier();
  }
  constexpr int kOwnRows = kThreadRows / (kParts > 1 ? kParts : 1);
  const int width = product.epilogue.destination.width;
  PLIMSOLL_UNROLL
  for (int i = 0; i < kOwnRows; ++i) {
    const int own = kParts > 1 ? part * kOwnRows + i : i;
    const int local_row = own / kGroup * kDown * kGroup + down * kGroup + own % kGroup;
    const int row = first_row + local_row;
    if (row >= product.rows.count) continue;
    Decode(product.rows, row, place.row);
    PLIMSOLL_UNROLL
    for (int g = 0; g < kColumnGroups; ++g) {
      const int local_column = g * kAcross * kGroup + across * kGroup;
      Sum values[kGroup];
      PLIMSOLL_UNROLL
      for (int j = 0; j < kGroup; ++j) {
        if constexpr (kParts > 1) {
          values[j] = 0;
          PLIMSOLL_UNROLL
          for (int p = 0; p < kParts; ++p) values[j] += memory[(p * kRows + local_row) * kColumns + local_column + j];
        } else {
          values[j] = sums[i][g * kGroup + j];
        }
      }
      PLIMSOLL_UNROLL
      for (int j = 0; j < kGroup; ++j) {
        if (j % width != 0) continue;
        const int column = first_column + local_column + j;
        if (column >= product.columns.count) continue;
        Finish<Index>(product.epilogue, product.batch, product.rows, product.columns, place, column, width, operands,
                      values + j);
      }
    }
  }
}

}  // namespace plimsoll::device
