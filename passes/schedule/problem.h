#ifndef PLIMSOLL_PASSES_SCHEDULE_PROBLEM_H_
#define PLIMSOLL_PASSES_SCHEDULE_PROBLEM_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace plimsoll::schedule {

// The ordering problem: in which topological order do the nodes of a graph need the least memory?
//
// While a node runs, its inputs, its outputs and its workspace are in memory. A tensor without a producer is held from
// the start; a tensor of `Problem::outputs` is held to the end; an output that nothing uses is freed right after its
// node; any other tensor is freed after its last use. A tensor that has neither producer nor user is held throughout.

struct Node {
  std::vector<int> inputs;   // indices into Problem::tensors; a repeated index counts once
  std::vector<int> outputs;  // each tensor has at most one producer
  int64_t workspace = 0;     // bytes
};

struct Tensor {
  int64_t size = 0;  // bytes
};

struct Problem {
  std::vector<Node> nodes;
  std::vector<Tensor> tensors;
  std::vector<int> outputs;  // indices into tensors: held to the end
};

struct Solution {
  std::vector<int> order;       // node indices, first to run first
  int64_t peak = 0;             // bytes
  int64_t lower_bound = 0;      // bytes; no order has a lower peak
  bool proven_optimal = false;  // peak == lower_bound
};

// Refuses what is not a problem with kInvalidArgument and the index that is to blame: unknown or doubly produced
// tensors, negative sizes, sizes whose sum leaves int64, cycles.
absl::Status Check(const Problem& problem);

// The peak in bytes of running the nodes in `order`, or kInvalidArgument where `order` is no topological order.
absl::StatusOr<int64_t> Peak(const Problem& problem, absl::Span<const int> order);

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_PROBLEM_H_
