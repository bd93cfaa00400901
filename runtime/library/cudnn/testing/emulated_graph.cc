#include "runtime/library/cudnn/testing/emulated_graph.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace plimsoll::runtime::cudnn::emulated {
namespace {

using backend::Attribute;
using backend::DescriptorType;

// Puts each operation behind those whose results it reads; operations that do not depend on each other stay in order.
Outcome Sort(Graph& graph, std::vector<Operation> operations) {
  std::set<int64_t> missing;  // results of operations that are not yet placed
  for (const Operation& operation : operations) {
    if (!missing.insert(operation.y.id).second) {
      return Bad(absl::StrCat("tensor ", operation.y.id, " is the result of two operations"));
    }
  }
  while (!operations.empty()) {
    const auto ready = std::find_if(operations.begin(), operations.end(), [&](const Operation& operation) {
      const std::vector<const Tensor*> inputs = operation.Inputs();
      return std::none_of(inputs.begin(), inputs.end(),
                          [&](const Tensor* input) { return missing.count(input->id) != 0; });
    });
    if (ready == operations.end()) return Bad("operations that wait for each other");
    missing.erase(ready->y.id);
    graph.operations.push_back(*ready);
    operations.erase(ready);
  }
  return {};
}

Outcome AddTensors(Graph& graph) {
  std::set<int64_t> produced;
  bool has_result = false;
  for (const Operation& operation : graph.operations) {
    std::vector<const Tensor*> all = operation.Inputs();
    produced.insert(operation.y.id);
    all.push_back(&operation.y);
    for (const Tensor* tensor : all) {
      const auto [known, is_new] = graph.tensors.try_emplace(tensor->id, *tensor);
      if (!is_new && !(known->second == *tensor)) {
        return Bad(absl::StrCat("id ", tensor->id, " stands for two tensors"));
      }
    }
  }
  for (const auto& [id, tensor] : graph.tensors) {
    if (tensor.is_virtual && produced.count(id) == 0)
      return Bad(absl::StrCat("virtual tensor ", id, " has no producer"));
    has_result |= tensor.IsInMemory() && produced.count(id) != 0;
  }
  if (!has_result) return Bad("a graph without a result in memory");
  return {};
}

}  // namespace

std::vector<int64_t> Graph::InPack() const {
  std::vector<int64_t> ids;
  for (const auto& [id, tensor] : tensors) {
    if (!tensor.is_virtual) ids.push_back(id);
  }
  return ids;
}

bool Graph::IsResult(int64_t id) const {
  return std::any_of(operations.begin(), operations.end(),
                     [&](const Operation& operation) { return operation.y.id == id; });
}

bool Graph::IsReadPointwise(int64_t id) const {
  return std::all_of(operations.begin(), operations.end(), [&](const Operation& operation) {
    if (operation.kind == DescriptorType::kPointwiseOperation) return true;
    const std::vector<const Tensor*> inputs = operation.Inputs();
    return std::none_of(inputs.begin(), inputs.end(), [&](const Tensor* input) { return input->id == id; });
  });
}

bool Graph::HasConvolution() const {
  return std::any_of(operations.begin(), operations.end(),
                     [](const Operation& operation) { return operation.IsConvolution(); });
}

std::string Graph::Name() const {
  return absl::StrJoin(operations, ", ",
                       [](std::string* out, const Operation& operation) { out->append(operation.Name()); });
}

Outcome MakeGraph(Object& object) {
  auto graph = std::make_shared<Graph>();
  std::vector<Operation> operations;
  for (const Reference& reference : object.values.at(Attribute::kGraphOperations).references) {
    const Operation* operation = reference.copy->ContentAs<Operation>();
    if (operation == nullptr) return Bad("a graph of what is no finalized operation");
    operations.push_back(*operation);
  }
  if (operations.empty()) return Bad("a graph without operations");
  if (Outcome outcome = Sort(*graph, std::move(operations)); !outcome.ok()) return outcome;
  if (Outcome outcome = AddTensors(*graph); !outcome.ok()) return outcome;
  object.content = std::move(graph);
  return {};
}

}  // namespace plimsoll::runtime::cudnn::emulated
