#include "compiler/gpus.h"

#include "absl/strings/str_cat.h"
#include "passes/cost/hardware.h"

namespace plimsoll::compiler {
namespace {

GpuInfo InfoOf(const hardware::Gpu& gpu) {
  GpuInfo info{gpu.name(), gpu.full_name(), hardware::Architecture(gpu)};
  info.aliases.assign(gpu.aliases().begin(), gpu.aliases().end());
  info.budget_bytes = hardware::BudgetBytes(gpu);
  auto add = [&](const std::string& name, const hardware::Figure& figure, const char* unit) {
    info.figures.push_back({name, figure.value(), unit, figure.source()});
  };
  add("memory_bytes", gpu.memory_bytes(), "B");
  add("reserve_bytes", gpu.reserve_bytes(), "B");
  add("memory_bandwidth", gpu.memory_bandwidth(), "B/s");
  add("multiprocessors", gpu.multiprocessors(), "");
  add("shared_memory_per_block", gpu.shared_memory_per_block(), "B");
  for (const hardware::Rate& rate : gpu.rates()) {
    add(absl::StrCat(rate.unit() == hardware::Rate::TENSOR ? "tensor " : "vector ", rate.type()), rate.per_second(), "op/s");
  }
  return info;
}

}  // namespace

absl::StatusOr<std::vector<GpuInfo>> Gpus(const std::string& name) {
  std::vector<GpuInfo> infos;
  if (!name.empty()) {
    absl::StatusOr<const hardware::Gpu*> gpu = hardware::FindGpu(name);
    if (!gpu.ok()) return gpu.status();
    infos.push_back(InfoOf(**gpu));
    return infos;
  }
  for (const hardware::Gpu& gpu : hardware::Catalogue()) infos.push_back(InfoOf(gpu));
  return infos;
}

}  // namespace plimsoll::compiler
