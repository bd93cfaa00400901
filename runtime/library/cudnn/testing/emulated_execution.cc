// The graph interface's execution: a plan and a variant pack, checked, as work in a stream.
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/library/cudnn/testing/emulation_state.h"
#include "runtime/library/cudnn/testing/graph_interpreter.h"

namespace plimsoll::runtime::cudnn::emulated {
namespace {

using backend::Attribute;
using backend::Descriptor;
using backend::DescriptorType;

// What memory that an allocation gives begins at a multiple of; kernels count on it for their workspace.
constexpr uintptr_t kWorkspaceAlignment = 256;

Outcome TakeFinalized(Descriptor descriptor, DescriptorType kind, const Object*& object) {
  if (!LiveDescriptors().Has(descriptor)) return Bad("executed a descriptor that does not live");
  object = static_cast<const Object*>(descriptor);
  if (object->kind != kind || !object->is_finalized)
    return Bad("executed a descriptor of another kind, or not finalized");
  return {};
}

// Ids must be those of the graph's tensors, with an address each.
Outcome FindTensors(const Object& pack, Run& run) {
  const std::vector<int64_t> ids = pack.All<int64_t>(Attribute::kPackUniqueIds);
  const std::vector<void*> pointers = pack.All<void*>(Attribute::kPackDataPointers);
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto found = run.graph->tensors.find(ids[i]);
    if (found == run.graph->tensors.end() || found->second.is_virtual) {
      return Bad(absl::StrCat("a pack with an address of ", ids[i], ", which is no tensor in memory"));
    }
    const Tensor& tensor = found->second;
    if (pointers[i] == nullptr) return Bad(absl::StrCat("no address of tensor ", ids[i]));
    if (tensor.is_by_value) {
      run.by_value[ids[i]] = LoadByValue(tensor, pointers[i]);
      continue;
    }
    if (reinterpret_cast<uintptr_t>(pointers[i]) % static_cast<uintptr_t>(tensor.alignment) != 0) {
      return Bad(absl::StrCat("tensor ", ids[i], " is not at a multiple of ", tensor.alignment));
    }
    void* host = State().host.address(pointers[i], tensor.Span() * ElementBytes(tensor.type));
    if (host == nullptr) return {kExecutionFailed, absl::StrCat("the address of tensor ", ids[i], " is no memory")};
    run.memory[ids[i]] = host;
  }
  for (int64_t id : run.graph->InPack()) {
    if (run.memory.count(id) == 0 && run.by_value.count(id) == 0)
      return Bad(absl::StrCat("a pack without tensor ", id));
  }
  return {};
}

// A result may lie where an operand is that only pointwise operations read, in the same places; no library promises
// more.
Outcome CheckOverlaps(const Run& run) {
  for (const auto& [id, memory] : run.memory) {
    if (!run.graph->IsResult(id)) continue;
    const Tensor& result = run.graph->tensors.at(id);
    const char* begin = static_cast<const char*>(memory);
    const char* end = begin + result.Span() * ElementBytes(result.type);
    auto overlaps = [&](const void* other, int64_t bytes) {
      return static_cast<const char*>(other) < end && begin < static_cast<const char*>(other) + bytes;
    };
    for (const auto& [other, other_memory] : run.memory) {
      const Tensor& tensor = run.graph->tensors.at(other);
      if (other == id || !overlaps(other_memory, tensor.Span() * ElementBytes(tensor.type))) continue;
      const bool is_in_place = other_memory == memory && tensor.type == result.type && tensor.dims == result.dims &&
                               tensor.strides == result.strides && !run.graph->IsResult(other) &&
                               run.graph->IsReadPointwise(other);
      if (!is_in_place) return Bad(absl::StrCat("the result ", id, " lies over tensor ", other));
    }
    if (run.workspace_bytes > 0 && overlaps(run.workspace, run.workspace_bytes)) {
      return Bad(absl::StrCat("the result ", id, " lies over the workspace"));
    }
  }
  return {};
}

Outcome FindWorkspace(const Object& pack, Run& run) {
  run.workspace_bytes = WorkspaceBytes(run.engine, *run.graph);
  if (run.workspace_bytes == 0) return {};
  void* workspace = pack.One<void*>(Attribute::kPackWorkspace);
  if (workspace == nullptr) return Bad("no workspace where the plan wants one");
  if (reinterpret_cast<uintptr_t>(workspace) % kWorkspaceAlignment != 0) {
    return Bad(absl::StrCat("a workspace at no multiple of ", kWorkspaceAlignment));
  }
  run.workspace = State().host.address(workspace, run.workspace_bytes);
  return run.workspace != nullptr ? Outcome() : Outcome{kExecutionFailed, "a workspace that is no memory"};
}

}  // namespace

int Execute(Handle handle, Descriptor plan_descriptor, Descriptor pack_descriptor) {
  if (!Live().Has(handle)) return Fail("no handle");
  const Object *plan = nullptr, *pack = nullptr;
  Outcome outcome = TakeFinalized(plan_descriptor, DescriptorType::kExecutionPlan, plan);
  if (outcome.ok()) outcome = TakeFinalized(pack_descriptor, DescriptorType::kVariantPack, pack);
  if (!outcome.ok()) return Report(outcome);
  const Choice& choice = *plan->ContentAs<Choice>();
  if (choice.is_for_absent_device) return Fail("a plan for a device that is not there");
  if (plan->One<Handle>(Attribute::kPlanHandle) != handle) return Fail("a plan for another handle");
  auto run = std::make_shared<Run>();
  run->graph = choice.graph;
  run->engine = choice.engine;
  outcome = FindTensors(*pack, *run);
  if (outcome.ok()) outcome = FindWorkspace(*pack, *run);
  if (outcome.ok()) outcome = CheckOverlaps(*run);
  if (!outcome.ok()) return Report(outcome);
  EmulatedCudnn& state = State();
  run->number = ++state.executions;
  if (choice.graph->HasConvolution()) ++state.convolutions;
  ++state.executions_by_engine[choice.engine.index];
  state.last_engine = choice.engine.index;
  state.last_graph = choice.graph->Name();
  if (!state.host.enqueue(handle->stream, "cudnnBackendExecute", [run] { run->Execute(); }).ok()) {
    return Fail("the stream does not take work", kExecutionFailed);
  }
  return kSuccess;
}

}  // namespace plimsoll::runtime::cudnn::emulated
