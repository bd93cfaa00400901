// Bytes over steps, as an SVG picture.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace plimsoll::page {

struct StepChart {
  std::vector<int64_t> bytes;  // by step: the area
  std::vector<char> marked;    // by step: drawn in another colour; empty: none
  std::vector<int64_t> other;  // by step: a grey line beside it; empty: none
  double limit = -1;           // a dashed line, where it lies within the picture
};

// Of more steps than pixels, the highest of each column is drawn. "" without steps.
std::string Draw(const StepChart& chart);

}  // namespace plimsoll::page
