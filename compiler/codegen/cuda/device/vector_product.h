// Products with few rows: a decoder's step, where the time is that of reading the right operand once. A block takes
// some columns; its threads share out the inner axis, each reading 16 bytes of the right operand at a time where that
// lies so, and add up through shared memory.
#pragma once

#include "compiler/codegen/cuda/device/post_ops.h"
#include "compiler/codegen/cuda/device/window.h"

namespace plimsoll::device {

// `kRows`: at least product.rows.count. product.splits: the threads that share a column, a power of two.
template <typename Sum, typename Index, int kRows>
PLIMSOLL_INLINE void VectorProduct(const Product& product, const Pointer* operands) {
  constexpr int kThreads = 256, kMostColumns = 16 / sizeof(Sum);
  static PLIMSOLL_SHARED Sum memory[kThreads * kRows * kMostColumns] __attribute__((aligned(16)));
  const Factor &left = product.left, &right = product.right;
  const int parts = product.splits, across = kThreads / parts;
  const int columns = right.inner_fast ? 1 : right.width, steps = right.inner_fast ? right.width : 1;  // of a thread
  const int rows = product.rows.count;

  const int block_columns = across * columns;
  const unsigned column_blocks = static_cast<unsigned>((product.columns.count + block_columns - 1) / block_columns);
  const unsigned block = static_cast<unsigned>(BlockNumber());
  Place place;
  Decode(product.batch, static_cast<int>(block / column_blocks), place.batch);
  // Lanes lie along what is contiguous.
  const int thread = ThreadNumber();
  const int part = right.inner_fast ? thread % parts : thread / across;
  const int here = right.inner_fast ? thread / parts : thread % across;
  const int first = (static_cast<int>(block % column_blocks) * across + here) * columns;
  const bool valid = first < product.columns.count;

  const Pointer left_base =
      Element(operands[left.operand], Address<Index>(product.batch, place.batch, left.batch), left.type);
  const Pointer right_base = Element(operands[right.operand],
                                     Address<Index>(product.batch, place.batch, right.batch) +
                                         AddressOf<Index>(product.columns, valid ? first : 0, right.outer),
                                     right.type);
  Sum left_zero[kRows], right_zero[kMostColumns];
  if constexpr (!kFloating<Sum>) {
    int position[kDims];
    PLIMSOLL_UNROLL
    for (int i = 0; i < rows; ++i) {
      left_zero[i] = 0;
      if (left.zero_operand == kNone) continue;
      Decode(product.rows, i, position);
      left_zero[i] = ZeroOf<Sum>(left, product.batch, product.rows, place.batch, position, operands);
    }
    PLIMSOLL_UNROLL
    for (int j = 0; j < columns; ++j) {
      right_zero[j] = 0;
      if (right.zero_operand == kNone) continue;
      Decode(product.columns, valid ? first + j : 0, position);
      right_zero[j] = ZeroOf<Sum>(right, product.batch, product.columns, place.batch, position, operands);
    }
  }

  Sum sums[kRows][kMostColumns];
  PLIMSOLL_UNROLL
  for (int i = 0; i < kRows; ++i) PLIMSOLL_UNROLL
  for (int j = 0; j < kMostColumns; ++j) sums[i][j] = 0;
  if (valid) {
    _Pragma("clang loop unroll_count(4)") for (int step = part * steps; step < product.inner.count;
                                               step += parts * steps) {
      int position[kDims];
      Decode(product.inner, step, position);
      Sum b[16];
      Load(Element(right_base, Address<Index>(product.inner, position, right.inner), right.type), right.type,
           right.width, b);
      if constexpr (!kFloating<Sum>) {
        PLIMSOLL_UNROLL
        for (int k = 0; k < right.width; ++k) b[k] -= right_zero[right.inner_fast ? 0 : k];
      }
      const Pointer from = Element(left_base, Address<Index>(product.inner, position, left.inner), left.type);
      PLIMSOLL_UNROLL
      for (int i = 0; i < rows; ++i) {
        const Index row = AddressOf<Index>(product.rows, i, left.outer);
        Sum a[16];
        if (left.width == steps) {
          Load(Element(from, row, left.type), left.type, steps, a);
        } else {
          PLIMSOLL_UNROLL
          for (int k = 0; k < steps; ++k)
            a[k] = LoadOne<Sum>(
                Element(left_base, row + AddressOf<Index>(product.inner, step + k, left.inner), left.type), left.type);
        }
        PLIMSOLL_UNROLL
        for (int k = 0; k < steps; ++k) {
          if constexpr (!kFloating<Sum>) a[k] -= left_zero[i];
          PLIMSOLL_UNROLL
          for (int j = 0; j < columns; ++j) sums[i][j] += a[k] * b[right.inner_fast ? k : j];
        }
      }
    }
  }

  // The upper half of the parts adds to the lower one, until one is left.
  const int slot = part * across + here;
  PLIMSOLL_UNROLL
  for (int i = 0; i < rows; ++i) PLIMSOLL_UNROLL
  for (int j = 0; j < columns; ++j) memory[(i * kMostColumns + j) * kThreads + slot] = sums[i][j];
  _Pragma("clang loop unroll(disable)") for (int half = parts / 2; half > 0; half /= 2) {
    Barrier();
    if (part >= half) continue;
    PLIMSOLL_UNROLL
    for (int i = 0; i < rows; ++i) PLIMSOLL_UNROLL
    for (int j = 0; j < columns; ++j) {
      sums[i][j] += memory[(i * kMostColumns + j) * kThreads + slot + half * across];
      memory[(i * kMostColumns + j) * kThreads + slot] = sums[i][j];
    }
  }
  Barrier();
  const int width = product.epilogue.destination.width, groups_of_row = block_columns / width;
  const int block_first = static_cast<int>(block % column_blocks) * block_columns;
  _Pragma("clang loop unroll(disable)") for (int group = thread; group < rows * groups_of_row; group += kThreads) {
    const int row = group / groups_of_row, local = group % groups_of_row * width;
    if (block_first + local >= product.columns.count) continue;
    Sum values[4];
    PLIMSOLL_UNROLL
    for (int j = 0; j < width; ++j)
      values[j] = memory[(row * kMostColumns + (local + j) % columns) * kThreads + (local + j) / columns];
    Decode(product.rows, row, place.row);
    Finish<Index>(product.epilogue, product.batch, product.rows, product.columns, place, block_first + local, width,
                  operands, values);
  }
}

}  // namespace plimsoll::device
