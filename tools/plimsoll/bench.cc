// plimsoll bench PLAN|MODEL: latency, throughput, memory planned and measured.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/match.h"
#include "ir/plan/artefact.h"
#include "ir/plan/types.h"
#include "tools/plimsoll/command.h"
#include "tools/plimsoll/compiler_plugin.h"
#include "tools/plimsoll/execution.h"
#include "tools/plimsoll/inputs.h"
#include "tools/plimsoll/profile.h"
#include "tools/plimsoll/random_weights.h"
#include "tools/plimsoll/text.h"

namespace plimsoll::cli {
namespace {

struct BenchFlags {
  std::string subject, weights_directory;
  std::vector<std::string> inputs;
  int iterations = 0, warmup = 3;
  double seconds = 2;
  bool profile = false, random_weights = false, tune = false;
  CompileFlags compile;
};

// A field of /proc/self/status in bytes, as VmRSS or VmHWM; 0 if it is not there.
int64_t ProcessBytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (absl::StartsWith(line, field + ":")) {
      int64_t kib = 0;
      const size_t first = line.find_first_of("0123456789"), last = line.find_last_of("0123456789");
      if (first != std::string::npos && absl::SimpleAtoi(line.substr(first, last - first + 1), &kib)) return kib << 10;
    }
  }
  return 0;
}

// Memory of the GPU, planned and measured, and what the libraries could not do.
void AddDevice(const runtime::Program& program, const runtime::Session& session, Json& json, bool as_json) {
  const runtime::DeviceUsage usage = program.device_usage();
  const int64_t process = program.device().MemoryUsage().process_bytes;
  json["device"] = program.device().name();
  json["device_memory"] = {{"planned_peak_bytes", program.plan().certificate().peak_bytes()},
                           {"planned_bytes", usage.planned_bytes},
                           {"planned_reserve_bytes", usage.planned_reserve_bytes},
                           {"measured_reserve_bytes", usage.measured_reserve_bytes},
                           {"process_bytes", process}};
  if (process >= 0) json["measured_peak_bytes"] = process;   // what the budget is about, in place of the host's growth
  json["graphs"] = session.graph_count();
  json["fallbacks"] = Json::array();
  for (const runtime::Fallback& fallback : session.fallbacks()) {
    json["fallbacks"].push_back({{"command", fallback.command}, {"reason", std::string(fallback.reason.message())}});
  }
  if (as_json) return;
  std::printf("device    %s: the process holds %s, planned %s\n", program.device().name().c_str(),
              process < 0 ? "an unknown number of bytes" : FormatBytes(process).c_str(),
              FormatBytes(program.plan().certificate().peak_bytes()).c_str());
  if (!session.fallbacks().empty()) {
    std::printf("fallback  %zu library calls are generated kernels; the first: %s\n", session.fallbacks().size(),
                std::string(session.fallbacks()[0].reason.message()).c_str());
  }
}

Tensors Zeros(const plan::Plan& plan) {
  Tensors tensors;
  for (const plan::Binding& binding : plan.signature().inputs()) {
    if (binding.fixed()) continue;
    Tensor tensor;
    tensor.name = binding.name();
    tensor.type = binding.type();
    tensor.type.clear_slots();
    tensor.bytes.assign(plan::ByteSize(tensor.type).value_or(0), '\0');
    tensors[tensor.name] = std::move(tensor);
  }
  return tensors;
}

Outcome Bench(const BenchFlags& flags, bool json) {
  Outcome outcome;
  auto source = InputSource::Create(flags.inputs);
  if (!source.ok()) return {source.status()};
  auto is_plan = IsPlan(flags.subject);
  if (!is_plan.ok()) return {is_plan.status()};
  const int64_t base_bytes = ProcessBytes("VmRSS");
  std::optional<RandomWeights> random_weights;   // outlives the program that maps them
  std::shared_ptr<const runtime::Program> program;
  auto load_start = std::chrono::steady_clock::now();
  if (*is_plan) {
    runtime::LoadOptions load;
    load.weights_directory = flags.weights_directory;
    if (flags.random_weights) {
      auto artefact = plan::ReadArtefact(flags.subject, {.defer_weights = true});   // its plan alone is looked at
      if (!artefact.ok()) return {artefact.status()};
      auto made = RandomWeights::Create(artefact->plan());
      if (!made.ok()) return {made.status()};
      random_weights.emplace(*std::move(made));
      load.weights_directory = random_weights->folder();
    }
    load.verify_weights = false;
    load.tune = flags.tune;
    load_start = std::chrono::steady_clock::now();
    auto loaded = runtime::Program::Load(flags.subject, load);
    if (!loaded.ok()) return {loaded.status()};
    program = *std::move(loaded);
  } else {
    auto options = ToOptions(flags.compile);
    if (!options.ok()) return {options.status()};
    auto compiler = OpenCompiler();
    if (!compiler.ok()) return {compiler.status()};
    auto check = (*compiler)->check(flags.subject, {});
    if (!check.ok()) return {check.status()};
    std::vector<std::string> names;
    for (const auto& input : check->inputs) names.push_back(input.name);
    auto inputs = source->Read(source->sets().front(), names);
    if (!inputs.ok()) return {inputs.status()};
    auto compiled = CompileAndLoad(**compiler, flags.subject, *options, *inputs);
    if (!compiled.ok()) {
      outcome.status = compiled.status();
      AddRefusal(outcome.status, outcome.json);
      return outcome;
    }
    program = compiled->program;
  }
  auto session = runtime::Session::Create(program);
  if (!session.ok()) return {session.status()};
  const double load_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - load_start).count();
  Tensors inputs = Zeros(program->plan());
  auto given = source->Read(source->sets().front(), InputNames(program->plan()));
  if (!given.ok()) return {given.status()};
  for (auto& [name, tensor] : *given) inputs[name] = std::move(tensor);
  if (absl::Status status = Bind(**session, inputs); !status.ok()) return {status};

  std::vector<double> seconds;
  const auto start = std::chrono::steady_clock::now();
  auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  for (int i = 0; i < flags.warmup; ++i) {
    if (absl::Status status = (*session)->Run(); !status.ok()) return {status};
  }
  while (flags.iterations > 0 ? static_cast<int>(seconds.size()) < flags.iterations : (seconds.size() < 5 || elapsed() < flags.seconds)) {
    const auto begin = std::chrono::steady_clock::now();
    if (absl::Status status = (*session)->Run(); !status.ok()) return {status};
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(seconds.begin(), seconds.end());
  auto quantile = [&](double q) { return seconds[std::min(seconds.size() - 1, static_cast<size_t>(q * static_cast<double>(seconds.size())))]; };
  const plan::Certificate& certificate = program->plan().certificate();
  const int64_t measured = ProcessBytes("VmHWM");
  outcome.json["iterations"] = seconds.size();
  outcome.json["latency_seconds"] = {{"median", quantile(0.5)}, {"p90", quantile(0.9)}, {"min", seconds.front()}};
  outcome.json["throughput_per_second"] = static_cast<double>(seconds.size()) / std::accumulate(seconds.begin(), seconds.end(), 0.0);
  outcome.json["load_seconds"] = load_seconds;
  outcome.json["planned_peak_bytes"] = certificate.peak_bytes();
  outcome.json["planned_run_peak_bytes"] = certificate.run_peak_bytes();
  outcome.json["measured_peak_bytes"] = measured - base_bytes;
  outcome.json["process_peak_bytes"] = measured;
  outcome.json["process_base_bytes"] = base_bytes;
  outcome.json["arena_bytes"] = (*session)->arena_bytes();
  outcome.json["resident_weight_bytes"] = program->resident_weight_bytes();
  const plan::Target& target = program->plan().target();
  if (target.kind() == plan::Target::CUDA) AddDevice(*program, **session, outcome.json, json);
  if (!json) {
    std::printf("latency   median %s, p90 %s, least %s over %zu runs\n", FormatSeconds(quantile(0.5)).c_str(), FormatSeconds(quantile(0.9)).c_str(),
                FormatSeconds(seconds.front()).c_str(), seconds.size());
    std::printf("load      %s\n", FormatSeconds(load_seconds).c_str());
    std::printf("planned   peak %s: weights %s, arena %s\n", FormatBytes(certificate.peak_bytes()).c_str(),
                FormatBytes(program->resident_weight_bytes()).c_str(), FormatBytes((*session)->arena_bytes()).c_str());
    std::printf("measured  the process grew by %s at most, from %s before loading (libraries' own code and heap included)\n",
                FormatBytes(measured - base_bytes).c_str(), FormatBytes(base_bytes).c_str());
  }
  if (flags.profile) {
    auto times = Profile(**session, static_cast<int>(std::max<size_t>(5, std::min<size_t>(seconds.size(), 200))));
    if (!times.ok()) return {times.status()};
    ShowProfile(program->plan(), *times, outcome.json, json);
  }
  return outcome;
}

}  // namespace

void AddBench(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("bench", "Measures latency and memory, planned and measured");
  auto flags = std::make_shared<BenchFlags>();
  command->add_option("PLAN|MODEL", flags->subject, "A plan or an ONNX file")->required();
  command->add_option("--inputs", flags->inputs, "As for run; the first set is used (default: zeros)")->delimiter(',');
  command->add_option("--iterations", flags->iterations, "Timed runs (default: as many as take --seconds)")->check(CLI::PositiveNumber);
  command->add_option("--warmup", flags->warmup, "Runs before the timed ones")->capture_default_str();
  command->add_option("--seconds", flags->seconds, "Time to measure for")->capture_default_str();
  command->add_flag("--profile", flags->profile, "Time by command and node, after the timed runs");
  command->add_option("--weights", flags->weights_directory, "Folder of external weight files (default: beside the plan)");
  command->add_flag("--tune", flags->tune, "GPU plans: time the libraries' algorithms while loading, keep the fastest");
  command->add_flag("--random-weights", flags->random_weights, "Plans with external weights: random ones instead, for timing");
  AddCompileFlags(*command, flags->compile);
  AddJson(*command, chosen);
  command->callback([=, &chosen] { chosen.run = [=, &chosen] { return Bench(*flags, chosen.json); }; });
}

}  // namespace plimsoll::cli
