#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/device/cpu/kernel_library.h"

namespace plimsoll::runtime::cpu {
namespace {

struct FeatureName {
  const char* llvm;
  const char* linux_flag;
};

// LLVM's features that the kernel names differently. Those of the same name are found without this table.
constexpr FeatureName kNames[] = {
    {"sse3", "pni"}, {"sse4.1", "sse4_1"}, {"sse4.2", "sse4_2"}, {"lzcnt", "abm"}, {"pclmul", "pclmulqdq"},
    {"bmi", "bmi1"}, {"sha", "sha_ni"}, {"avx512bf16", "avx512_bf16"}, {"avx512fp16", "avx512_fp16"}, {"avx512vnni", "avx512_vnni"},
    {"avxvnni", "avx_vnni"}, {"avx512vbmi2", "avx512_vbmi2"}, {"avx512bitalg", "avx512_bitalg"},
    {"avx512vpopcntdq", "avx512_vpopcntdq"}, {"amx-bf16", "amx_bf16"}, {"amx-int8", "amx_int8"},
    {"amx-tile", "amx_tile"}, {"amx-fp16", "amx_fp16"},
};

// Features that change the code that may run, by prefix. Others (tuning flags, privileged instructions) are ignored.
constexpr const char* kRelevant[] = {"sse", "ssse", "avx", "fma", "f16c", "bmi", "lzcnt", "popcnt", "movbe",
                                     "gfni", "vaes", "vpclmul", "pclmul", "aes", "sha", "amx", "adx"};

const std::set<std::string>& CpuFlags() {
  static const auto* flags = [] {
    auto* result = new std::set<std::string>;
    std::ifstream file("/proc/cpuinfo");
    std::string line;
    while (std::getline(file, line)) {
      if (line.rfind("flags", 0) != 0) continue;
      std::istringstream words(line.substr(line.find(':') + 1));
      for (std::string word; words >> word;) result->insert(word);
      break;
    }
    return result;
  }();
  return *flags;
}

bool IsRelevant(const std::string& feature) {
  for (const char* prefix : kRelevant) {
    if (feature.rfind(prefix, 0) == 0) return true;
  }
  return false;
}

bool HasFeature(const std::string& feature) {
  std::string flag = feature;
  for (const FeatureName& name : kNames) {
    if (feature == name.llvm) flag = name.linux_flag;
  }
  return CpuFlags().count(flag) > 0;
}

}  // namespace

absl::Status CheckCpu(const plan::Target& target) {
  std::string missing;
  const std::string& isa = target.isa();
  if (isa == "x86-64-v3" && !__builtin_cpu_supports("x86-64-v3")) missing = " x86-64-v3";
  if (isa == "x86-64-v4" && !__builtin_cpu_supports("x86-64-v4")) missing = " x86-64-v4";
  for (absl::string_view word : absl::StrSplit(target.features(), ',', absl::SkipEmpty())) {
    const std::string feature(word);
    if (feature[0] != '+') continue;
    if (IsRelevant(feature.substr(1)) && !HasFeature(feature.substr(1))) absl::StrAppend(&missing, " ", feature.substr(1));
  }
  if (missing.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("this CPU lacks what the plan was compiled for (", isa, "):", missing,
                   "; compile it for this CPU (--target=cpu:native) or for x86-64-v3"));
}

}  // namespace plimsoll::runtime::cpu
