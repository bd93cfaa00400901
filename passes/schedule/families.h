#ifndef PLIMSOLL_PASSES_SCHEDULE_FAMILIES_H_
#define PLIMSOLL_PASSES_SCHEDULE_FAMILIES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "passes/schedule/problem.h"

namespace plimsoll::schedule {

// Graphs of the families on which memory-aware ordering is usually measured, for benchmarks and tests: the order of
// their indices is the one in which a framework would run them.

struct Family {
  std::string name;
  Problem problem;
};

// Inference on irregularly wired networks (Ahn et al., "Ordering chaos: memory-aware scheduling of irregularly wired
// neural networks", 2020): RandWire (Watts-Strogatz), NAS cells, SwiftNet-like cells.
Problem RandWire(int stages, int nodes_per_stage, int channels, uint32_t seed);
Problem NasCells(int cells, int blocks, int channels, uint32_t seed);
Problem SwiftNet(int cells, uint32_t seed);

// Training: forward, then backward, then every optimizer update at the end, as an eager framework runs them.
enum class Optimizer { kSgd, kAdam };
Problem TrainChain(int layers, int64_t batch, Optimizer optimizer);
Problem TrainResNet(int blocks, int64_t batch, Optimizer optimizer);
Problem TrainTransformer(int layers, int64_t tokens, int64_t width, Optimizer optimizer);
Problem TrainRandWire(int stages, int nodes_per_stage, uint32_t seed, Optimizer optimizer);

// A random layered graph, for scale.
Problem Layered(int nodes, int width, uint32_t seed);

// The benchmark's table, in order.
std::vector<Family> AllFamilies();

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_FAMILIES_H_
