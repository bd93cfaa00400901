#include "absl/strings/str_cat.h"
#include "compiler/codegen/codegen.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

namespace plimsoll::codegen {

absl::StatusOr<CpuTarget> ResolveCpu(const std::string& name) {
  if (name == "x86-64-v3") return CpuTarget{name, "", 256};
  if (name == "x86-64-v4") return CpuTarget{name, "", 512};
  if (name != "native") return absl::InvalidArgumentError(absl::StrCat("no CPU target '", name, "': expected native, x86-64-v3 or x86-64-v4"));
  CpuTarget target{llvm::sys::getHostCPUName().str(), "", 256};
  std::vector<std::string> features;
  for (const auto& feature : llvm::sys::getHostCPUFeatures()) {
    features.push_back((feature.second ? "+" : "-") + feature.first().str());
    if (feature.second && feature.first() == "avx512vl") target.vector_bits = 512;
  }
  std::sort(features.begin(), features.end());
  for (const std::string& feature : features) absl::StrAppend(&target.features, target.features.empty() ? "" : ",", feature);
  return target;
}

}  // namespace plimsoll::codegen
