// What the parts of the emulated cuDNN share.
#pragma once

#include <memory>
#include <string>

#include "runtime/library/cudnn/testing/emulated_cudnn.h"
#include "runtime/library/cudnn/testing/emulated_descriptor.h"
#include "runtime/library/nvidia/testing/emulation.h"

namespace plimsoll::runtime::cudnn {

// The library's own structure, opaque to its users.
struct HandleStruct {
  void* stream = nullptr;
};

namespace emulated {

EmulatedCudnn& State();

// Handles; descriptors, which are Objects.
nvidia::LiveObjects& Live();
nvidia::LiveObjects& LiveDescriptors();

// Notes why a call fails, and returns its status.
int Fail(std::string why, int status = kBadParam);
int Report(const Outcome& outcome);

// An engine for a graph, of the descriptors that stand for it: an engine, its configuration, its plan.
struct Choice : Content {
  std::shared_ptr<const Graph> graph;
  EmulatedEngine engine;
  bool is_for_absent_device = false;  // of plans
};

// The functions of descriptors.
void AddBackend(Api& table);
int Execute(Handle handle, backend::Descriptor plan, backend::Descriptor pack);

}  // namespace emulated
}  // namespace plimsoll::runtime::cudnn
