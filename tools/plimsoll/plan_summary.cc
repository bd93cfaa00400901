#include "tools/plimsoll/plan_summary.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "ir/plan/collective.h"
#include "ir/plan/types.h"
#include "tools/plimsoll/text.h"

namespace plimsoll::cli {
namespace {

struct Counts {
  int launches = 0, library_calls = 0, host_calls = 0, collectives = 0, others = 0;
};

Counts CountCommands(const plan::Program& program) {
  Counts counts;
  for (const plan::Command& command : program.commands()) {
    if (command.has_launch()) ++counts.launches;
    else if (command.has_library_call()) ++counts.library_calls;
    else if (command.has_host_call()) ++counts.host_calls;
    else if (command.has_collective()) ++counts.collectives;
    else ++counts.others;
  }
  return counts;
}

double GapOf(const plan::Certificate& certificate) {
  if (certificate.session_lower_bound_bytes() <= 0) return 1;
  return static_cast<double>(certificate.session_arena_bytes()) / static_cast<double>(certificate.session_lower_bound_bytes());
}

// "x86-64-v3, 2 threads", "CUDA sm_90, h200"
std::string TargetText(const plan::Target& target) {
  if (target.kind() == plan::Target::CPU) return absl::StrCat(target.isa(), ", ", target.threads(), " threads");
  return absl::StrCat("CUDA ", target.architecture(), target.gpu().empty() ? "" : ", ", target.gpu());
}

// By how much recomputation makes the work more, as a share of the work without it.
double FlopsIncrease(const plan::Plan& plan) {
  double once = 0;
  for (const plan::Command& command : plan.run().commands()) once += command.recomputed() ? 0 : command.flops();
  return once > 0 ? plan.certificate().recomputed_flops() / once : 0;
}

}  // namespace

const char* ClassName(plan::MemoryClass memory_class) {
  switch (memory_class) {
    case plan::WEIGHTS: return "weights";
    case plan::GRADIENTS: return "gradients";
    case plan::OPTIMIZER_STATES: return "optimizer_states";
    case plan::ACTIVATIONS: return "activations";
    case plan::WORKSPACE: return "workspace";
    case plan::COMMUNICATION: return "communication";
    case plan::RESERVED: return "reserved";
    case plan::INPUTS_OUTPUTS: return "inputs_outputs";
    default: return "unknown";
  }
}

Json PlanJson(const plan::Plan& plan) {
  const plan::Certificate& certificate = plan.certificate();
  Json json;
  json["model"] = plan.model_name();
  const bool is_cuda = plan.target().kind() == plan::Target::CUDA;
  json["target"] = is_cuda ? plan.target().architecture() : plan.target().isa();
  json["device"] = is_cuda ? "cuda" : "cpu";
  if (!plan.target().gpu().empty()) json["gpu"] = plan.target().gpu();
  json["threads"] = plan.target().threads();
  json["precision"] = plan.precision().empty() ? "f32" : plan.precision();
  json["peak_bytes"] = certificate.peak_bytes();
  if (plan.has_budget_bytes()) json["budget_bytes"] = plan.budget_bytes();
  if (plan.has_smallest_feasible_budget_bytes()) {
    json["smallest_feasible_budget_bytes"] = plan.smallest_feasible_budget_bytes();
  }
  Json classes;
  for (const char* name : {"weights", "gradients", "optimizer_states", "activations", "workspace", "communication",
                           "inputs_outputs", "reserved"}) {
    classes[name] = 0;
  }
  for (const plan::ClassBytes& bytes : certificate.at_peak()) classes[ClassName(bytes.memory_class())] = bytes.bytes();
  json["memory_bytes"] = classes;
  json["load_peak_bytes"] = certificate.load_peak_bytes();
  json["run_peak_bytes"] = certificate.run_peak_bytes();
  json["resident_weight_bytes"] = certificate.resident_weight_bytes();
  json["arena_bytes"] = certificate.session_arena_bytes();
  json["arena_lower_bound_bytes"] = certificate.session_lower_bound_bytes();
  json["arena_ratio"] = GapOf(certificate);
  json["proven_optimal"] = certificate.session_proven_optimal();
  json["binding_tensor"] = certificate.binding_tensor();
  json["host_bytes"] = certificate.host_bytes();
  const Counts run = CountCommands(plan.run());
  json["commands"] = {{"kernels", run.launches}, {"library_calls", run.library_calls}, {"host_calls", run.host_calls},
                      {"collectives", run.collectives}, {"others", run.others}};
  json["host_calls"] = Json::array();
  for (const plan::Command& command : plan.run().commands()) {
    if (!command.has_host_call()) continue;
    json["host_calls"].push_back({{"function", command.host_call().function()}, {"node", command.node()}});
  }
  json["recomputed"] = {{"operations", certificate.recomputed_operations()},
                        {"flops", certificate.recomputed_flops()},
                        {"flops_increase", FlopsIncrease(plan)}};
  json["ranks"] = plan::RankCount(plan);
  json["groups"] = Json::array();
  for (const plan::Group& group : plan.groups()) {
    json["groups"].push_back({{"name", group.name()}, {"parts", group.ranks_size() / group.part_size()}, {"part_size", group.part_size()}});
  }
  json["collectives"] = Json::array();
  for (const plan::CollectiveUse& use : plan::CollectivesOf(plan.run())) {
    json["collectives"].push_back({{"kind", plan::Name(use.kind)}, {"group", plan.groups(use.group).name()}, {"commands", use.commands}, {"bytes", use.bytes}});
    if (plan::Reduces(use.kind)) json["collectives"].back()["reduction"] = plan::Name(use.reduction);
  }
  json["streams"] = std::max(1, plan.run().streams());
  json["load_commands"] = plan.load().commands_size();
  return json;
}

std::string PlanText(const plan::Plan& plan) {
  const plan::Certificate& certificate = plan.certificate();
  std::string text;
  absl::StrAppend(&text, "model     ", plan.model_name(), "  (", TargetText(plan.target()), ")\n");
  for (const auto& binding : plan.signature().inputs()) {
    absl::StrAppend(&text, "input     ", binding.name(), "  ", plan::ToString(binding.type()), binding.fixed() ? "  (fixed)" : "", "\n");
  }
  for (const auto& binding : plan.signature().outputs()) {
    absl::StrAppend(&text, "output    ", binding.name(), "  ", plan::ToString(binding.type()), "\n");
  }
  const Counts run = CountCommands(plan.run());
  absl::StrAppendFormat(&text, "commands  %d kernels, %d library calls, %d host calls, %s%d others; %d at load\n",
                        run.launches, run.library_calls, run.host_calls,
                        run.collectives > 0 ? absl::StrCat(run.collectives, " collectives, ") : "", run.others, plan.load().commands_size());
  // On a GPU each is a stop: operands go to the host and back.
  for (const plan::Command& command : plan.run().commands()) {
    if (plan.target().kind() != plan::Target::CUDA || !command.has_host_call()) continue;
    absl::StrAppend(&text, "on host   ", command.host_call().function(), " of node ", command.node(), "\n");
  }
  if (plan::RankCount(plan) > 1) absl::StrAppend(&text, "ranks     ", plan::RankCount(plan), "\n");
  for (const plan::Group& group : plan.groups()) {
    absl::StrAppend(&text, "group     '", group.name(), "': ", group.ranks_size() / group.part_size(), " parts of ", group.part_size(), "\n");
  }
  for (const plan::CollectiveUse& use : plan::CollectivesOf(plan.run())) {
    absl::StrAppend(&text, "together  ", plan::Name(use.kind), plan::Reduces(use.kind) ? " " : "",
                    plan::Reduces(use.kind) ? plan::Name(use.reduction) : "", " along '", plan.groups(use.group).name(), "': ", use.commands,
                    " commands, ", FormatBytes(use.bytes), "\n");
  }
  if (plan.run().streams() > 1) {
    absl::StrAppend(&text, "streams   ", plan.run().streams(), ", ", plan.run().events(), " events\n");
  }
  if (certificate.recomputed_operations() > 0) {
    absl::StrAppendFormat(&text, "recomputed: %d operations, +%.3g%% FLOPs\n", certificate.recomputed_operations(),
                          100 * FlopsIncrease(plan));
  }
  absl::StrAppendFormat(&text, "arena     %s, lower bound %s (ratio %.4f%s)\n", FormatBytes(certificate.session_arena_bytes()),
                        FormatBytes(certificate.session_lower_bound_bytes()), GapOf(certificate),
                        certificate.session_proven_optimal() ? ", proven optimal" : "");
  absl::StrAppend(&text, "weights   ", FormatBytes(certificate.resident_weight_bytes()), " resident\n");
  if (plan.target().reserved_bytes() > 0) {
    absl::StrAppend(&text, "reserved  ", FormatBytes(plan.target().reserved_bytes()), " for driver and libraries\n");
  }
  if (certificate.host_bytes() > 0) {
    absl::StrAppend(&text, "aside     ", FormatBytes(certificate.host_bytes()), " in the host's memory\n");
  }
  absl::StrAppend(&text, "peak      ", FormatBytes(certificate.peak_bytes()), " (", certificate.peak_bytes(), " bytes)");
  if (plan.has_budget_bytes()) absl::StrAppend(&text, " of a budget of ", FormatBytes(plan.budget_bytes()));
  absl::StrAppend(&text, "; load peaks at ", FormatBytes(certificate.load_peak_bytes()), "\n");
  absl::StrAppend(&text, "binds     ", certificate.binding_tensor(), "\n");
  return text;
}

}  // namespace plimsoll::cli
