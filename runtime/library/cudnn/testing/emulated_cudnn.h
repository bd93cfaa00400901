// cuDNN on the host: the functions of api.h by what NVIDIA documents of them, for tests without a GPU. Strict: an
// argument that the library documents as an error is one, and much of what it leaves undefined (descriptors that are
// used after they were destroyed, ids beside the graph's, results over operands). Not fast.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/library/cudnn/api.h"
#include "runtime/library/cudnn/testing/emulated_engine.h"
#include "runtime/library/nvidia/testing/emulation.h"

namespace plimsoll::runtime::cudnn {

struct EmulatedCudnn {
  nvidia::EmulationHost host;
  // Whether the heuristics name any engine, beside whether it supports what is asked.
  bool offers_engines = true;
  // What the heuristics name, in this order.
  std::vector<EmulatedEngine> engines = DefaultEngines();

  // What happened. Written by the calls.
  int64_t live_objects = 0;  // handles and descriptors that were not destroyed
  int64_t heuristic_calls = 0;
  int64_t plans = 0;  // that were finalized
  int64_t executions = 0;
  int64_t convolutions = 0;  // executions with a convolution
  std::map<int64_t, int64_t> executions_by_engine;
  int64_t last_engine = -1;
  std::string last_graph;  // as Graph::Name: "forward, pointwise 0"
  std::string last_error;  // why the last call failed
};

// The table of the one emulation of the process, which `state` configures until the next call of this; it must live on.
const Api* Emulate(EmulatedCudnn* state);

}  // namespace plimsoll::runtime::cudnn
