// plimsoll run PLAN|MODEL
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/plimsoll/command.h"
#include "tools/plimsoll/compare.h"
#include "tools/plimsoll/compiler_plugin.h"
#include "tools/plimsoll/data_set.h"
#include "tools/plimsoll/execution.h"
#include "tools/plimsoll/inputs.h"
#include "tools/plimsoll/text.h"

namespace plimsoll::cli {
namespace {

struct RunFlags {
  std::string subject, outputs, weights_directory;
  std::vector<std::string> inputs, expect;
  std::optional<double> relative, absolute, rms;
  CompileFlags compile;
};

// What was asked for; else numpy's measure, and for low precision a share of the root mean square.
Tolerance ToleranceOf(const RunFlags& flags, const std::string& precision) {
  Tolerance tolerance;
  tolerance.relative = flags.relative.value_or(tolerance.relative);
  tolerance.absolute = flags.absolute.value_or(tolerance.absolute);
  if (flags.rms) tolerance.rms = *flags.rms;
  else if (!flags.relative && !flags.absolute) tolerance.rms = precision == "bf16" ? 5e-2 : precision == "f16" || precision == "tf32" ? 1e-2 : 0;
  return tolerance;
}

// Gives a session for each set: always the same one for a plan; for a model, one compiled for the set's shapes.
class Sessions {
 public:
  explicit Sessions(const RunFlags& flags) : flags_(flags) {}

  absl::Status Open() {
    auto is_plan = IsPlan(flags_.subject);
    if (!is_plan.ok()) return is_plan.status();
    is_plan_ = *is_plan;
    if (is_plan_) {
      runtime::LoadOptions load;
      load.weights_directory = flags_.weights_directory;
      auto program = runtime::Program::Load(flags_.subject, load);
      if (!program.ok()) return program.status();
      return Make(*program);
    }
    auto options = ToOptions(flags_.compile);
    if (!options.ok()) return options.status();
    options_ = *std::move(options);
    auto compiler = OpenCompiler();
    if (!compiler.ok()) return compiler.status();
    compiler_ = *compiler;
    compiler::Options open;   // only the names of the inputs are asked for
    auto check = compiler_->check(flags_.subject, open);
    if (!check.ok()) return check.status();
    for (const auto& input : check->inputs) input_names_.push_back(input.name);
    return absl::OkStatus();
  }

  const std::vector<std::string>& input_names() const { return input_names_; }

  absl::StatusOr<runtime::Session*> For(const Tensors& inputs) {
    if (is_plan_) return session_.get();
    for (const auto& [name, tensor] : inputs) {
      if (std::find(input_names_.begin(), input_names_.end(), name) == input_names_.end() &&
          std::find(input_names_.begin(), input_names_.end(), ListName(name)) == input_names_.end()) {
        return absl::InvalidArgumentError(absl::StrCat("'", name, "' is no input of the model; its inputs are ", absl::StrJoin(input_names_, ", ")));
      }
    }
    auto compiled = CompileAndLoad(*compiler_, flags_.subject, options_, inputs);
    if (!compiled.ok()) return compiled.status();
    if (absl::Status status = Make(compiled->program); !status.ok()) return status;
    return session_.get();
  }

 private:
  absl::Status Make(std::shared_ptr<const runtime::Program> program) {
    input_names_ = InputNames(program->plan());
    session_.reset();   // one arena at a time
    auto session = runtime::Session::Create(std::move(program));
    if (!session.ok()) return session.status();
    session_ = *std::move(session);
    return absl::OkStatus();
  }

  const RunFlags& flags_;
  bool is_plan_ = false;
  compiler::Options options_;
  const compiler::Plugin* compiler_ = nullptr;
  std::vector<std::string> input_names_;
  std::unique_ptr<runtime::Session> session_;
};

// The expected tensors of a set: from the folder itself, from its subfolder of the set's name, or one of NAME=FILE.
absl::StatusOr<std::map<std::string, Tensor>> Expected(const std::string& folder, const DataSet& set, const std::vector<std::string>& names) {
  if (const size_t equals = folder.rfind('='); equals != std::string::npos && !std::filesystem::is_directory(folder)) {
    const std::string name = folder.substr(0, equals);
    if (!absl::c_linear_search(names, name)) {
      return absl::InvalidArgumentError(absl::StrCat("--expect: there is no output '", name, "'; the outputs are: ", absl::StrJoin(names, ", ")));
    }
    auto tensor = ReadTensor(folder.substr(equals + 1));
    if (!tensor.ok()) return tensor.status();
    return std::map<std::string, Tensor>{{name, *std::move(tensor)}};
  }
  const std::string inner = absl::StrCat(folder, "/", set.name);
  const bool has_inner = !set.name.empty() && std::filesystem::is_directory(inner);
  auto expected = ReadTensors(has_inner ? inner : folder, "output", names);
  if (expected.ok() && expected->empty()) {
    return absl::NotFoundError(absl::StrCat(has_inner ? inner : folder, ": holds no output_J.pb and no NAME.npy of an output"));
  }
  return expected;
}

absl::Status WriteOutputs(const std::string& folder, const DataSet& set, const std::vector<std::string>& names, const Tensors& outputs) {
  const std::string target = absl::StrCat(folder, "/", set.name.empty() ? "test_data_set_0" : set.name);
  std::error_code error;
  std::filesystem::create_directories(target, error);
  if (error) return absl::UnavailableError(absl::StrCat(target, ": cannot be made: ", error.message()));
  for (size_t j = 0; j < names.size(); ++j) {
    absl::Status status = WriteTensor(outputs.at(names[j]), absl::StrCat(target, "/output_", j, ".pb"));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

Outcome Run(const RunFlags& flags, bool json) {
  Outcome outcome;
  auto source = InputSource::Create(flags.inputs);
  if (!source.ok()) return {source.status()};
  Sessions sessions(flags);
  if (absl::Status status = sessions.Open(); !status.ok()) {
    outcome.status = status;
    AddRefusal(status, outcome.json);
    return outcome;
  }
  outcome.json["sets"] = Json::array();
  for (const DataSet& set : source->sets()) {
    Json result;
    result["set"] = set.name;
    auto inputs = source->Read(set, sessions.input_names());
    if (!inputs.ok()) return {inputs.status()};
    auto session = sessions.For(*inputs);
    if (!session.ok()) {
      outcome.status = session.status();
      AddRefusal(outcome.status, outcome.json);
      return outcome;
    }
    const auto start = std::chrono::steady_clock::now();
    auto outputs = RunOnce(**session, *inputs);
    if (!outputs.ok()) return {outputs.status()};
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    result["seconds"] = seconds;
    const std::vector<std::string> names = OutputNames((*session)->program().plan());
    if (!json) std::printf("%s%sran in %s\n", set.name.c_str(), set.name.empty() ? "" : ": ", FormatSeconds(seconds).c_str());
    if (!flags.outputs.empty()) {
      if (absl::Status status = WriteOutputs(flags.outputs, set, names, *outputs); !status.ok()) return {status};
    }
    std::map<std::string, Tensor> expected;
    for (const std::string& folder : flags.expect) {
      auto read = Expected(folder, set, names);
      if (!read.ok()) return {read.status()};
      expected.merge(*read);
    }
    const Tolerance tolerance = ToleranceOf(flags, (*session)->program().plan().precision());
    for (const std::string& name : names) {
      const Tensor& actual = outputs->at(name);
      Json output = {{"name", name}};
      output["dims"] = std::vector<int64_t>(actual.type.dims().begin(), actual.type.dims().end());
      auto found = expected.find(name);
      if (found != expected.end()) {
        const Difference difference = Compare(actual, found->second, tolerance);
        output["equal"] = difference.equal;
        output["largest_difference"] = difference.largest;
        output["largest_relative_difference"] = difference.largest_relative;
        output["rms_relative_difference"] = difference.rms_relative;
        if (!difference.equal) {
          outcome.differs = true;
          output["reason"] = difference.reason;
        }
        if (!json) {
          std::printf("  %-32s %s: largest difference %.3g (%.3g of the largest value, rms %.3g)%s%s\n", name.c_str(), difference.equal ? "as expected" : "DIFFERS",
                      difference.largest, difference.largest_relative, difference.rms_relative, difference.equal ? "" : ": ", difference.reason.c_str());
        }
      } else if (!json) {
        std::printf("  %-32s %lld bytes\n", name.c_str(), static_cast<long long>(actual.bytes.size()));
      }
      result["outputs"].push_back(output);
    }
    outcome.json["sets"].push_back(result);
  }
  return outcome;
}

}  // namespace

void AddRun(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("run", "Runs a plan, or compiles and runs a model, on given inputs");
  auto flags = std::make_shared<RunFlags>();
  command->add_option("PLAN|MODEL", flags->subject, "A plan or an ONNX file")->required();
  command->add_option("--inputs", flags->inputs, "Folder with test_data_set_K, one such set, NAME.npy files; or NAME=FILE")->delimiter(',');
  command->add_option("--outputs", flags->outputs, "Writes OUT/test_data_set_K/output_J.pb here");
  command->add_option("--expect", flags->expect, "Folder, as for --inputs, or NAME=FILE: compares with the outputs found there; exit 6 where one differs")->delimiter(',');
  command->add_option("--rtol", flags->relative, "Relative tolerance of floats (default: 1e-3)");
  command->add_option("--atol", flags->absolute, "Absolute tolerance of floats (default: 1e-4)");
  command->add_option("--rms", flags->rms, "Judges floats by rms(difference) / rms(expected) alone (default for bf16 plans: 5e-2, for f16: 1e-2)");
  command->add_option("--weights", flags->weights_directory, "Folder of external weight files (default: beside the plan)");
  AddCompileFlags(*command, flags->compile);
  AddJson(*command, chosen);
  command->callback([=, &chosen] { chosen.run = [=, &chosen] { return Run(*flags, chosen.json); }; });
}

}  // namespace plimsoll::cli
