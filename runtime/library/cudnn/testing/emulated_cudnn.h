// cuDNN on the host: the functions of api.h by what NVIDIA documents of them, for tests without a GPU. Strict: an
// argument that the library documents as an error is one (a null pointer, a descriptor that was not set, tensors that
// do not fit together, a workspace too small, an identity activation with another algorithm than implicit precomputed
// GEMM). Not fast.
#pragma once

#include "runtime/library/cudnn/api.h"
#include "runtime/library/nvidia/testing/emulation.h"

namespace plimsoll::runtime::cudnn {

struct EmulatedCudnn {
  nvidia::EmulationHost host;
  // Algorithms that the heuristic has, beside whether the convolution is one that cuDNN supports.
  bool offers_algorithms = true;

  // What happened. Written by the calls.
  int64_t live_objects = 0;  // handles and descriptors that were not destroyed
  int64_t convolutions = 0;
  int last_algorithm = -1;
  const char* last_error = "";  // why the last call failed
};

// The table of the one emulation of the process, which `state` configures until the next call of this; it must live on.
const Api* Emulate(EmulatedCudnn* state);

}  // namespace plimsoll::runtime::cudnn
