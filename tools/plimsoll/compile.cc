// plimsoll compile MODEL -o PLAN.plim
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "tools/plimsoll/command.h"
#include "tools/plimsoll/compiler_plugin.h"
#include "tools/plimsoll/inputs.h"
#include "tools/plimsoll/plan_summary.h"
#include "tools/plimsoll/progress.h"
#include "tools/plimsoll/text.h"
#include "tools/plimsoll/write_file.h"

namespace plimsoll::cli {
namespace {

// kUnavailable where the folder cannot be made.
absl::Status WriteProblems(const std::string& folder, const std::map<std::string, std::string>& problems) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::UnavailableError(absl::StrCat(folder, ": cannot be made: ", error.message()));
  for (const auto& [name, text] : problems) {
    if (absl::Status status = WriteFile(absl::StrCat(folder, "/", name), text); !status.ok()) return status;
  }
  return absl::OkStatus();
}

Outcome Compile(const std::string& model, const std::string& output, const std::string& problems,
                const std::vector<std::string>& given, const CompileFlags& flags, bool json) {
  Outcome outcome;
  auto options = ToOptions(flags);
  if (!options.ok()) return {options.status()};
  auto plugin = OpenCompiler();
  if (!plugin.ok()) return {plugin.status()};
  if (absl::Status status = TakeFromInputs(given, model, **plugin, *options); !status.ok()) return {status};
  options->keep_problems = !problems.empty();
  absl::StatusOr<compiler::Compiled> compiled;
  {
    ProgressLine line;
    options->progress = [&](const compiler::Progress& progress) { line.Show(progress); };
    compiled = (*plugin)->compile(model, *options);
  }
  if (!compiled.ok()) {
    outcome.status = compiled.status();
    AddRefusal(outcome.status, outcome.json);
    return outcome;
  }
  outcome.status = plan::WriteArtefact(compiled->artefact, output);
  if (!outcome.status.ok()) return outcome;
  if (!problems.empty()) outcome.status = WriteProblems(problems, compiled->problems);
  if (!outcome.status.ok()) return outcome;
  outcome.json = PlanJson(compiled->artefact.plan);
  outcome.json["plan"] = output;
  outcome.json["parameters"] = compiled->report.parameters;
  outcome.json["flops"] = compiled->report.flops;
  outcome.json["seconds"] = compiled->report.seconds;
  outcome.json["warnings"] = compiled->report.warnings;
  double seconds = 0;
  for (const auto& [stage, time] : compiled->report.seconds) seconds += time;
  outcome.json["compile_seconds"] = seconds;
  for (const std::string& warning : compiled->report.warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  if (!json) {
    std::printf("%scompiled  %s in %s\n", PlanText(compiled->artefact.plan).c_str(), output.c_str(), FormatSeconds(seconds).c_str());
  }
  return outcome;
}

}  // namespace

void AddCompile(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("compile", "Makes a plan: every byte has its address, proven to fit the budget");
  auto model = std::make_shared<std::string>();
  auto output = std::make_shared<std::string>();
  auto flags = std::make_shared<CompileFlags>();
  command->add_option("MODEL", *model, "An ONNX file")->required();
  command->add_option("-o,--output", *output, "The plan to write, PLAN.plim")->required();
  auto problems = std::make_shared<std::string>();
  command->add_option("--problems", *problems,
                      "A folder for the problems that the passes solved, as plimsoll solve reads them: ordering.json, rematerialization.json, allocation.csv");
  auto given = std::make_shared<std::vector<std::string>>();
  command->add_option("--inputs", *given, "As for run: the first set gives open dimensions their sizes, and inputs that decide shapes their values")
      ->delimiter(',');
  AddCompileFlags(*command, *flags);
  AddJson(*command, chosen);
  command->callback([=, &chosen] { chosen.run = [=, &chosen] { return Compile(*model, *output, *problems, *given, *flags, chosen.json); }; });
}

}  // namespace plimsoll::cli
