// plimsoll kernels MODEL --cuda=sm_80
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/plimsoll/command.h"
#include "tools/plimsoll/compiler_plugin.h"
#include "tools/plimsoll/data_set.h"
#include "tools/plimsoll/inputs.h"
#include "tools/plimsoll/progress.h"
#include "tools/plimsoll/text.h"
#include "tools/plimsoll/write_file.h"

namespace plimsoll::cli {
namespace {

void Print(const compiler::CudaKernels& cuda) {
  const bool assembled = !cuda.cubin.empty();
  std::printf("%-44s %5s %10s %7s %-10s %5s %6s %6s\n", "kernel", "uses", "blocks", "threads", "skeleton", "regs",
              "spills", "shared");
  int64_t uses = 0, spilling = 0;
  int most = 0;
  std::map<std::string, int64_t> skeletons;
  for (const auto& kernel : cuda.kernels) {
    std::printf("%-44s %5ld %10ld %7d %-10s", kernel.symbol.c_str(), static_cast<long>(kernel.uses),
                static_cast<long>(kernel.blocks), kernel.threads, absl::StrJoin(kernel.skeletons, "+").c_str());
    if (assembled)
      std::printf(" %5d %6ld %6ld", kernel.registers, static_cast<long>(kernel.spill_bytes),
                  static_cast<long>(kernel.shared_bytes));
    std::printf("\n");
    uses += kernel.uses;
    spilling += kernel.spill_bytes > 0;
    most = std::max(most, kernel.registers);
    for (const std::string& skeleton : kernel.skeletons) ++skeletons[skeleton];
  }
  std::printf("%s: %ld kernels for %ld operations (", cuda.arch.c_str(), static_cast<long>(cuda.kernels.size()),
              static_cast<long>(uses));
  const char* comma = "";
  for (const auto& [name, count] : skeletons)
    std::printf("%s%s %ld", std::exchange(comma, ", "), name.c_str(), static_cast<long>(count));
  std::printf("), %s of PTX", FormatBytes(static_cast<int64_t>(cuda.ptx.size())).c_str());
  if (assembled) std::printf("; at most %d registers, %ld kernels with spills", most, static_cast<long>(spilling));
  std::printf("\n");
  if (!cuda.assembler_note.empty()) std::printf("not assembled: %s\n", cuda.assembler_note.c_str());
}

Json ToJson(const compiler::CudaKernels& cuda) {
  Json json;
  json["arch"] = cuda.arch;
  json["assembled"] = !cuda.cubin.empty();
  if (!cuda.assembler_note.empty()) json["assembler_note"] = cuda.assembler_note;
  json["ptx_bytes"] = cuda.ptx.size();
  json["kernels"] = Json::array();
  for (const auto& kernel : cuda.kernels) {
    Json row = {{"symbol", kernel.symbol},   {"uses", kernel.uses},           {"blocks", kernel.blocks},
                {"threads", kernel.threads}, {"skeletons", kernel.skeletons}, {"work_bytes", kernel.work_bytes}};
    if (!cuda.cubin.empty()) {
      row["registers"] = kernel.registers;
      row["spill_bytes"] = kernel.spill_bytes;
      row["stack_bytes"] = kernel.stack_bytes;
      row["shared_bytes"] = kernel.shared_bytes;
    }
    json["kernels"].push_back(std::move(row));
  }
  return json;
}

Outcome ListKernels(const std::string& model, const std::string& arch, const std::string& folder,
                    const std::vector<std::string>& given, const CompileFlags& flags, bool json) {
  Outcome outcome;
  auto options = ToOptions(flags);
  if (!options.ok()) return {options.status()};
  options->target = "cuda:" + arch;
  options->kernels_only = true;
  auto plugin = OpenCompiler();
  if (!plugin.ok()) return {plugin.status()};
  if (absl::Status status = TakeFromInputs(given, model, **plugin, *options); !status.ok()) return {status};
  absl::StatusOr<compiler::Compiled> compiled;
  {
    ProgressLine line;
    options->progress = [&](const compiler::Progress& progress) { line.Show(progress); };
    compiled = (*plugin)->compile(model, *options);
  }
  if (!compiled.ok()) return {compiled.status()};
  const compiler::CudaKernels& cuda = compiled->cuda;
  if (!folder.empty()) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return {absl::UnavailableError(absl::StrCat("cannot make the folder ", folder, ": ", error.message()))};
    outcome.status = WriteFile(folder + "/kernels.ptx", cuda.ptx);
    if (outcome.status.ok() && !cuda.cubin.empty()) outcome.status = WriteFile(folder + "/kernels.cubin", cuda.cubin);
    if (!outcome.status.ok()) return outcome;
  }
  outcome.json = ToJson(cuda);
  if (!json) Print(cuda);
  return outcome;
}

}  // namespace

void AddKernels(CLI::App& app, Chosen& chosen) {
  auto* command =
      app.add_subcommand("kernels", "The GPU kernels of a model: launches, registers, spills; needs no GPU");
  auto model = std::make_shared<std::string>();
  auto arch = std::make_shared<std::string>("sm_80");
  auto folder = std::make_shared<std::string>();
  auto inputs = std::make_shared<std::vector<std::string>>();
  auto flags = std::make_shared<CompileFlags>();
  command->add_option("MODEL", *model, "An ONNX file")->required();
  command->add_option("--cuda", *arch, "Architecture, sm_60 to sm_120")->capture_default_str();
  command->add_option("-o,--output", *folder, "Writes DIR/kernels.ptx, and DIR/kernels.cubin where ptxas is found");
  command->add_option("--inputs", *inputs, "A data set, or NAME=FILE: gives open dimensions their sizes")
      ->delimiter(',');
  AddCompileFlags(*command, *flags);
  AddJson(*command, chosen);
  command->callback([=, &chosen] {
    chosen.run = [=, &chosen] { return ListKernels(*model, *arch, *folder, *inputs, *flags, chosen.json); };
  });
}

}  // namespace plimsoll::cli
