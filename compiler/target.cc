#include "compiler/target.h"

#include <sched.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "passes/cost/hardware.h"
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

constexpr char kDefaultArchitecture[] = "sm_80";   // PTX of it runs on all later GPUs

// Of the GPUs with that architecture, or of all where the catalogue has none.
int64_t MostReserved(const std::string& architecture) {
  int64_t of_architecture = 0, of_all = 0;
  for (const hardware::Gpu& gpu : hardware::Catalogue()) {
    const int64_t bytes = static_cast<int64_t>(gpu.reserve_bytes().value());
    of_all = std::max(of_all, bytes);
    if (hardware::Architecture(gpu) == architecture) of_architecture = std::max(of_architecture, bytes);
  }
  return of_architecture > 0 ? of_architecture : of_all;
}

absl::StatusOr<ResolvedTarget> ResolveCudaTarget(const std::string& name, const std::string& gpu_name) {
  ResolvedTarget target;
  target.plan.set_kind(plan::Target::CUDA);
  std::string architecture = absl::StartsWith(name, "cuda:") ? name.substr(5) : kDefaultArchitecture;
  int multiprocessors = 0;   // of the GPU named
  if (!gpu_name.empty()) {
    absl::StatusOr<const hardware::Gpu*> gpu = hardware::FindGpu(gpu_name);
    if (!gpu.ok()) return gpu.status();
    const std::string of_gpu = hardware::Architecture(**gpu);
    if (absl::StartsWith(name, "cuda:") && architecture != of_gpu) {
      return absl::InvalidArgumentError(
          absl::StrCat("target '", name, "' and GPU ", (*gpu)->name(), " (", of_gpu, ") contradict each other"));
    }
    architecture = of_gpu;
    target.plan.set_gpu((*gpu)->name());
    target.plan.set_reserved_bytes(static_cast<int64_t>((*gpu)->reserve_bytes().value()));
    target.capacity_bytes = static_cast<int64_t>((*gpu)->memory_bytes().value());
    multiprocessors = static_cast<int>((*gpu)->multiprocessors().value());
  } else {
    target.plan.set_reserved_bytes(MostReserved(architecture));
  }
  absl::StatusOr<codegen::CudaTarget> cuda = codegen::ResolveCuda(architecture);
  if (!cuda.ok()) return cuda.status();
  target.cuda = *std::move(cuda);
  target.plan.set_architecture(architecture);
  if (multiprocessors > 0) target.cuda.multiprocessors = multiprocessors;
  return target;
}

}  // namespace

absl::StatusOr<ResolvedTarget> ResolveTarget(const std::string& name, const std::string& gpu, int threads) {
  if (name == "cuda" || absl::StartsWith(name, "cuda:") || (!gpu.empty() && name == "cpu")) {
    return ResolveCudaTarget(name, gpu);
  }
  if (!gpu.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("target '", name, "' has no GPU '", gpu, "': give one of the two"));
  }
  std::string level = name == "cpu" ? "native" : name;
  if (level.rfind("cpu:", 0) == 0) level = level.substr(4);
  if (level == name || (level != "native" && level != "x86-64-v3" && level != "x86-64-v4")) {
    if (name != "cpu") {
      return absl::InvalidArgumentError(absl::StrCat(
          "target '", name, "' is not known; there are cpu, cpu:native, cpu:x86-64-v3, cpu:x86-64-v4, cuda and cuda:sm_NN"));
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
