#ifndef PLIMSOLL_PASSES_CHECKPOINT_RANDOM_H_
#define PLIMSOLL_PASSES_CHECKPOINT_RANDOM_H_

#include <cmath>
#include <cstdint>

namespace plimsoll::checkpoint {

// SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every platform, unlike the standard's distributions.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // In [0, n).
  int Below(int n) { return static_cast<int>((Next() >> 32) * static_cast<uint64_t>(n) >> 32); }
  // In [0, 1).
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  double Normal() { return std::sqrt(-2 * std::log(1 - Unit())) * std::cos(6.283185307179586 * Unit()); }

 private:
  uint64_t state_;
};

}  // namespace plimsoll::checkpoint

#endif  // PLIMSOLL_PASSES_CHECKPOINT_RANDOM_H_
