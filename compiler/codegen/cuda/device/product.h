// Products of matrices and convolutions as such products, by tiles: a block takes kRows x kColumns of the result,
// brings kDepth steps of the inner axis at a time through shared memory, twice buffered, and each of its threads sums
// kThreadRows x kThreadColumns elements in registers. Where that needs fewer than kThreads threads, the block's parts
// share out each kDepth steps and add up at the end.
#pragma once

#include "compiler/codegen/cuda/device/post_ops.h"
#include "compiler/codegen/cuda/device/window.h"

namespace plimsoll::device {

// Which elements of a tile of kOuter x kDepth a thread brings: groups of neighbours, along the faster axis first.
template <int kOuter, int kDepth, int kThreads>
struct TileShare {
  static PLIMSOLL_INLINE int Linear(const Factor& factor, int group) {
    return (group * kThreads + ThreadNumber()) * factor.width;
  }
  static PLIMSOLL_INLINE int OuterOf(const Factor& factor, int group) {
    return factor.inner_fast ? Linear(factor, group) / kDepth : Linear(factor, group) % kOuter;
  }
  static PLIMSOLL_INLINE int InnerOf(const Factor& factor, int group) {
    return factor.inner_fast ? Linear(factor, group) % kDepth : Linear(factor, group) / kOuter;
  }
};

// Brings one side's part of a tile: `kOuter` x `kDepth` elements, of which each thread takes kCount. What it keeps is
// in arrays alone: the description is handed to each function, so that its fields are constants before loops are
// unrolled.
template <typename Sum, typename Index, int kOuter, int kDepth, int kThreads>
struct Side : TileShare<kOuter, kDepth, kThreads> {
  using Share = TileShare<kOuter, kDepth, kThreads>;
  using Share::InnerOf;
  using Share::OuterOf;
  static constexpr int kCount = kOuter * kDepth / kThreads;
  static constexpr int kStride = kOuter + 16 / static_cast<int>(sizeof(Sum));  // of the tile in shared memory

  Index from[kCount];  // by group of neighbours that one access brings
  int starts[kCount][kDims];
  bool valid[kCount];
  Sum zeros[kCount];
  Sum staged[kCount];

  // `first`: where the tile begins along the outer axis.
  PLIMSOLL_INLINE void Start(const Factor& factor, const Axis& batch_axis, const Axis& outer_axis, const int* batch,
                             int first, const Pointer* operands) {
    PLIMSOLL_UNROLL
    for (int g = 0; g < kCount / factor.width; ++g) {
      const int number = first + OuterOf(factor, g);
      valid[g] = number < outer_axis.count;
      int position[kDims];
      Decode(outer_axis, valid[g] ? number : 0, position);
      from[g] = Address<Index>(outer_axis, position, factor.outer);
      WindowStarts(factor.windows, factor.window, position, starts[g]);
      if constexpr (!kFloating<Sum>) {
        if (factor.zero_operand == kNone) continue;
        PLIMSOLL_UNROLL
        for (int i = 0; i < factor.width; ++i) {  // of neighbours along the outer axis each its own
          if (i > 0 && !factor.inner_fast) Decode(outer_axis, valid[g] ? number + i : 0, position);
          zeros[g * factor.width + i] = ZeroOf<Sum>(factor, batch_axis, outer_axis, batch, position, operands);
        }
      }
    }
  }

  // Reads steps [step, step + kDepth) of the inner axis into registers; 0 where there is nothing. `base`: of the batch.
  PLIMSOLL_INLINE void Fetch(const Factor& factor, const Axis& inner_axis, Pointer base, int step) {
    PLIMSOLL_UNROLL
    for (int g = 0; g < kCount / factor.width; ++g) {
      Sum to[kCount];
      PLIMSOLL_UNROLL
      for (int i = 0; i < kCount; ++i) to[i] = 0;
      const int number = step + InnerOf(factor, g);
      if (valid[g] && number < inner_axis.count) {
        int position[kDims];
        Decode(inner_axis, number, position);
        Index at = from[g] + Address<Index>(inner_axis, position, factor.inner);
        if (Inside<Index>(factor.windows, factor.window, starts[g], position, at)) {
          Load(Element(base, at, factor.type), factor.type, factor.width, to);
          if constexpr (!kFloating<Sum>) {
            if (factor.zero_operand != kNone) {
              PLIMSOLL_UNROLL
              for (int i = 0; i < factor.width; ++i) to[i] -= zeros[g * factor.width + i];
            }
          }
        }
      }
      PLIMSOLL_UNROLL
      for (int i = 0; i < factor.width; ++i) staged[g * factor.width + i] = to[i];
    }
  }

  // tile[inner][outer], rows of kStride
  PLIMSOLL_INLINE void Put(const Factor& factor, PLIMSOLL_SHARED Sum* tile) const {
    constexpr int kWide = kCount >= 4 && sizeof(Sum) == 4 ? 4 : kCount >= 2 ? 2 : 1;
    typedef Sum Wide __attribute__((ext_vector_type(kWide)));
    PLIMSOLL_UNROLL
    for (int g = 0; g < kCount / factor.width; ++g) {
      PLIMSOLL_SHARED Sum* to = tile + InnerOf(factor, g) * kStride + OuterOf(factor, g);
      if (!factor.inner_fast && kWide > 1 && factor.width % kWide == 0) {
        PLIMSOLL_UNROLL
        for (int i = 0; i < factor.width; i += kWide) {
          Wide wide;
          PLIMSOLL_UNROLL
          for (int j = 0; j < kWide; ++j) wide[j] = staged[g * factor.width + i + j];
          *reinterpret_cast<PLIMSOLL_SHARED Wide*>(to + i) = wide;
        }
        continue;
      }
      PLIMSOLL_UNROLL
      for (int i = 0; i < factor.width; ++i) to[factor.inner_fast ? i * kStride : i] = staged[g * factor.width + i];
    }
  }
};

// kThreadRows values that a thread needs of one row of a tile: groups of at most four, `apart` elements from each
// other, so that the lanes of a warp read neighbouring groups.
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
  constexpr int kGroup = 4;
  using Left = Side<Sum, Index, kRows, kDepth, kThreads>;
  using Right = Side<Sum, Index, kColumns, kDepth, kThreads>;
  constexpr int kLeftSize = kDepth * Left::kStride, kBuffer = kLeftSize + kDepth * Right::kStride;
  constexpr int kPassRows = kRows > 64 ? 32 : kRows;
  constexpr int kSums = kParts * kPassRows * kColumns;
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
  const Pointer right_base =
      Element(operands[product.right.operand], Address<Index>(product.batch, place.batch, product.right.batch),
              product.right.type);

  const int thread = ThreadNumber(), part = thread / (kAcross * kDown), here = thread % (kAcross * kDown);
  const int across = here % kAcross, down = here / kAcross;
  Sum sums[kThreadRows][kThreadColumns];
  PLIMSOLL_UNROLL
  for (int i = 0; i < kThreadRows; ++i) PLIMSOLL_UNROLL
  for (int j = 0; j < kThreadColumns; ++j) sums[i][j] = 0;

  left.Fetch(product.left, product.inner, left_base, 0);
  right.Fetch(product.right, product.inner, right_base, 0);
  left.Put(product.left, memory);
  right.Put(product.right, memory + kLeftSize);
  Barrier();
  int buffer = 0;
  _Pragma("clang loop unroll(disable)") for (int step = 0; step < product.inner.count; step += kDepth) {
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
      for (int i = 0; i < kThreadRows; ++i) PLIMSOLL_UNROLL
      for (int j = 0; j < kThreadColumns; ++j) sums[i][j] += a[i] * b[j];
    }
    if (more) {
      buffer = kBuffer - buffer;
      left.Put(product.left, memory + buffer);
      right.Put(product.right, memory + buffer + kLeftSize);
      Barrier();
    }
  }

  // Sums go through shared memory once more, kPassRows rows of the tile at a time: the parts' are added, warps write
  // whole rows, and what is done to an element is code that is there once.
  const int width = product.epilogue.destination.width;
  const int groups_of_row = kColumns / width, groups = kPassRows * groups_of_row;
  _Pragma("clang loop unroll(disable)") for (int pass = 0; pass < kRows / kPassRows; ++pass) {
    Barrier();
    PLIMSOLL_UNROLL
    for (int i = 0; i < kThreadRows; ++i) {
      const int row = i / kGroup * kDown * kGroup + down * kGroup + i % kGroup - pass * kPassRows;
      if (static_cast<unsigned>(row) >= static_cast<unsigned>(kPassRows)) continue;
      PLIMSOLL_UNROLL
      for (int j = 0; j < kThreadColumns; ++j) {
        const int column = j / kGroup * kAcross * kGroup + across * kGroup + j % kGroup;
        memory[(part * kPassRows + row) * kColumns + column] = sums[i][j];
      }
    }
    Barrier();
    _Pragma("clang loop unroll(disable)") for (int group = thread; group < groups; group += kThreads) {
      const int local_row = group / groups_of_row, local_column = group % groups_of_row * width;
      const int row = first_row + pass * kPassRows + local_row, column = first_column + local_column;
      if (row >= product.rows.count || column >= product.columns.count) continue;
      Sum values[kGroup];
      PLIMSOLL_UNROLL
      for (int j = 0; j < width; ++j) {
        values[j] = memory[local_row * kColumns + local_column + j];
        PLIMSOLL_UNROLL
        for (int p = 1; p < kParts; ++p) values[j] += memory[(p * kPassRows + local_row) * kColumns + local_column + j];
      }
      Decode(product.rows, row, place.row);
      Finish<Index>(product.epilogue, product.batch, product.rows, product.columns, place, column, width, operands,
                    values);
    }
  }
}

}  // namespace plimsoll::device
