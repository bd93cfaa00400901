// What the skyline places first.
#ifndef PLIMSOLL_PASSES_MEMORY_SKYLINE_KEYS_H_
#define PLIMSOLL_PASSES_MEMORY_SKYLINE_KEYS_H_

#include <cstdint>
#include <random>
#include <vector>

#include "passes/memory/instance.h"

namespace plimsoll::memory {

// Keys that serve well, one after another: the length, times a small power of the size; after a few, with some noise.
// Deterministic.
class SkylineKeys {
 public:
  explicit SkylineKeys(const Instance& instance) : instance_(instance), random_(1) {}

  // By item, for the next placement.
  std::vector<double> Next();

 private:
  const Instance& instance_;
  std::mt19937_64 random_;
  int round_ = 0;
};

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_SKYLINE_KEYS_H_
