// What a target's name means on this machine.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "compiler/codegen/codegen.h"
#include "ir/plan/plan.pb.h"

namespace plimsoll::compiler {

struct ResolvedTarget {
  plan::Target plan;
  codegen::CpuTarget cpu;
};

// "cpu", "cpu:native", "cpu:x86-64-v3", "cpu:x86-64-v4"; threads 0: all cores that this process may use.
// kInvalidArgument for another name.
absl::StatusOr<ResolvedTarget> ResolveTarget(const std::string& name, int threads);

}  // namespace plimsoll::compiler
