#ifndef PLIMSOLL_PASSES_CHECKPOINT_FAMILIES_H_
#define PLIMSOLL_PASSES_CHECKPOINT_FAMILIES_H_

#include <cstdint>

#include "passes/checkpoint/problem.h"

namespace plimsoll::checkpoint {

// Graphs of the kinds on which rematerialization is usually measured, for benchmarks and tests. The order is fixed: the
// one in which a framework would run them.

// A random layered graph (Gagrani et al., "Neural topological ordering for computation graphs", 2022, appendix A) with
// one source and one sink: layers of `width` * 2 * sqrt(nodes) nodes, up to 75% more or less, edges between neighbours
// in successive layers, one in seven a skip connection over several, `edges` in all. Sizes from a mixture of two normal
// distributions, costs uniform. In a random topological order.
Problem Layered(int nodes, int edges, double width, uint64_t seed);

// Training graphs as Checkmate extracts them from Keras (Jain et al., MLSys 2020): a node a layer, a loss, a backward
// node a layer in reverse order, which reads the output of its layer, those of the layers that read it, and their
// gradients. Sizes in bytes of f32 activations.

// FCN-8 on VGG-16, 73 nodes; costs are multiply-adds.
Problem TrainFcn8(int64_t batch, int64_t height, int64_t width);
// ResNet-50 at 224 x 224, 353 nodes; costs are microseconds of a roofline model (14 TFLOP/s, 800 GB/s, 5 us a kernel).
Problem TrainResNet50(int64_t batch);
// A chain of `layers` layers of random sizes and costs.
Problem TrainChain(int layers, uint64_t seed);

}  // namespace plimsoll::checkpoint

#endif  // PLIMSOLL_PASSES_CHECKPOINT_FAMILIES_H_
