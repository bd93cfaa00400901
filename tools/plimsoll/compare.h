// Comparing a result with the expected one.
#pragma once

#include <string>

#include "tools/plimsoll/tensor_file.h"

namespace plimsoll::cli {

struct Tolerance {
  double relative = 1e-3;
  double absolute = 1e-4;
};

struct Difference {
  bool equal = true;
  std::string reason;        // types that differ, or the worst element
  double largest = 0;        // |actual - expected|, over all elements
  double largest_relative = 0;   // largest / max |expected|
};

// |actual - expected| <= absolute + relative * |expected|, as numpy's allclose; NaN equals NaN; integers and bools exactly.
Difference Compare(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance);

}  // namespace plimsoll::cli
