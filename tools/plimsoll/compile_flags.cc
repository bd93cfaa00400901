#include "absl/strings/str_cat.h"
#include "tools/plimsoll/command.h"
#include "tools/plimsoll/tensor_file.h"
#include "tools/plimsoll/text.h"

namespace plimsoll::cli {

void AddCompileFlags(CLI::App& command, CompileFlags& flags) {
  command.add_option("--target", flags.target, "cpu, or cpu:x86-64-v3, cpu:x86-64-v4, cpu:native; cuda (sm_80), cuda:sm_NN")->capture_default_str();
  command.add_option("--gpu", flags.gpu, "An NVIDIA GPU, as `plimsoll gpus` lists them: sets target and budget");
  command.add_option("--streams", flags.streams, "CUDA: streams at most, where commands are independent")->check(CLI::Range(1, 16))->capture_default_str();
  command.add_option("--threads", flags.threads, "Threads that the plan is made for (default: all cores)")->check(CLI::Range(1, 1024));
  command.add_option("--precision", flags.precision, "f32; bf16 or f16: matrix products and what follows them in it, the rest in f32; tf32: CUDA, products of operands rounded to it")
      ->check(CLI::IsMember({"f32", "bf16", "f16", "tf32"}))->capture_default_str();
  command.add_option("--budget", flags.budget, "Bytes that the plan may take, as 512M or 6GiB (default: no limit)");
  command.add_option("--shapes", flags.shapes, "Shapes of inputs with open dimensions, as x:1x3x224x224,y:8x128; dimensions of the same name follow")->delimiter(',');
  command.add_option("--values", flags.values, "NAME=FILE.pb|FILE.npy: fixes an input that decides shapes")->delimiter(',');
  command.add_option("--disable-pass", flags.disabled_passes, "Leaves a pass out, by name (for finding faults)")->delimiter(',');
}

absl::StatusOr<compiler::Options> ToOptions(const CompileFlags& flags) {
  compiler::Options options;
  options.target = flags.target;
  options.gpu = flags.gpu;
  options.streams = flags.streams;
  options.threads = flags.threads;
  options.precision = flags.precision;
  options.disabled_passes = flags.disabled_passes;
  if (!flags.budget.empty()) {
    absl::StatusOr<int64_t> bytes = ParseBytes(flags.budget);
    if (!bytes.ok()) return absl::InvalidArgumentError(absl::StrCat("--budget: ", bytes.status().message()));
    options.budget_bytes = *bytes;
  }
  for (const std::string& text : flags.shapes) {
    auto shape = ParseShape(text);
    if (!shape.ok()) return absl::InvalidArgumentError(absl::StrCat("--shapes: ", shape.status().message()));
    options.shapes[shape->first] = shape->second;
  }
  for (const std::string& text : flags.values) {
    const size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError(absl::StrCat("--values: '", text, "': write NAME=FILE"));
    }
    absl::StatusOr<Tensor> tensor = ReadTensor(text.substr(equals + 1));
    if (!tensor.ok()) return tensor.status();
    const std::string name = text.substr(0, equals);
    options.values[name] = tensor->bytes;
    options.shapes[name] = {tensor->type.dims().begin(), tensor->type.dims().end()};
  }
  return options;
}

void AddJson(CLI::App& command, Chosen& chosen) {
  command.add_flag("--json", chosen.json, "One JSON document on stdout; messages go to stderr");
}

void AddRefusal(const absl::Status& status, Json& json) {
  std::optional<compiler::Refusal> refusal = compiler::RefusalOf(status);
  if (!refusal) return;
  json["smallest_feasible_budget_bytes"] = refusal->smallest_feasible_budget_bytes;
  json["lower_bound_bytes"] = refusal->lower_bound_bytes;
  json["proven_infeasible"] = refusal->proven_infeasible;
  json["binding_tensor"] = refusal->binding_tensor;
}

}  // namespace plimsoll::cli
