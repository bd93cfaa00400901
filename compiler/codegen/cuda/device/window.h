// Where the windows of convolutions and pools lie on their source, and the zero points of quantized operands.
#pragma once

#include "compiler/codegen/cuda/device/memory.h"

namespace plimsoll::device {

// Whether the window holds an element: then `at` gets what it adds to the address.
template <typename Index>
PLIMSOLL_INLINE bool Inside(int windows, const Window* list, const int* starts, const int* inner, Index& at) {
  bool inside = true;
  PLIMSOLL_UNROLL
  for (int w = 0; w < windows; ++w) {
    const Window& window = list[w];
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
PLIMSOLL_INLINE void WindowStarts(int windows, const Window* list, const int* outer, int* starts) {
  PLIMSOLL_UNROLL
  for (int w = 0; w < windows; ++w) starts[w] = outer[list[w].outer_dim] * list[w].outer + list[w].constant;
}

// The zero point of an element, 0 where there is none.
template <typename Sum>
PLIMSOLL_INLINE Sum ZeroOf(const Factor& factor, const Axis& batch, const Axis& outer, const int* batch_at,
                           const int* outer_at, const Pointer* operands) {
  const int at = Address<int>(batch, batch_at, factor.zero_batch) + Address<int>(outer, outer_at, factor.zero_outer);
  return LoadOne<Sum>(Element(operands[factor.zero_operand], at, factor.type), factor.type);
}

}  // namespace plimsoll::device
