// plimsoll gpus [NAME]
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/plimsoll/command.h"
#include "tools/plimsoll/compiler_plugin.h"
#include "tools/plimsoll/text.h"

namespace plimsoll::cli {
namespace {

const compiler::GpuInfo::Figure* FigureOf(const compiler::GpuInfo& gpu, const std::string& name) {
  for (const auto& figure : gpu.figures) {
    if (figure.name == name) return &figure;
  }
  return nullptr;
}

std::string Shown(const compiler::GpuInfo::Figure* figure) {
  if (figure == nullptr) return "-";
  if (figure->unit == "B") return FormatBytes(static_cast<int64_t>(figure->value));
  if (figure->unit == "B/s") return absl::StrFormat("%.0f GB/s", figure->value / 1e9);
  if (figure->unit == "op/s") return absl::StrFormat("%.4g T/s", figure->value / 1e12);
  return absl::StrCat(figure->value);
}

void PrintTable(const std::vector<compiler::GpuInfo>& gpus) {
  std::printf("%-15s %-8s %12s %12s %12s %5s %12s %12s\n", "gpu", "arch", "memory", "for plans", "bandwidth", "SMs",
              "vector f32", "tensor f16");
  for (const auto& gpu : gpus) {
    std::printf("%-15s %-8s %12s %12s %12s %5s %12s %12s\n", gpu.name.c_str(), gpu.architecture.c_str(),
                Shown(FigureOf(gpu, "memory_bytes")).c_str(), FormatBytes(gpu.budget_bytes).c_str(),
                Shown(FigureOf(gpu, "memory_bandwidth")).c_str(), Shown(FigureOf(gpu, "multiprocessors")).c_str(),
                Shown(FigureOf(gpu, "vector f32")).c_str(), Shown(FigureOf(gpu, "tensor f16")).c_str());
  }
  std::printf("\nFor plans: memory less what context and libraries take. `plimsoll gpus NAME` gives the source of each figure.\n");
}

void PrintOne(const compiler::GpuInfo& gpu) {
  std::printf("%s (%s), %s, %s for plans\n", gpu.full_name.c_str(), gpu.name.c_str(), gpu.architecture.c_str(),
              FormatBytes(gpu.budget_bytes).c_str());
  for (const auto& figure : gpu.figures) {
    std::printf("  %-24s %14s   %s\n", figure.name.c_str(), Shown(&figure).c_str(), figure.source.c_str());
  }
}

Outcome Gpus(const std::string& name, bool json) {
  Outcome outcome;
  auto plugin = OpenCompiler();
  if (!plugin.ok()) return {plugin.status()};
  auto gpus = (*plugin)->gpus(name);
  if (!gpus.ok()) return {gpus.status()};
  outcome.json["gpus"] = Json::array();
  for (const auto& gpu : *gpus) {
    Json entry = {{"name", gpu.name}, {"full_name", gpu.full_name}, {"architecture", gpu.architecture},
                  {"aliases", gpu.aliases}, {"budget_bytes", gpu.budget_bytes}};
    for (const auto& figure : gpu.figures) {
      entry["figures"][figure.name] = {{"value", figure.value}, {"unit", figure.unit}, {"source", figure.source}};
    }
    outcome.json["gpus"].push_back(entry);
  }
  if (json) return outcome;
  if (name.empty()) PrintTable(*gpus);
  else PrintOne(gpus->front());
  return outcome;
}

}  // namespace

void AddGpus(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("gpus", "The hardware catalogue: memory, bandwidth and rates of GPUs, each figure with its source");
  auto name = std::make_shared<std::string>();
  command->add_option("NAME", *name, "One GPU, by name or alias");
  AddJson(*command, chosen);
  command->callback([=, &chosen] { chosen.run = [=, &chosen] { return Gpus(*name, chosen.json); }; });
}

}  // namespace plimsoll::cli
