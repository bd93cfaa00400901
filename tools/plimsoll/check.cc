// plimsoll check MODEL
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/plimsoll/command.h"
#include "tools/plimsoll/compiler_plugin.h"
#include "tools/plimsoll/text.h"

namespace plimsoll::cli {
namespace {

Outcome Check(const std::string& model, const CompileFlags& flags, bool json) {
  Outcome outcome;
  auto options = ToOptions(flags);
  if (!options.ok()) return {options.status()};
  auto plugin = OpenCompiler();
  if (!plugin.ok()) return {plugin.status()};
  auto result = (*plugin)->check(model, *options);
  if (!result.ok()) return {result.status()};
  outcome.json["parameters"] = result->parameters;
  outcome.json["weight_bytes"] = result->weight_bytes;
  outcome.json["nodes"] = result->nodes;
  outcome.json["flops"] = result->flops;
  if (result->flops > 0) {
    outcome.json["memory_bytes"] = {{"weights", result->weight_bytes}, {"activations", result->activation_bytes},
                                    {"inputs_outputs", result->input_output_bytes}};
  }
  outcome.json["operators"] = result->operators;
  auto values = [](const auto& list) {
    Json array = Json::array();
    for (const auto& value : list) array.push_back({{"name", value.name}, {"type", value.type}});
    return array;
  };
  outcome.json["inputs"] = values(result->inputs);
  outcome.json["outputs"] = values(result->outputs);
  outcome.json["open_inputs"] = result->open_inputs;
  outcome.json["needed_values"] = result->needed_values;
  if (json) return outcome;
  for (const auto& input : result->inputs) std::printf("input       %s  %s\n", input.name.c_str(), input.type.c_str());
  for (const auto& output : result->outputs) std::printf("output      %s  %s\n", output.name.c_str(), output.type.c_str());
  std::printf("nodes       %lld\n", static_cast<long long>(result->nodes));
  std::printf("parameters  %s (%s)\n", FormatCount(result->parameters).c_str(), FormatBytes(result->weight_bytes).c_str());
  if (result->flops > 0) {
    std::printf("work        %sFLOP a run\n", FormatCount(result->flops).c_str());
    std::printf("memory      weights %s, inputs and outputs %s, activations %s node by node (compile plans less)\n",
                FormatBytes(result->weight_bytes).c_str(), FormatBytes(result->input_output_bytes).c_str(),
                FormatBytes(result->activation_bytes).c_str());
  }
  std::printf("operators   %s\n", absl::StrJoin(result->operators, ", ", absl::PairFormatter(" ")).c_str());
  if (!result->open_inputs.empty()) {
    std::printf("open        %s: give their shapes with --shapes to compile\n", absl::StrJoin(result->open_inputs, ", ").c_str());
  }
  if (!result->needed_values.empty()) {
    std::printf("values      %s: they decide shapes; give them with --values to compile\n", absl::StrJoin(result->needed_values, ", ").c_str());
    std::printf("Every operator is known; whether each form of them is supported shows with the values.\n");
    return outcome;
  }
  std::printf("All operators are supported.\n");
  return outcome;
}

}  // namespace

void AddCheck(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("check", "Tells whether a model can be compiled: every unsupported operator at once; parameters, work, memory");
  auto model = std::make_shared<std::string>();
  auto flags = std::make_shared<CompileFlags>();
  command->add_option("MODEL", *model, "An ONNX file")->required();
  AddCompileFlags(*command, *flags);
  AddJson(*command, chosen);
  command->callback([=, &chosen] { chosen.run = [=, &chosen] { return Check(*model, *flags, chosen.json); }; });
}

}  // namespace plimsoll::cli
