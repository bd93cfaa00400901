#include "passes/schedule/json.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace plimsoll::schedule {
namespace {

using Json = nlohmann::ordered_json;
using Index = absl::flat_hash_map<std::string, int>;

absl::Status Error(absl::string_view where, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

// A short rendering of what was found.
std::string Found(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 40) text = text.substr(0, 40) + "...";
  return absl::StrCat("found ", text);
}

// nlohmann reports a syntax error through an exception or not at all; the SAX interface gives the position without one.
struct Errors : nlohmann::json_sax<Json> {
  std::string text;
  int depth = 0;
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool key(string_t&) override { return true; }
  bool Open() {
    if (++depth <= 64) return true;
    text = "nested deeper than 64 levels";
    return false;
  }
  bool start_object(size_t) override { return Open(); }
  bool start_array(size_t) override { return Open(); }
  bool end_object() override { return --depth, true; }
  bool end_array() override { return --depth, true; }
  bool parse_error(size_t position, const std::string& token, const nlohmann::detail::exception& e) override {
    text = absl::StrCat("byte ", position, ": ", e.what());
    if (const size_t at = text.find("parse error at "); at != std::string::npos) {
      text = absl::StrCat("syntax error at ", text.substr(at + 15));
    }
    return false;
  }
};

absl::StatusOr<Json> Parse(absl::string_view json) {
  Errors errors;
  if (!Json::sax_parse(json.begin(), json.end(), &errors)) {
    return absl::InvalidArgumentError(errors.text.empty() ? "not JSON" : errors.text);
  }
  Json document = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return absl::InvalidArgumentError("not JSON");
  if (!document.is_object()) return Error("document", absl::StrCat("expected an object, ", Found(document)));
  return document;
}

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
  if (id.is_number_integer() || id.is_string()) return id.dump(-1, ' ', false, Json::error_handler_t::replace);
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

}  // namespace

absl::StatusOr<NamedProblem> ReadProblem(absl::string_view json) {
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
                    ",\"outputs\":", list(node.outputs), ",\"workspace\":", node.workspace, "}");
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
