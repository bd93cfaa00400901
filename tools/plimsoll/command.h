// A file a command: each adds its subcommand to the parser and says what runs when it is chosen.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/status/status.h"
#include "compiler/compile.h"

namespace plimsoll::cli {

using Json = nlohmann::ordered_json;

// What a command leaves behind: the exit code follows from `status`, unless `differs`.
struct Outcome {
  absl::Status status;
  bool differs = false;   // exit 6
  Json json;              // printed on stdout with --json, also when the status is an error
};

// The chosen command; set by the callback of its subcommand.
struct Chosen {
  std::function<Outcome()> run;
  bool json = false;
};

void AddCheck(CLI::App& app, Chosen& chosen);
void AddGpus(CLI::App& app, Chosen& chosen);
void AddCompile(CLI::App& app, Chosen& chosen);
void AddKernels(CLI::App& app, Chosen& chosen);
void AddRun(CLI::App& app, Chosen& chosen);
void AddBench(CLI::App& app, Chosen& chosen);
void AddInspect(CLI::App& app, Chosen& chosen);
void AddVerify(CLI::App& app, Chosen& chosen);
void AddSolve(CLI::App& app, Chosen& chosen);

// Options that commands share.
struct CompileFlags {
  std::string gpu;
  int streams = 4;
  std::string target = "cpu";
  int threads = 0;
  std::string precision = "f32";
  std::string budget;
  std::vector<std::string> shapes;
  std::vector<std::string> values;
  std::vector<std::string> disabled_passes;
};
void AddCompileFlags(CLI::App& command, CompileFlags& flags);
absl::StatusOr<compiler::Options> ToOptions(const CompileFlags& flags);

// Adds --json.
void AddJson(CLI::App& command, Chosen& chosen);

// The refusal, as the JSON keys that scripts rely on and as lines for people.
void AddRefusal(const absl::Status& status, Json& json);

}  // namespace plimsoll::cli
