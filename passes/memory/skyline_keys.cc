#include "passes/memory/skyline_keys.h"

#include <cmath>
#include <iterator>

namespace plimsoll::memory {
namespace {

constexpr double kPowers[] = {0.1, 0.25, 0, 0.5};  // Of the size.
constexpr double kNoise = 0.1;                     // Of the key's logarithm, either way.

}  // namespace

std::vector<double> SkylineKeys::Next() {
  const double power = kPowers[round_ % std::size(kPowers)];
  const double noise = round_ < static_cast<int>(std::size(kPowers)) ? 0 : kNoise;
  ++round_;
  std::vector<double> keys;
  keys.reserve(instance_.items.size());
  for (const Item& item : instance_.items) {
    double key = double(item.end - item.begin);
    if (power != 0) key *= std::pow(double(item.size), power);
    if (noise != 0) key *= std::exp(noise * (2 * double(random_() >> 11) / double(uint64_t{1} << 53) - 1));
    keys.push_back(key);
  }
  return keys;
}

}  // namespace plimsoll::memory
