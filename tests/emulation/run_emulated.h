// A model compiled for CUDA and run on the emulated GPU.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tests/emulation/emulated_gpu.h"
#include "tools/plimsoll/execution.h"

namespace plimsoll::emulation {

// As cli::CompileAndLoad, for `gpu`: which must outlive the program. options.target names an architecture that it runs.
absl::StatusOr<std::shared_ptr<const runtime::Program>> CompileAndLoad(EmulatedGpu& gpu, const compiler::Plugin& compiler,
                                                                       const std::string& model,
                                                                       compiler::Options options,
                                                                       const cli::Tensors& inputs);

}  // namespace plimsoll::emulation
