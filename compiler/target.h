// What a target's name means on this machine.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "compiler/codegen/codegen.h"
#include "compiler/codegen/cuda/cuda.h"
#include "ir/plan/plan.pb.h"

namespace plimsoll::compiler {

struct ResolvedTarget {
  plan::Target plan;
  codegen::CpuTarget cpu;            // one of these two, as plan.kind() says
  codegen::CudaTarget cuda;
  std::optional<int64_t> capacity_bytes;   // of the GPU that was named
};

// "cpu", "cpu:native", "cpu:x86-64-v3", "cpu:x86-64-v4"; threads 0: all cores that this process may use. "cuda" (sm_80),
// "cuda:sm_NN". `gpu`: a name of the hardware catalogue, or empty; `name` is then "cpu", left as it was, or agrees with it.
// What driver and libraries reserve is the catalogue's: of the GPU named, else the most of those of that architecture, else
// the most of all. kInvalidArgument for another name, or names that contradict each other.
absl::StatusOr<ResolvedTarget> ResolveTarget(const std::string& name, const std::string& gpu, int threads);

}  // namespace plimsoll::compiler
