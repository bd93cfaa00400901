#include "passes/schedule/json.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "passes/schedule/json_document.h"

namespace plimsoll::schedule {
namespace {

using json_document::Dump, json_document::Error, json_document::Found, json_document::Json, json_document::Parse;
using Index = absl::flat_hash_map<std::string, int>;

absl::StatusOr<const Json*> List(const Json& object, const char* key, absl::string_view where, bool required) {
  static const Json* const kEmpty = new Json(Json::array());
  const auto it = object.find(key);
  if (it == object.end()) {
    if (!required) return kEmpty;
    return Error(where, absl::StrCat("\"", key, "\" is missing; expected an array"));
  }
  if (!it->is_array()) return Error(absl::StrCat(where, ".", key), absl::StrCat("expected an array, ", Found(*it)));
  return &*it;
}

absl::StatusOr<int64_t> Bytes(const Json& object, const char* key, absl::string_view where, bool required) {
  const auto it = object.find(key);
  if (it == object.end()) {
    if (!required) return 0;
    return Error(where, absl::StrCat("\"", key, "\" is missing; expected a number of bytes"));
  }
  const std::string place = absl::StrCat(where, ".", key);
  const std::string what = absl::StrCat("expected a whole number of bytes in [0, 2^63), ", Found(*it));
  if (it->is_number_unsigned()) {
    const uint64_t bytes = it->get<uint64_t>();
    if (bytes > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return Error(place, what);
    return static_cast<int64_t>(bytes);
  }
  if (it->is_number_float()) {  // 1e9, 4096.0
    const double bytes = it->get<double>();
    if (bytes >= 0 && bytes < 9e18 && bytes == std::floor(bytes)) return static_cast<int64_t>(bytes);
  }
  return Error(place, what);
}

absl::StatusOr<std::string> Id(const Json& id, absl::string_view where) {
  if (id.is_number_integer() || id.is_string()) return Dump(id);
  return Error(where, absl::StrCat("expected an integer or a string as id, ", Found(id)));
}

// Reads the id of item `i` of a list and enters it.
absl::StatusOr<std::string> DeclareId(const Json& item, absl::string_view where, int i, Index& index) {
  if (!item.is_object()) return Error(where, absl::StrCat("expected an object, ", Found(item)));
  const auto it = item.find("id");
  if (it == item.end()) return Error(where, "\"id\" is missing");
  absl::StatusOr<std::string> id = Id(*it, absl::StrCat(where, ".id"));
  if (!id.ok()) return id;
  if (!index.emplace(*id, i).second) {
    return Error(absl::StrCat(where, ".id"), absl::StrCat(*id, " is the id of item ", index[*id], " too"));
  }
  return id;
}

absl::StatusOr<std::vector<int>> References(const Json& list, const Index& index, absl::string_view where,
                                            absl::string_view kind) {
  std::vector<int> references;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string place = absl::StrCat(where, "[", i, "]");
    absl::StatusOr<std::string> id = Id(list[i], place);
    if (!id.ok()) return id.status();
    const auto it = index.find(*id);
    if (it == index.end()) return Error(place, absl::StrCat("there is no ", kind, " with id ", *id));
    references.push_back(it->second);
  }
  return references;
}

// For people; what is no string is no name.
std::string NameOf(const Json& item) {
  const auto it = item.find("name");
  return it != item.end() && it->is_string() ? it->get<std::string>() : "";
}

absl::StatusOr<NamedProblem> Read(absl::string_view json) {
  absl::StatusOr<Json> document = Parse(json);
  if (!document.ok()) return document.status();
  NamedProblem named;
  Index tensors, nodes;
  absl::StatusOr<const Json*> list = List(*document, "tensors", "document", /*required=*/true);
  if (!list.ok()) return list.status();
  for (const Json& item : **list) {
    const std::string where = absl::StrCat("tensors[", named.tensors.size(), "]");
    absl::StatusOr<std::string> id = DeclareId(item, where, static_cast<int>(named.tensors.size()), tensors);
    if (!id.ok()) return id.status();
    absl::StatusOr<int64_t> size = Bytes(item, "size", where, /*required=*/true);
    if (!size.ok()) return size.status();
    named.tensors.push_back(*std::move(id));
    named.problem.tensors.push_back({*size});
  }
  list = List(*document, "nodes", "document", /*required=*/true);
  if (!list.ok()) return list.status();
  for (const Json& item : **list) {
    const std::string where = absl::StrCat("nodes[", named.nodes.size(), "]");
    absl::StatusOr<std::string> id = DeclareId(item, where, static_cast<int>(named.nodes.size()), nodes);
    if (!id.ok()) return id.status();
    Node node;
    for (const auto& [key, to] : {std::pair{"inputs", &node.inputs}, std::pair{"outputs", &node.outputs}}) {
      absl::StatusOr<const Json*> names = List(item, key, where, /*required=*/true);
      if (!names.ok()) return names.status();
      absl::StatusOr<std::vector<int>> found = References(**names, tensors, absl::StrCat(where, ".", key), "tensor");
      if (!found.ok()) return found.status();
      *to = *std::move(found);
    }
    absl::StatusOr<int64_t> workspace = Bytes(item, "workspace", where, /*required=*/false);
    if (!workspace.ok()) return workspace.status();
    node.workspace = *workspace;
    named.nodes.push_back(*std::move(id));
    named.names.push_back(NameOf(item));
    named.problem.nodes.push_back(std::move(node));
  }
  list = List(*document, "outputs", "document", /*required=*/false);
  if (!list.ok()) return list.status();
  absl::StatusOr<std::vector<int>> outputs = References(**list, tensors, "outputs", "tensor");
  if (!outputs.ok()) return outputs.status();
  named.problem.outputs = *std::move(outputs);
  if (absl::Status s = Check(named.problem); !s.ok()) {
    return Error("nodes and tensors, counted from 0 in the file", s.message());
  }
  return named;
}

}  // namespace

absl::StatusOr<NamedProblem> ReadProblem(absl::string_view json) {
  absl::StatusOr<NamedProblem> named = Read(json);
  if (!named.ok()) return json_document::WithLine(named.status(), json);
  return named;
}

std::string WriteProblem(const NamedProblem& named) {
  auto list = [&](const std::vector<int>& ids) {
    std::string text = "[";
    for (size_t i = 0; i < ids.size(); ++i) absl::StrAppend(&text, i ? "," : "", named.tensors[ids[i]]);
    return text + "]";
  };
  std::string text = "{\"nodes\":[";
  for (size_t v = 0; v < named.problem.nodes.size(); ++v) {
    const Node& node = named.problem.nodes[v];
    absl::StrAppend(&text, v ? ",\n" : "\n", "{\"id\":", named.nodes[v], ",\"inputs\":", list(node.inputs),
                    ",\"outputs\":", list(node.outputs), ",\"workspace\":", node.workspace);
    if (!named.names.empty() && !named.names[v].empty())
      absl::StrAppend(&text, ",\"name\":", Dump(Json(named.names[v])));
    text += "}";
  }
  text += "],\n\"tensors\":[";
  for (size_t t = 0; t < named.problem.tensors.size(); ++t) {
    absl::StrAppend(&text, t ? ",\n" : "\n", "{\"id\":", named.tensors[t], ",\"size\":", named.problem.tensors[t].size,
                    "}");
  }
  absl::StrAppend(&text, "],\n\"outputs\":", list(named.problem.outputs), "}\n");
  return text;
}

std::string WriteSolution(const NamedProblem& named, const Solution& solution) {
  std::string text = "{\"order\":[";
  for (size_t i = 0; i < solution.order.size(); ++i) {
    absl::StrAppend(&text, i ? "," : "", named.nodes[solution.order[i]]);
  }
  absl::StrAppend(&text, "],\"peak\":", solution.peak, ",\"lower_bound\":", solution.lower_bound,
                  ",\"proven_optimal\":", solution.proven_optimal ? "true" : "false", "}\n");
  return text;
}

absl::StatusOr<Solution> ReadSolution(const NamedProblem& named, absl::string_view json) {
  absl::StatusOr<Json> document = Parse(json);
  if (!document.ok()) return document.status();
  Index nodes;
  for (size_t v = 0; v < named.nodes.size(); ++v) nodes.emplace(named.nodes[v], static_cast<int>(v));
  absl::StatusOr<const Json*> list = List(*document, "order", "document", /*required=*/true);
  if (!list.ok()) return list.status();
  absl::StatusOr<std::vector<int>> order = References(**list, nodes, "order", "node");
  if (!order.ok()) return order.status();
  absl::StatusOr<int64_t> peak = Bytes(*document, "peak", "document", /*required=*/true);
  if (!peak.ok()) return peak.status();
  absl::StatusOr<int64_t> bound = Bytes(*document, "lower_bound", "document", /*required=*/false);
  if (!bound.ok()) return bound.status();
  Solution solution{*std::move(order), *peak, *bound, false};
  if (const auto it = document->find("proven_optimal"); it != document->end()) {
    if (!it->is_boolean()) return Error("document.proven_optimal", absl::StrCat("expected a boolean, ", Found(*it)));
    solution.proven_optimal = it->get<bool>();
  }
  return solution;
}

}  // namespace plimsoll::schedule
