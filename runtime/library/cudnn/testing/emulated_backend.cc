// The graph interface's descriptors: making them, their attributes, finalizing them.
#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/library/cudnn/testing/emulation_state.h"

namespace plimsoll::runtime::cudnn::emulated {
namespace {

using backend::Attribute;
using backend::AttributeType;
using backend::Descriptor;
using backend::DescriptorType;

// What heuristics found.
struct Findings : Content {
  std::shared_ptr<const Graph> graph;
  std::vector<EmulatedEngine> engines;
};
struct DeviceProperties : Content {};

bool Lives(const void* descriptor) { return LiveDescriptors().Has(descriptor); }

template <typename T>
void Answer(Object& object, Attribute attribute, AttributeType type, const std::vector<T>& elements) {
  Value value = {type, static_cast<int64_t>(elements.size()), {}, {}};
  value.bytes.resize(elements.size() * sizeof(T));
  if (!elements.empty()) std::memcpy(value.bytes.data(), elements.data(), value.bytes.size());
  object.values[attribute] = std::move(value);
}

// The finalized content of a part that still lives: objects beside operations are not copied by the library.
template <typename T>
Outcome Take(const Object& object, Attribute attribute, std::shared_ptr<const T>& content) {
  const auto found = object.values.find(attribute);
  if (found == object.values.end() || found->second.references.empty()) return Bad("a part that was not set");
  const Reference& part = found->second.references[0];
  if (!Lives(part.object)) return Bad("a part that was destroyed before what is made of it");
  content = std::dynamic_pointer_cast<const T>(part.copy->content);
  return content != nullptr ? Outcome() : Bad("a part that was not finalized, or is of another kind");
}

Outcome CheckAbsentDevice(const Object& object, Attribute attribute) {
  std::shared_ptr<const DeviceProperties> properties;
  return object.Has(attribute) ? Take(object, attribute, properties) : Outcome();
}

Outcome FinalizeGraph(Object& object) {
  for (const Reference& operation : object.values.at(Attribute::kGraphOperations).references) {
    if (!Lives(operation.object)) return Bad("an operation that was destroyed before its graph was made");
  }
  if (object.Has(Attribute::kGraphHandle) && !Live().Has(object.One<Handle>(Attribute::kGraphHandle))) {
    return Bad("a graph for a handle that does not live");
  }
  return MakeGraph(object);
}

// The text is not parsed: what cuDNN 9.19 requires must be named in it.
Outcome FinalizeDeviceProperties(Object& object) {
  const std::vector<char> text = object.All<char>(Attribute::kDevicePropertiesJson);
  const std::string json(text.begin(), text.end());
  for (const char* key : {"maxGridSize", "maxBlockSize", "multiProcessorCount", "smClockRateKHz", "l2CacheSize",
                          "warpSize", "maxSharedMemoryPerBlockOptin", "deviceVer", "totalGlobalMem", "deviceName"}) {
    if (json.find(absl::StrCat("\"", key, "\"")) == std::string::npos) {
      return Bad(absl::StrCat("device properties without ", key));
    }
  }
  object.content = std::make_shared<DeviceProperties>();
  return {};
}

Outcome FinalizeHeuristics(Object& object) {
  auto findings = std::make_shared<Findings>();
  if (Outcome outcome = Take(object, Attribute::kHeuristicsOperationGraph, findings->graph); !outcome.ok()) {
    return outcome;
  }
  if (Outcome outcome = CheckAbsentDevice(object, Attribute::kHeuristicsDeviceProperties); !outcome.ok()) {
    return outcome;
  }
  const auto mode = static_cast<backend::HeuristicsMode>(object.One<int>(Attribute::kHeuristicsMode));
  if (mode != backend::HeuristicsMode::kA && mode != backend::HeuristicsMode::kFallback) {
    return Unsupported("heuristics of another mode than A and fallback");
  }
  ++State().heuristic_calls;
  if (State().offers_engines) {
    std::copy_if(State().engines.begin(), State().engines.end(), std::back_inserter(findings->engines),
                 [&](const EmulatedEngine& engine) { return engine.mode == mode; });
  }
  object.content = std::move(findings);
  return {};
}

// `object` becomes the finalized engine, or configuration, that `choice` is.
void BecomeEngine(Object& object, std::shared_ptr<const Choice> choice) {
  const EmulatedEngine& engine = choice->engine;
  Answer(object, Attribute::kEngineGlobalIndex, AttributeType::kInt64, std::vector<int64_t>{engine.index});
  Answer(object, Attribute::kEngineNumericalNotes, AttributeType::kNumericalNote, engine.numerical_notes);
  Answer(object, Attribute::kEngineBehaviorNotes, AttributeType::kBehaviorNote, engine.behavior_notes);
  object.content = std::move(choice);
  object.is_finalized = true;
}
void BecomeConfiguration(Object& object, std::shared_ptr<const Choice> choice) {
  Answer(object, Attribute::kEngineConfigWorkspaceSize, AttributeType::kInt64,
         std::vector<int64_t>{WorkspaceBytes(choice->engine, *choice->graph)});
  object.content = std::move(choice);
  object.is_finalized = true;
}

Outcome FinalizeEngine(Object& object) {
  auto choice = std::make_shared<Choice>();
  if (Outcome outcome = Take(object, Attribute::kEngineOperationGraph, choice->graph); !outcome.ok()) return outcome;
  if (Outcome outcome = CheckAbsentDevice(object, Attribute::kEngineDeviceProperties); !outcome.ok()) return outcome;
  const int64_t index = object.One<int64_t>(Attribute::kEngineGlobalIndex);
  const auto found = std::find_if(State().engines.begin(), State().engines.end(),
                                  [&](const EmulatedEngine& engine) { return engine.index == index; });
  if (found == State().engines.end()) return Unsupported(absl::StrCat("there is no engine ", index));
  choice->engine = *found;
  if (Outcome outcome = CheckSupport(choice->engine, *choice->graph); !outcome.ok()) return outcome;
  BecomeEngine(object, std::move(choice));
  return {};
}

Outcome FinalizeConfiguration(Object& object) {
  std::shared_ptr<const Choice> choice;
  if (Outcome outcome = Take(object, Attribute::kEngineConfigEngine, choice); !outcome.ok()) return outcome;
  BecomeConfiguration(object, std::move(choice));
  return {};
}

Outcome FinalizePlan(Object& object) {
  std::shared_ptr<const Choice> configuration;
  if (Outcome outcome = Take(object, Attribute::kPlanEngineConfig, configuration); !outcome.ok()) return outcome;
  if (Outcome outcome = CheckAbsentDevice(object, Attribute::kPlanDeviceProperties); !outcome.ok()) return outcome;
  auto choice = std::make_shared<Choice>(*configuration);
  choice->is_for_absent_device = object.Has(Attribute::kPlanDeviceProperties);
  if (object.Has(Attribute::kPlanHandle) == choice->is_for_absent_device) {
    return Bad("a plan for neither a handle nor an absent device, or for both");
  }
  if (!choice->is_for_absent_device && !Live().Has(object.One<Handle>(Attribute::kPlanHandle))) {
    return Bad("a plan for a handle that does not live");
  }
  if (!choice->engine.has_plan) return {kInternalError, "a kernel that cannot be compiled"};
  Answer(object, Attribute::kPlanWorkspaceSize, AttributeType::kInt64,
         std::vector<int64_t>{WorkspaceBytes(choice->engine, *choice->graph)});
  ++State().plans;
  object.content = std::move(choice);
  return {};
}

Outcome FinalizePack(const Object& object) {
  std::vector<int64_t> ids = object.All<int64_t>(Attribute::kPackUniqueIds);
  if (ids.size() != object.All<void*>(Attribute::kPackDataPointers).size()) {
    return Bad("a variant pack with another number of ids than of pointers");
  }
  std::sort(ids.begin(), ids.end());
  if (std::adjacent_find(ids.begin(), ids.end()) != ids.end()) return Bad("a variant pack with an id twice");
  return {};
}

Outcome FinalizeObject(Object& object) {
  if (object.is_finalized) return Bad("a descriptor that is finalized already");
  if (Outcome outcome = object.CheckRequired(); !outcome.ok()) return outcome;
  switch (object.kind) {
    case DescriptorType::kOperationGraph:
      return FinalizeGraph(object);
    case DescriptorType::kDeviceProperties:
      return FinalizeDeviceProperties(object);
    case DescriptorType::kEngineHeuristics:
      return FinalizeHeuristics(object);
    case DescriptorType::kEngine:
      return FinalizeEngine(object);
    case DescriptorType::kEngineConfig:
      return FinalizeConfiguration(object);
    case DescriptorType::kExecutionPlan:
      return FinalizePlan(object);
    case DescriptorType::kVariantPack:
      return FinalizePack(object);
    default:
      return MakeContent(object);
  }
}

// The room for parts that a getter is given: made, of `kind`, not finalized.
Outcome Room(Descriptor const* elements, int64_t count, DescriptorType kind, std::vector<Object*>& room) {
  if (count > 0 && elements == nullptr) return Bad("no room for descriptors");
  for (int64_t i = 0; i < count; ++i) {
    if (!Lives(elements[i])) return Bad("room for descriptors that do not live");
    Object* object = static_cast<Object*>(elements[i]);
    if (object->kind != kind || object->is_finalized) return Bad("room for descriptors of another kind, or finalized");
    room.push_back(object);
  }
  return {};
}

// Configurations of engines that do not support the graph stay as they are, not finalized, as the library leaves them.
Outcome GetFindings(const Object& object, int64_t requested, int64_t* count, void* elements) {
  const Findings& findings = *object.ContentAs<Findings>();
  if (!Lives(object.values.at(Attribute::kHeuristicsOperationGraph).references[0].object)) {
    return Bad("heuristics of a graph that was destroyed");
  }
  const int64_t found = static_cast<int64_t>(findings.engines.size());
  if (count != nullptr) *count = requested == 0 ? found : std::min(requested, found);
  std::vector<Object*> room;
  if (Outcome outcome = Room(static_cast<Descriptor*>(elements), requested, DescriptorType::kEngineConfig, room);
      !outcome.ok()) {
    return outcome;
  }
  for (size_t i = 0; i < std::min(room.size(), findings.engines.size()); ++i) {
    if (!CheckSupport(findings.engines[i], *findings.graph).ok()) continue;
    auto choice = std::make_shared<Choice>();
    choice->graph = findings.graph;
    choice->engine = findings.engines[i];
    BecomeConfiguration(*room[i], std::move(choice));
  }
  return {};
}

Outcome GetEngine(const Object& object, int64_t requested, int64_t* count, void* elements) {
  if (count != nullptr) *count = 1;
  std::vector<Object*> room;
  if (Outcome outcome =
          Room(static_cast<Descriptor*>(elements), std::min<int64_t>(requested, 1), DescriptorType::kEngine, room);
      !outcome.ok()) {
    return outcome;
  }
  for (Object* engine : room) BecomeEngine(*engine, std::dynamic_pointer_cast<const Choice>(object.content));
  return {};
}

int Create(DescriptorType kind, Descriptor* descriptor) {
  if (descriptor == nullptr) return Fail("nowhere to put a new descriptor");
  if (!IsKnown(kind)) return Fail("a descriptor of a kind that is not emulated", kHostAllocationFailed);
  *descriptor = LiveDescriptors().Make<Object>(kind);
  ++State().live_objects;
  return kSuccess;
}

int Destroy(Descriptor descriptor) {
  if (!LiveDescriptors().Drop(static_cast<Object*>(descriptor))) return Fail("destroyed what does not live");
  --State().live_objects;
  return kSuccess;
}

int SetAttribute(Descriptor descriptor, Attribute attribute, AttributeType type, int64_t count, const void* elements) {
  if (!Lives(descriptor)) return Fail("an attribute of what does not live");
  return Report(static_cast<Object*>(descriptor)->Set(attribute, type, count, elements, Lives));
}

int GetAttribute(Descriptor descriptor, Attribute attribute, AttributeType type, int64_t requested, int64_t* count,
                 void* elements) {
  if (!Lives(descriptor)) return Fail("an attribute of what does not live");
  const Object& object = *static_cast<const Object*>(descriptor);
  if (Outcome outcome = object.CheckGet(attribute, type); !outcome.ok()) return Report(outcome);
  if (requested < 0) return Fail("room for less than nothing");
  if (attribute == Attribute::kHeuristicsResults) return Report(GetFindings(object, requested, count, elements));
  if (attribute == Attribute::kEngineConfigEngine) return Report(GetEngine(object, requested, count, elements));
  return Report(object.Get(attribute, requested, count, elements));
}

int Finalize(Descriptor descriptor) {
  if (!Lives(descriptor)) return Fail("finalized what does not live");
  Object& object = *static_cast<Object*>(descriptor);
  const Outcome outcome = FinalizeObject(object);
  if (outcome.ok()) object.is_finalized = true;
  return Report(outcome);
}

void GetLastErrorString(char* message, size_t most) {
  if (most == 0) return;
  const size_t length = std::min(most - 1, State().last_error.size());
  std::memcpy(message, State().last_error.data(), length);
  message[length] = 0;
}

}  // namespace

void AddBackend(Api& table) {
  table.GetLastErrorString = GetLastErrorString;
  table.BackendCreateDescriptor = Create;
  table.BackendDestroyDescriptor = Destroy;
  table.BackendSetAttribute = SetAttribute;
  table.BackendGetAttribute = GetAttribute;
  table.BackendFinalize = Finalize;
  table.BackendExecute = Execute;
}

}  // namespace plimsoll::runtime::cudnn::emulated
