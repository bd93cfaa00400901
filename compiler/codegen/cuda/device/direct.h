// Pools, and convolutions whose groups are too narrow for a product of tiles (depthwise): a thread sums one element of
// the result, or neighbouring channels that one access brings, over its window.
#pragma once

#include "compiler/codegen/cuda/device/post_ops.h"
#include "compiler/codegen/cuda/device/window.h"

namespace plimsoll::device {

template <typename T>
PLIMSOLL_INLINE T Least() {
  if constexpr (kSame<T, float>)
    return -__builtin_inff();
  else if constexpr (kSame<T, double>)
    return -__builtin_inf();
  else
    return static_cast<T>(1) << (8 * sizeof(T) - 1);
}

template <typename Sum, typename Index>
PLIMSOLL_INLINE void DirectWindow(const Direct& direct, const Pointer* operands) {
  constexpr int kThreads = 256, kMost = 4;
  const int width = direct.epilogue.destination.width;
  const unsigned groups = static_cast<unsigned>(direct.columns.count / width);  // of neighbours
  const unsigned number = static_cast<unsigned>(BlockNumber()) * kThreads + static_cast<unsigned>(ThreadNumber());
  const unsigned total = groups * static_cast<unsigned>(direct.rows.count) * static_cast<unsigned>(direct.batch.count);
  if (number >= total) return;
  const int column = static_cast<int>(number % groups) * width;
  const unsigned above = number / groups;
  Place place;
  Decode(direct.columns, column, place.column);
  Decode(direct.rows, static_cast<int>(above % static_cast<unsigned>(direct.rows.count)), place.row);
  Decode(direct.batch, static_cast<int>(above / static_cast<unsigned>(direct.rows.count)), place.batch);
  const Pointer source = Locate<Index>(direct.source, direct.batch, direct.rows, direct.columns, place, operands);
  int starts[kDims];
  WindowStarts(direct.windows, direct.window, direct.windows_along_columns ? place.column : place.row, starts);

  const bool maximum = direct.kind == Direct::kMaximum;
  Sum sums[kMost];
  PLIMSOLL_UNROLL
  for (int i = 0; i < kMost; ++i) sums[i] = maximum ? Least<Sum>() : Sum{0};
  int inside = 0;
  auto step = [&](int k) __attribute__((always_inline)) {
    int position[kDims];
    Decode(direct.inner, k, position);
    Index at = Address<Index>(direct.inner, position, direct.source_inner);
    if (!Inside<Index>(direct.windows, direct.window, starts, position, at)) return;
    ++inside;
    Sum values[kMost], weights[kMost];
    Load(Element(source, at, direct.source.type), direct.source.type, width, values);
    if (direct.kind == Direct::kConvolution) {
      const Index w = Address<Index>(direct.inner, position, direct.weights_inner);
      PLIMSOLL_UNROLL
      for (int i = 0; i < width; ++i) {
        Place channel = place;
        if (i > 0) Decode(direct.columns, column + i, channel.column);
        weights[i] = LoadOne<Sum>(
            Element(Locate<Index>(direct.weights, direct.batch, direct.rows, direct.columns, channel, operands), w,
                    direct.weights.type),
            direct.weights.type);
      }
    }
    PLIMSOLL_UNROLL
    for (int i = 0; i < width; ++i) {
      if (maximum)
        sums[i] = values[i] > sums[i] || values[i] != values[i] ? values[i] : sums[i];
      else
        sums[i] += direct.kind == Direct::kConvolution ? values[i] * weights[i] : values[i];
    }
  };
  if (direct.inner.count <= 32) {
    PLIMSOLL_UNROLL
    for (int k = 0; k < direct.inner.count; ++k) step(k);
  } else {
    _Pragma("clang loop unroll_count(4)") for (int k = 0; k < direct.inner.count; ++k) step(k);
  }
  if constexpr (kFloating<Sum>) {
    PLIMSOLL_UNROLL
    for (int i = 0; i < width; ++i) {
      if (direct.kind == Direct::kAverage) sums[i] /= static_cast<Sum>(direct.divisor);
      if (direct.kind == Direct::kAverageInside) sums[i] /= static_cast<Sum>(inside);
    }
  }
  Finish<Index>(direct.epilogue, direct.batch, direct.rows, direct.columns, place, column, width, operands, sums);
}

// Elements from one order of strides to another.
PLIMSOLL_INLINE void CopyElements(const Copy& copy, const Pointer* operands) {
  for (unsigned number = static_cast<unsigned>(BlockNumber()) * 256u + static_cast<unsigned>(ThreadNumber());
       number < static_cast<unsigned>(copy.elements.count); number += static_cast<unsigned>(BlockCount()) * 256u) {
    int position[kDims];
    Decode(copy.elements, static_cast<int>(number), position);
    const Pointer from = operands[0] + Address<int64_t>(copy.elements, position, copy.from) * copy.size,
                  to = operands[1] + Address<int64_t>(copy.elements, position, copy.to) * copy.size;
    switch (copy.size) {
      case 1:
        *to = *from;
        break;
      case 2:
        *reinterpret_cast<PLIMSOLL_GLOBAL uint16_t*>(to) = *reinterpret_cast<PLIMSOLL_GLOBAL const uint16_t*>(from);
        break;
      case 4:
        *reinterpret_cast<PLIMSOLL_GLOBAL uint32_t*>(to) = *reinterpret_cast<PLIMSOLL_GLOBAL const uint32_t*>(from);
        break;
      default:
        *reinterpret_cast<PLIMSOLL_GLOBAL uint64_t*>(to) = *reinterpret_cast<PLIMSOLL_GLOBAL const uint64_t*>(from);
    }
  }
}

}  // namespace plimsoll::device
