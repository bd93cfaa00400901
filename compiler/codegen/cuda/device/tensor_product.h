// Products of f16 or bf16 by tensor cores (mma.sync, sm_80 on): tiles as in product.h, but what goes through shared
// memory are the halves themselves, and a warp sums kWarpRows x kWarpColumns elements in steps of 16 x 8 x 16.
#pragma once

#include "compiler/codegen/cuda/device/fragments.h"
#include "compiler/codegen/cuda/device/post_ops.h"
#include "compiler/codegen/cuda/device/window.h"

namespace plimsoll::device {

// One side's part of a tile, kOuter x kDepth halves. In shared memory they lie as in global memory: rows along the
// inner axis, or along the outer one. Rows are 16 bytes longer, so that the lanes of a fragment find 32 banks.
template <typename Index, int kOuter, int kDepth>
struct HalfSide : TileShare<kOuter, kDepth, 256> {
  using Share = TileShare<kOuter, kDepth, 256>;
  using Share::InnerOf;
  using Share::OuterOf;
  static constexpr int kThreads = 256, kWords = kOuter * kDepth / kThreads / 2;
  static constexpr int kInnerStride = kDepth + 8, kOuterStride = kOuter + 8;
  static constexpr int kSize =
      kOuter * kInnerStride > kDepth* kOuterStride ? kOuter* kInnerStride : kDepth* kOuterStride;

  Index from[kWords];
  int starts[kWords][kDims];
  bool valid[kWords];

  PLIMSOLL_INLINE void Start(const Factor& factor, const Axis& outer_axis, int first) {
    PLIMSOLL_UNROLL
    for (int g = 0; g < 2 * kWords / factor.width; ++g) {
      const int number = first + OuterOf(factor, g);
      valid[g] = number < outer_axis.count;
      int position[kDims];
      Decode(outer_axis, valid[g] ? number : 0, position);
      from[g] = Address<Index>(outer_axis, position, factor.outer);
      WindowStarts(factor.windows, factor.window, position, starts[g]);
    }
  }
  // Begins to copy the part of the tile at `step` of the inner axis; what is not there is 0.
  PLIMSOLL_INLINE void Begin(const Factor& factor, const Axis& inner_axis, Pointer base, int step,
                             PLIMSOLL_SHARED uint16_t* tile) {
    PLIMSOLL_UNROLL
    for (int g = 0; g < 2 * kWords / factor.width; ++g) {
      const int number = step + InnerOf(factor, g);
      bool there = valid[g] && number < inner_axis.count;
      Index at = 0;
      if (there) {
        int position[kDims];
        Decode(inner_axis, number, position);
        at = from[g] + Address<Index>(inner_axis, position, factor.inner);
        there = Inside<Index>(factor.windows, factor.window, starts[g], position, at);
      }
      const int place = factor.inner_fast ? OuterOf(factor, g) * kInnerStride + InnerOf(factor, g)
                                          : InnerOf(factor, g) * kOuterStride + OuterOf(factor, g);
      BeginCopy(tile + place, Element(base, there ? at : 0, factor.type), 2 * factor.width, there);
    }
  }
  template <bool kRight>
  static PLIMSOLL_INLINE void Fragment(const Factor& factor, const PLIMSOLL_SHARED uint16_t* tile, int outer, int inner,
                                       uint32_t* words) {
    if (factor.inner_fast)
      LoadFragment<kRight, false>(tile, kInnerStride, outer, inner, words);
    else
      LoadFragment<kRight, true>(tile, kOuterStride, outer, inner, words);
  }
};

template <bool kBfloat, typename Index, int kRows, int kColumns, int kWarpRows, int kWarpColumns>
PLIMSOLL_INLINE void TensorProduct(const Product& product, const Pointer* operands) {
  constexpr int kThreads = 256, kDepth = 32, kAcross = kColumns / kWarpColumns;
  static_assert(kRows / kWarpRows * kAcross * 32 == kThreads);
  constexpr int kTilesDown = kWarpRows / 16, kTilesAcross = kWarpColumns / 8;
  using Left = HalfSide<Index, kRows, kDepth>;
  using Right = HalfSide<Index, kColumns, kDepth>;
  constexpr int kBuffer = Left::kSize + Right::kSize;
  constexpr int kPassRows = 32, kSumBytes = kPassRows * kColumns * 4;
  static PLIMSOLL_SHARED uint16_t memory[4 * kBuffer > kSumBytes ? 2 * kBuffer : kSumBytes / 2]
      __attribute__((aligned(16)));

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
  left.Start(product.left, product.rows, first_row);
  right.Start(product.right, product.columns, first_column);
  const Pointer left_base = Element(operands[product.left.operand],
                                    Address<Index>(product.batch, place.batch, product.left.batch), product.left.type);
  const Pointer right_base =
      Element(operands[product.right.operand], Address<Index>(product.batch, place.batch, product.right.batch),
              product.right.type);

  const int thread = ThreadNumber(), warp = thread / 32, lane = thread % 32, quad = lane / 4, within = lane % 4 * 2;
  const int warp_row = warp / kAcross * kWarpRows, warp_column = warp % kAcross * kWarpColumns;
  float sums[kTilesDown][kTilesAcross][4];
  PLIMSOLL_UNROLL
  for (int i = 0; i < kTilesDown; ++i) PLIMSOLL_UNROLL
  for (int j = 0; j < kTilesAcross; ++j) PLIMSOLL_UNROLL
  for (int c = 0; c < 4; ++c) sums[i][j][c] = 0;

  auto begin = [&](int step, PLIMSOLL_SHARED uint16_t* tiles) __attribute__((always_inline)) {
    left.Begin(product.left, product.inner, left_base, step, tiles);
    right.Begin(product.right, product.inner, right_base, step, tiles + Left::kSize);
  };
  if (product.inner.count > 0) begin(0, memory);
  int buffer = 0;
  _Pragma("clang loop unroll(disable)") for (int step = 0; step < product.inner.count; step += kDepth) {
    const PLIMSOLL_SHARED uint16_t *left_tile = memory + buffer, *right_tile = left_tile + Left::kSize;
    buffer = kBuffer - buffer;
    WaitForCopies();
    Barrier();
    if (step + kDepth < product.inner.count) begin(step + kDepth, memory + buffer);
    PLIMSOLL_UNROLL
    for (int k = 0; k < kDepth; k += 16) {
      uint32_t b[kTilesAcross][2];
      PLIMSOLL_UNROLL
      for (int j = 0; j < kTilesAcross; j += 2)
        Right::template Fragment<true>(product.right, right_tile, warp_column + 8 * j, k, b[j]);
      PLIMSOLL_UNROLL
      for (int i = 0; i < kTilesDown; ++i) {
        uint32_t a[4];
        Left::template Fragment<false>(product.left, left_tile, warp_row + 16 * i, k, a);
        PLIMSOLL_UNROLL
        for (int j = 0; j < kTilesAcross; ++j) MultiplyFragments<kBfloat>(a, b[j], sums[i][j]);
      }
    }
  }

  PLIMSOLL_SHARED float* rows = reinterpret_cast<PLIMSOLL_SHARED float*>(memory);
  const int width = product.epilogue.destination.width;
  const int groups_of_row = kColumns / width, groups = kPassRows * groups_of_row;
  _Pragma("clang loop unroll(disable)") for (int pass = 0; pass < kRows / kPassRows; ++pass) {
    Barrier();
    PLIMSOLL_UNROLL
    for (int i = 0; i < kTilesDown; ++i) PLIMSOLL_UNROLL
    for (int half = 0; half < 2; ++half) {
      const int row = warp_row + 16 * i + 8 * half + quad - pass * kPassRows;
      if (static_cast<unsigned>(row) >= static_cast<unsigned>(kPassRows)) continue;
      PLIMSOLL_UNROLL
      for (int j = 0; j < kTilesAcross; ++j) {
        rows[row * kColumns + warp_column + 8 * j + within] = sums[i][j][2 * half];
        rows[row * kColumns + warp_column + 8 * j + within + 1] = sums[i][j][2 * half + 1];
      }
    }
    Barrier();
    _Pragma("clang loop unroll(disable)") for (int group = thread; group < groups; group += kThreads) {
      const int local_row = group / groups_of_row, local_column = group % groups_of_row * width;
      const int row = first_row + pass * kPassRows + local_row, column = first_column + local_column;
      if (row >= product.rows.count || column >= product.columns.count) continue;
      float values[4];
      PLIMSOLL_UNROLL
      for (int j = 0; j < width; ++j) values[j] = rows[local_row * kColumns + local_column + j];
      Decode(product.rows, row, place.row);
      Finish<Index>(product.epilogue, product.batch, product.rows, product.columns, place, column, width, operands,
                    values);
    }
  }
}

}  // namespace plimsoll::device
