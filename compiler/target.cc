#include "compiler/target.h"

#include <sched.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "runtime/library/library.h"

namespace plimsoll::compiler {
namespace {

int CoresOfThisProcess() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

// What the kernels may need of the CPU, out of all that LLVM says of it: the features that it has of the vector units.
std::string NeededFeatures(const std::string& features) {
  std::vector<std::string> needed;
  for (absl::string_view feature : absl::StrSplit(features, ',', absl::SkipEmpty())) {
    for (absl::string_view prefix : {"+avx", "+fma", "+f16c", "+bmi2"}) {
      if (absl::StartsWith(feature, prefix)) needed.push_back(std::string(feature));
    }
  }
  return absl::StrJoin(needed, ",");
}

// The highest of oneDNN's levels that it has here: the first cap asked that is not refused.
absl::StatusOr<std::string> LibraryIsa(const plan::Target& target) {
  plan::LibraryOp probe;
  probe.set_library("onednn");
  for (plan::MemoryDesc* desc : {probe.mutable_matmul()->mutable_a(), probe.mutable_matmul()->mutable_b(),
                                 probe.mutable_matmul()->mutable_dst()}) {
    desc->set_dtype(plan::F32);
    desc->add_dims(1);
    desc->add_dims(1);
  }
  absl::Status status;
  for (const char* isa : {"AVX512_CORE_AMX", "AVX512_CORE_FP16", "AVX512_CORE_BF16", "AVX512_CORE_VNNI", "AVX512_CORE",
                          "AVX2_VNNI", "AVX2", "AVX", "SSE41"}) {
    plan::Target capped = target;
    capped.set_library_isa(isa);
    status = runtime::Query(probe, capped).status();
    if (status.ok()) return std::string(isa);
  }
  return status;
}

}  // namespace

absl::StatusOr<ResolvedTarget> ResolveTarget(const std::string& name, int threads) {
  std::string level = name == "cpu" ? "native" : name;
  if (level.rfind("cpu:", 0) == 0) level = level.substr(4);
  if (level == name || (level != "native" && level != "x86-64-v3" && level != "x86-64-v4")) {
    if (name != "cpu") {
      return absl::InvalidArgumentError(absl::StrCat(
          "target '", name, "' is not known; there are cpu, cpu:native, cpu:x86-64-v3 and cpu:x86-64-v4"));
    }
  }
  ResolvedTarget target;
  absl::StatusOr<codegen::CpuTarget> cpu = codegen::ResolveCpu(level);
  if (!cpu.ok()) return cpu.status();
  target.cpu = *std::move(cpu);
  target.plan.set_kind(plan::Target::CPU);
  target.plan.set_isa(level == "native" ? target.cpu.cpu : level);
  target.plan.set_features(NeededFeatures(target.cpu.features));
  target.plan.set_threads(threads > 0 ? threads : CoresOfThisProcess());
  if (level == "native") {
    absl::StatusOr<std::string> isa = LibraryIsa(target.plan);
    if (!isa.ok()) return isa.status();
    target.plan.set_library_isa(*isa);
  } else {
    target.plan.set_library_isa(level == "x86-64-v4" ? "AVX512_CORE" : "AVX2");
  }
  return target;
}

}  // namespace plimsoll::compiler
