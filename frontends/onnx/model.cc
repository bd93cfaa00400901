#include "frontends/onnx/model.h"

#include <filesystem>
#include <queue>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "frontends/onnx/error.h"
#include "frontends/onnx/wire.h"

namespace plimsoll::onnx_frontend {
namespace {

constexpr int kMinOpset = 1, kMaxOpset = 27;

absl::Status CheckVersions(const std::string& path, const onnx::ModelProto& proto) {
  if (!proto.has_graph()) return absl::DataLossError(absl::StrCat(path, ": it holds no graph: not an ONNX model"));
  if (proto.ir_version() < 3 || proto.ir_version() > onnx::Version::IR_VERSION) {
    return absl::UnimplementedError(absl::StrCat(path, ": IR version ", proto.ir_version(), "; supported are 3 to ",
                                                 static_cast<int>(onnx::Version::IR_VERSION)));
  }
  bool any = false;
  for (const auto& opset : proto.opset_import()) {
    if (!Domain(opset.domain()).empty()) continue;
    any = true;
    if (opset.version() < kMinOpset || opset.version() > kMaxOpset) {
      return absl::UnimplementedError(
          absl::StrCat(path, ": opset ", opset.version(), "; supported are ", kMinOpset, " to ", kMaxOpset));
    }
  }
  if (!any && proto.opset_import_size() == 0)
    return absl::DataLossError(absl::StrCat(path, ": it imports no operator set"));
  return absl::OkStatus();
}

// Names that `node` reads, those that its subgraphs take from outside included.
void CollectReads(const onnx::NodeProto& node, std::vector<std::string>& reads, int depth = 0) {
  if (depth > 100) FailMalformed("subgraphs are nested too deep");
  for (const std::string& name : node.input()) {
    if (!name.empty()) reads.push_back(name);
  }
  for (const auto& attribute : node.attribute()) {
    auto collect = [&](const onnx::GraphProto& graph) {
      for (const auto& inner : graph.node()) CollectReads(inner, reads, depth + 1);
      for (const auto& output : graph.output()) reads.push_back(output.name());
    };
    if (attribute.has_g()) collect(attribute.g());
    for (const auto& graph : attribute.graphs()) collect(graph);
  }
}

}  // namespace

std::string Domain(const std::string& domain) { return domain == "ai.onnx" ? "" : domain; }

std::string OperatorName(const onnx::NodeProto& node) {
  const std::string domain = Domain(node.domain());
  return domain.empty() ? node.op_type() : absl::StrCat(domain, "::", node.op_type());
}

std::string Describe(const onnx::NodeProto& node) {
  if (!node.name().empty()) return absl::StrCat(OperatorName(node), " node '", node.name(), "'");
  for (const std::string& output : node.output()) {
    if (!output.empty()) return absl::StrCat(OperatorName(node), " node that makes '", output, "'");
  }
  return absl::StrCat(OperatorName(node), " node");
}

absl::StatusOr<Model> LoadModel(const std::string& path) {
  auto file = weights::MappedFile::Open(path);
  if (!file.ok()) return file.status();
  if ((*file)->size() == 0) return absl::DataLossError(absl::StrCat(path, ": the file is empty"));
  absl::StatusOr<std::string> text = WithoutWeights((*file)->bytes());
  if (!text.ok()) return absl::DataLossError(absl::StrCat(path, ": not an ONNX model: ", text.status().message()));
  if (text->size() > (size_t{1} << 31) - 1) {
    return absl::DataLossError(absl::StrCat(path, ": ", text->size(), " bytes beside the weights; the limit is 2 GiB"));
  }
  Model model;
  if (!model.proto.ParseFromArray(text->data(), static_cast<int>(text->size()))) {
    return absl::DataLossError(absl::StrCat(path, ": not an ONNX model: its fields cannot be parsed"));
  }
  if (absl::Status status = CheckVersions(path, model.proto); !status.ok()) return status;
  model.file = *std::move(file);
  model.directory = std::filesystem::path(path).parent_path().string();
  return model;
}

std::vector<int> TopologicalOrder(const google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes,
                                  const std::string& graph) {
  const int count = nodes.size();
  absl::flat_hash_map<std::string, int> producer;
  for (int i = 0; i < count; ++i) {
    for (const std::string& output : nodes[i].output()) {
      if (output.empty()) continue;
      auto [other, inserted] = producer.try_emplace(output, i);
      if (!inserted) {
        FailMalformed(absl::StrCat(graph, ": the name '", output, "' is defined twice: by the ",
                                   Describe(nodes[other->second]), " and by the ", Describe(nodes[i])));
      }
    }
  }
  std::vector<std::vector<int>> users(count);
  std::vector<int> missing(count, 0);
  for (int i = 0; i < count; ++i) {
    std::vector<std::string> reads;
    CollectReads(nodes[i], reads);
    absl::flat_hash_set<int> before;
    for (const std::string& name : reads) {
      auto found = producer.find(name);
      if (found == producer.end()) continue;
      // A subgraph may define the same name itself; only a node's own inputs make it wait for itself.
      if (found->second == i) {
        for (const std::string& input : nodes[i].input()) {
          if (input == name)
            FailMalformed(absl::StrCat(graph, ": the ", Describe(nodes[i]), " reads its own output '", name, "'"));
        }
        continue;
      }
      if (before.insert(found->second).second) users[found->second].push_back(i), ++missing[i];
    }
  }
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
  for (int i = 0; i < count; ++i) {
    if (missing[i] == 0) ready.push(i);
  }
  std::vector<int> order;
  order.reserve(count);
  while (!ready.empty()) {
    const int i = ready.top();
    ready.pop();
    order.push_back(i);
    for (int user : users[i]) {
      if (--missing[user] == 0) ready.push(user);
    }
  }
  if (static_cast<int>(order.size()) < count) {
    std::vector<std::string> names;
    for (int i = 0; i < count && names.size() < 8; ++i) {
      if (missing[i] > 0) names.push_back(Describe(nodes[i]));
    }
    FailMalformed(absl::StrCat(
        graph, ": nodes wait for each other in a cycle; among them or behind them: ", absl::StrJoin(names, ", ")));
  }
  return order;
}

}  // namespace plimsoll::onnx_frontend
