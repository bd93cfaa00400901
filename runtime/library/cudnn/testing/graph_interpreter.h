// The arithmetic of the emulated graph interface: operations one after the other, in f32, sums in double precision.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "runtime/library/cudnn/testing/emulated_engine.h"
#include "runtime/library/cudnn/testing/emulated_graph.h"

namespace plimsoll::runtime::cudnn::emulated {

// One run of a plan: all that it reads and writes. Descriptors may be gone when its stream gets there.
struct Run {
  std::shared_ptr<const Graph> graph;
  EmulatedEngine engine;
  std::map<int64_t, void*> memory;     // where the host finds tensors in memory, by id
  std::map<int64_t, double> by_value;  // tensors by value
  void* workspace = nullptr;
  int64_t workspace_bytes = 0;
  int64_t number = 0;  // of this run, for engines whose results differ

  // Computes every operation's result, of a virtual tensor as its type holds it, and stores those that are in memory.
  // The workspace is noise afterwards, all of it.
  void Execute() const;
};

// The value in a by-value tensor's type, at an address of the host.
double LoadByValue(const Tensor& tensor, const void* address);

}  // namespace plimsoll::runtime::cudnn::emulated
