// cuBLASLt on the host: the functions of api.h by what NVIDIA documents of them, for tests without a GPU. Strict: an
// argument that the library documents as an error is one (a null pointer, an attribute of another size, a leading
// dimension below the rows, a workspace too small or not aligned, an algorithm of another problem). Not fast.
#pragma once

#include "runtime/library/cublaslt/api.h"
#include "runtime/library/nvidia/testing/emulation.h"

namespace plimsoll::runtime::cublaslt {

struct EmulatedCublasLt {
  nvidia::EmulationHost host;
  // Algorithms that the heuristic has, beside whether the problem is one that cuBLASLt supports.
  bool offers_algorithms = true;

  // What happened. Written by the calls.
  int64_t live_objects = 0;  // handles, descriptors, layouts and preferences that were not destroyed
  int64_t heuristic_calls = 0;
  int64_t matmuls = 0;
  uint64_t last_algorithm = 0;  // 1: parts summed in the workspace, 2: 16-byte accesses, 3: any alignment
  const char* last_error = "";  // why the last call failed
};

// The table of the one emulation of the process, which `state` configures until the next call of this; it must live on.
const Api* Emulate(EmulatedCublasLt* state);

}  // namespace plimsoll::runtime::cublaslt
