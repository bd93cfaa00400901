// Comparing a result with the expected one.
#pragma once

#include <string>

#include "tools/plimsoll/tensor_file.h"

namespace plimsoll::cli {

struct Tolerance {
  double relative = 1e-3;
  double absolute = 1e-4;
  // If above 0, floats are judged by this alone: root mean square of the differences over that of the expected elements.
  // What low precision rounds is spread over all elements; a few near a threshold may differ much.
  double rms = 0;
};

struct Difference {
  bool equal = true;
  std::string reason;        // types that differ, or the worst element
  double largest = 0;        // |actual - expected|, over all elements
  double largest_relative = 0;   // largest / max |expected|
  double rms_relative = 0;       // rms(actual - expected) / rms(expected)
};

// |actual - expected| <= absolute + relative * |expected|, as numpy's allclose, or by `rms`; NaN equals NaN; integers and
// bools exactly.
Difference Compare(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance);

}  // namespace plimsoll::cli
