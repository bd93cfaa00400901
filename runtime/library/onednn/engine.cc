#include "runtime/library/onednn/engine.h"

#include <mutex>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/device/cpu/parallel.h"

namespace plimsoll::runtime::onednn {
namespace {

struct IsaName {
  const char* name;
  dnnl::cpu_isa isa;
};

// In ascending order of what they imply, but for AVX2_VNNI (not implied by AVX512_CORE).
constexpr IsaName kIsas[] = {
    {"SSE41", dnnl::cpu_isa::sse41},
    {"AVX", dnnl::cpu_isa::avx},
    {"AVX2", dnnl::cpu_isa::avx2},
    {"AVX2_VNNI", dnnl::cpu_isa::avx2_vnni},
    {"AVX512_CORE", dnnl::cpu_isa::avx512_core},
    {"AVX512_CORE_VNNI", dnnl::cpu_isa::avx512_core_vnni},
    {"AVX512_CORE_BF16", dnnl::cpu_isa::avx512_core_bf16},
    {"AVX512_CORE_FP16", dnnl::cpu_isa::avx512_core_fp16},
    {"AVX512_CORE_AMX", dnnl::cpu_isa::avx512_core_amx},
};

}  // namespace

const dnnl::engine& Engine() {
  static const dnnl::engine* engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

absl::Status CapToTarget(const plan::Target& target) {
  static std::mutex mutex;
  static std::string capped;  // the cap in force, empty: none yet
  if (target.library_isa().empty()) return absl::OkStatus();
  std::lock_guard<std::mutex> lock(mutex);
  if (capped == target.library_isa()) return absl::OkStatus();
  const IsaName* wanted = nullptr;
  for (const IsaName& isa : kIsas) {
    if (target.library_isa() == isa.name) wanted = &isa;
  }
  if (wanted == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("unknown library_isa '", target.library_isa(), "' in the target"));
  }
  if (capped.empty()) {
    dnnl_set_max_cpu_isa(static_cast<dnnl_cpu_isa_t>(wanted->isa));  // refused after the first use; checked below
  }
  const auto effective = static_cast<dnnl::cpu_isa>(dnnl_get_effective_cpu_isa());
  if (effective != wanted->isa) {
    std::string name = absl::StrCat("isa ", static_cast<int>(effective));
    for (const IsaName& isa : kIsas) {
      if (isa.isa == effective) name = isa.name;
    }
    return absl::FailedPreconditionError(
        absl::StrCat("the plan needs oneDNN at ", target.library_isa(), ", this process has it at ", name,
                     capped.empty() ? " (a lesser CPU, or oneDNN was used before the plan was loaded)"
                                    : " (one process can hold plans of one library_isa only)"));
  }
  capped = target.library_isa();
  return absl::OkStatus();
}

absl::Status FromDnnl(const char* what, dnnl_status_t status) {
  switch (status) {
    case dnnl_success: return absl::OkStatus();
    case dnnl_unimplemented:
      return absl::UnimplementedError(absl::StrCat("oneDNN has no implementation of ", what,
                                                   " for these types and layouts at this instruction set"));
    case dnnl_out_of_memory: return absl::ResourceExhaustedError(absl::StrCat("oneDNN is out of memory in ", what));
    case dnnl_invalid_arguments:
      return absl::UnimplementedError(absl::StrCat("oneDNN refuses the shape or the attributes of ", what));
    default: return absl::InternalError(absl::StrCat("oneDNN failed in ", what, ": status ", static_cast<int>(status)));
  }
}

absl::Status Guard(const char* what, const std::function<absl::Status()>& body) {
  try {
    return body();
  } catch (const dnnl::error& error) {
    absl::Status status = FromDnnl(what, error.status);
    return absl::Status(status.code(), absl::StrCat(std::string(status.message()), " (", error.what(), ")"));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat(what, ": ", error.what()));
  }
}

ThreadCount::ThreadCount(int threads) : former_(cpu::MaxThreads()) {
  cpu::SetMaxThreads(threads > 0 ? threads : cpu::HardwareThreads());
}

ThreadCount::~ThreadCount() { cpu::SetMaxThreads(former_); }

}  // namespace plimsoll::runtime::onednn
