#include "runtime/library/cudnn/engines.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::cudnn {
namespace {

using backend::Attribute;
using backend::AttributeType;
using backend::BehaviorNote;
using backend::DescriptorType;
using backend::NumericalNote;

template <typename Note>
std::vector<Note> Notes(const std::vector<int>& numbers) {
  std::vector<Note> notes;
  for (int number : numbers) notes.push_back(static_cast<Note>(number));
  return notes;
}

absl::Status Complete(EngineConfiguration& engine) {
  std::vector<Descriptor> engines;
  engines.emplace_back(engine.descriptor.api(), DescriptorType::kEngine);
  if (absl::Status status = engine.descriptor.Fill(Attribute::kEngineConfigEngine, engines); !status.ok())
    return status;
  if (engines.empty()) return absl::InternalError("cuDNN gives a configuration of no engine");
  // A library newer than our list may have more kinds of notes.
  constexpr int64_t kMostNotes = 64;
  absl::StatusOr<std::vector<int>> numerical =
      engines[0].Enumerators(Attribute::kEngineNumericalNotes, AttributeType::kNumericalNote, kMostNotes);
  if (!numerical.ok()) return numerical.status();
  absl::StatusOr<std::vector<int>> behavior =
      engines[0].Enumerators(Attribute::kEngineBehaviorNotes, AttributeType::kBehaviorNote, kMostNotes);
  if (!behavior.ok()) return behavior.status();
  engine.numerical_notes = Notes<NumericalNote>(*numerical);
  engine.behavior_notes = Notes<BehaviorNote>(*behavior);
  engine.workspace_bytes = engine.descriptor.Int64(Attribute::kEngineConfigWorkspaceSize).value_or(-1);
  return absl::OkStatus();
}

absl::Status Append(const Graph& graph, const Device& device, backend::HeuristicsMode mode,
                    std::vector<EngineConfiguration>& engines) {
  Descriptor heuristics(graph.api(), DescriptorType::kEngineHeuristics);
  heuristics.Set(Attribute::kHeuristicsOperationGraph, graph.descriptor()).Set(Attribute::kHeuristicsMode, mode);
  if (device.properties != nullptr) heuristics.Set(Attribute::kHeuristicsDeviceProperties, *device.properties);
  if (absl::Status status = heuristics.Finalize(); !status.ok()) return status;
  absl::StatusOr<int64_t> count = heuristics.Count(Attribute::kHeuristicsResults, AttributeType::kDescriptor);
  if (!count.ok()) return count.status();
  std::vector<Descriptor> found;
  for (int64_t i = 0; i < *count; ++i) found.emplace_back(graph.api(), DescriptorType::kEngineConfig);
  if (absl::Status status = heuristics.Fill(Attribute::kHeuristicsResults, found); !status.ok()) return status;
  for (Descriptor& descriptor : found) {
    EngineConfiguration engine{std::move(descriptor), {}, {}, -1};
    if (Complete(engine).ok()) engines.push_back(std::move(engine));  // else one that does not support the graph
  }
  return absl::OkStatus();
}

}  // namespace

bool EngineConfiguration::Has(NumericalNote note) const {
  return std::find(numerical_notes.begin(), numerical_notes.end(), note) != numerical_notes.end();
}

bool EngineConfiguration::is_compiled_at_run_time() const {
  return std::find(behavior_notes.begin(), behavior_notes.end(), BehaviorNote::kRuntimeCompilation) !=
         behavior_notes.end();
}

absl::StatusOr<std::vector<EngineConfiguration>> EnginesOf(const Graph& graph, const Device& device) {
  std::vector<EngineConfiguration> engines;
  for (backend::HeuristicsMode mode : {backend::HeuristicsMode::kA, backend::HeuristicsMode::kFallback}) {
    const absl::Status status = Append(graph, device, mode, engines);
    if (!status.ok() && !absl::IsUnimplemented(status)) return status;
  }
  return engines;
}

bool IsWithin(const EngineConfiguration& engine, const EngineLimits& limits) {
  for (NumericalNote note :
       {NumericalNote::kNonDeterministic, NumericalNote::kDownConvertInputs, NumericalNote::kReducedPrecisionReduction,
        NumericalNote::kWinogradTile6x6, NumericalNote::kWinogradTile13x13}) {
    if (engine.Has(note)) return false;
  }
  if (!limits.allows_tensor_cores && engine.Has(NumericalNote::kTensorCore)) return false;
  return engine.workspace_bytes <= limits.workspace_bytes;
}

std::vector<EngineConfiguration> Wanted(std::vector<EngineConfiguration> engines, const EngineLimits& limits) {
  std::vector<EngineConfiguration> wanted;
  for (const bool compiled : {false, true}) {
    for (EngineConfiguration& engine : engines) {
      if (engine.is_compiled_at_run_time() == compiled && IsWithin(engine, limits)) wanted.push_back(std::move(engine));
    }
  }
  return wanted;
}

absl::StatusOr<Descriptor> MakePlan(const EngineConfiguration& engine, const Device& device, int64_t workspace_bytes) {
  Descriptor plan(engine.descriptor.api(), DescriptorType::kExecutionPlan);
  plan.Set(Attribute::kPlanEngineConfig, engine.descriptor);
  if (device.handle != nullptr) plan.Set(Attribute::kPlanHandle, device.handle);
  if (device.properties != nullptr) plan.Set(Attribute::kPlanDeviceProperties, *device.properties);
  if (absl::Status status = plan.Finalize(); !status.ok()) return status;
  absl::StatusOr<int64_t> bytes = plan.Int64(Attribute::kPlanWorkspaceSize);
  if (!bytes.ok()) return bytes.status();
  if (*bytes > workspace_bytes) {
    return absl::UnimplementedError(
        absl::StrCat("a plan of cuDNN wants ", *bytes, " bytes of workspace, where there are ", workspace_bytes));
  }
  return plan;
}

}  // namespace plimsoll::runtime::cudnn
