// How long a command of a CUDA plan takes, by the roofline: the larger of arithmetic and memory traffic, and a launch.
#pragma once

#include "compiler/compile.h"
#include "compiler/emit/streams.h"
#include "ir/plan/plan.pb.h"
#include "passes/cost/hardware.h"

namespace plimsoll::compiler {

// The catalogue's GPU that the target names, else the first of its architecture, else the A100 (what sm_80 text is for).
const hardware::Gpu& RepresentativeGpu(const plan::Target& target);

// An estimate: nothing was measured. Events cost nothing. `kernel`: what the command launches, as far as it is known; null:
// one without tensor cores.
CommandCost CostOf(const plan::Command& command, const hardware::Gpu& gpu, const CudaKernels::Kernel* kernel = nullptr);

}  // namespace plimsoll::compiler
