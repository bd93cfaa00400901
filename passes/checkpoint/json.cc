#include "passes/checkpoint/json.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "passes/schedule/json_document.h"

namespace plimsoll::checkpoint {
namespace {

using json_document::Dump, json_document::Error, json_document::Found, json_document::Json, json_document::Parse;
using Index = absl::flat_hash_map<std::string, int>;

absl::StatusOr<const Json*> List(const Json& object, const char* key, bool required) {
  static const Json* const kEmpty = new Json(Json::array());
  const auto it = object.find(key);
  if (it == object.end()) {
    if (!required) return kEmpty;
    return Error("document", absl::StrCat("\"", key, "\" is missing; expected an array"));
  }
  if (!it->is_array()) return Error(key, absl::StrCat("expected an array, ", Found(*it)));
  return &*it;
}

absl::StatusOr<int64_t> Bytes(const Json& value, absl::string_view where) {
  if (value.is_number_unsigned()) {
    const uint64_t bytes = value.get<uint64_t>();
    if (bytes <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return static_cast<int64_t>(bytes);
  } else if (value.is_number_float()) {  // 1e9, 4096.0
    const double bytes = value.get<double>();
    if (bytes >= 0 && bytes < 9e18 && bytes == std::floor(bytes)) return static_cast<int64_t>(bytes);
  }
  return Error(where, absl::StrCat("expected a whole number of bytes in [0, 2^63), ", Found(value)));
}

absl::StatusOr<double> Cost(const Json& value, absl::string_view where) {
  if (value.is_number()) {
    const double cost = value.get<double>();
    if (std::isfinite(cost) && cost >= 0) return cost;
  }
  return Error(where, absl::StrCat("expected a finite number, not negative, ", Found(value)));
}

absl::StatusOr<std::string> Id(const Json& id, absl::string_view where) {
  if (id.is_number_integer() || id.is_string()) return Dump(id);
  return Error(where, absl::StrCat("expected an integer or a string as id, ", Found(id)));
}

absl::StatusOr<int> Reference(const Json& id, const Index& index, absl::string_view where) {
  absl::StatusOr<std::string> name = Id(id, where);
  if (!name.ok()) return name.status();
  const auto it = index.find(*name);
  if (it == index.end()) return Error(where, absl::StrCat("there is no node with id ", *name));
  return it->second;
}

absl::StatusOr<std::vector<int>> References(const Json& document, const char* key, const Index& index, bool required) {
  absl::StatusOr<const Json*> list = List(document, key, required);
  if (!list.ok()) return list.status();
  std::vector<int> references;
  for (size_t i = 0; i < (*list)->size(); ++i) {
    absl::StatusOr<int> v = Reference((**list)[i], index, absl::StrCat(key, "[", i, "]"));
    if (!v.ok()) return v.status();
    references.push_back(*v);
  }
  return references;
}

absl::Status ReadNodes(const Json& document, NamedProblem& named, Index& index) {
  absl::StatusOr<const Json*> list = List(document, "nodes", /*required=*/true);
  if (!list.ok()) return list.status();
  for (const Json& item : **list) {
    const std::string where = absl::StrCat("nodes[", named.nodes.size(), "]");
    if (!item.is_object()) return Error(where, absl::StrCat("expected an object, ", Found(item)));
    for (const char* key : {"id", "cost", "size"}) {
      if (!item.contains(key)) return Error(where, absl::StrCat("\"", key, "\" is missing"));
    }
    absl::StatusOr<std::string> id = Id(item["id"], absl::StrCat(where, ".id"));
    if (!id.ok()) return id.status();
    if (!index.emplace(*id, static_cast<int>(named.nodes.size())).second) {
      return Error(absl::StrCat(where, ".id"), absl::StrCat(*id, " is the id of nodes[", index[*id], "] too"));
    }
    absl::StatusOr<int64_t> size = Bytes(item["size"], absl::StrCat(where, ".size"));
    if (!size.ok()) return size.status();
    absl::StatusOr<double> cost = Cost(item["cost"], absl::StrCat(where, ".cost"));
    if (!cost.ok()) return cost.status();
    Node node{*size, *cost, {}};
    if (item.contains("workspace")) {
      absl::StatusOr<int64_t> workspace = Bytes(item["workspace"], absl::StrCat(where, ".workspace"));
      if (!workspace.ok()) return workspace.status();
      node.workspace = *workspace;
    }
    if (const auto once = item.find("once"); once != item.end()) {
      if (!once->is_boolean())
        return Error(absl::StrCat(where, ".once"), absl::StrCat("expected a boolean, ", Found(*once)));
      node.once = once->get<bool>();
    }
    named.nodes.push_back(*std::move(id));
    named.problem.nodes.push_back(std::move(node));
  }
  return absl::OkStatus();
}

absl::Status ReadEdges(const Json& document, NamedProblem& named, const Index& index) {
  absl::StatusOr<const Json*> list = List(document, "edges", /*required=*/true);
  if (!list.ok()) return list.status();
  for (size_t i = 0; i < (*list)->size(); ++i) {
    const Json& edge = (**list)[i];
    const std::string where = absl::StrCat("edges[", i, "]");
    if (!edge.is_array() || edge.size() != 2) {
      return Error(where, absl::StrCat("expected two ids, [from, to], ", Found(edge)));
    }
    absl::StatusOr<int> from = Reference(edge[0], index, where), to = Reference(edge[1], index, where);
    if (!from.ok()) return from.status();
    if (!to.ok()) return to.status();
    if (*from == *to) return Error(where, absl::StrCat("node ", named.nodes[*from], " cannot be its own input"));
    named.problem.nodes[*to].inputs.push_back(*from);
  }
  return absl::OkStatus();
}

absl::Status ReadBudgets(const Json& document, NamedProblem& named) {
  const auto budget = document.find("budget");
  if (budget == document.end()) return absl::OkStatus();
  if (!budget->is_array()) {
    absl::StatusOr<int64_t> bytes = Bytes(*budget, "budget");
    if (!bytes.ok()) return bytes.status();
    named.budgets.push_back(*bytes);
    return absl::OkStatus();
  }
  for (const Json& item : *budget) {
    absl::StatusOr<int64_t> bytes = Bytes(item, absl::StrCat("budget[", named.budgets.size(), "]"));
    if (!bytes.ok()) return bytes.status();
    named.budgets.push_back(*bytes);
  }
  return named.budgets.empty() ? Error("budget", "the list is empty") : absl::OkStatus();
}

// Doubles so that they read back the same.
std::string Number(double value) { return Dump(Json(value)); }

std::string SolutionFields(const NamedProblem& named, const Solution& solution) {
  std::string text = "\"sequence\":[";
  for (size_t i = 0; i < solution.sequence.size(); ++i) {
    absl::StrAppend(&text, i ? "," : "", named.nodes[solution.sequence[i]]);
  }
  absl::StrAppend(&text, "],\"peak\":", solution.peak, ",\"cost\":", Number(solution.cost),
                  ",\"lower_bound\":", Number(solution.lower_bound),
                  ",\"proven_optimal\":", solution.proven_optimal ? "true" : "false");
  return text;
}

absl::StatusOr<NamedProblem> Read(absl::string_view json) {
  absl::StatusOr<Json> document = Parse(json);
  if (!document.ok()) return document.status();
  NamedProblem named;
  Index index;
  if (absl::Status s = ReadNodes(*document, named, index); !s.ok()) return s;
  if (absl::Status s = ReadEdges(*document, named, index); !s.ok()) return s;
  absl::StatusOr<std::vector<int>> order = References(*document, "order", index, /*required=*/false);
  if (!order.ok()) return order.status();
  named.problem.order = *std::move(order);
  absl::StatusOr<std::vector<int>> outputs = References(*document, "outputs", index, /*required=*/false);
  if (!outputs.ok()) return outputs.status();
  named.problem.outputs = *std::move(outputs);
  if (!document->contains("outputs")) {
    if (!named.problem.order.empty()) {
      named.problem.outputs = {named.problem.order.back()};
    } else {
      std::vector<char> read(named.nodes.size(), 0);
      for (const Node& node : named.problem.nodes) {
        for (int u : node.inputs) read[u] = 1;
      }
      for (size_t v = 0; v < read.size(); ++v) {
        if (!read[v]) named.problem.outputs.push_back(static_cast<int>(v));
      }
    }
  }
  if (absl::Status s = ReadBudgets(*document, named); !s.ok()) return s;
  if (absl::Status s = Check(named.problem); !s.ok()) return Error("nodes, counted from 0 in the file", s.message());
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
    for (size_t i = 0; i < ids.size(); ++i) absl::StrAppend(&text, i ? "," : "", named.nodes[ids[i]]);
    return text + "]";
  };
  std::string text = "{\"nodes\":[", edges;
  for (size_t v = 0; v < named.problem.nodes.size(); ++v) {
    const Node& node = named.problem.nodes[v];
    absl::StrAppend(&text, v ? ",\n" : "\n", "{\"id\":", named.nodes[v], ",\"cost\":", Number(node.cost),
                    ",\"size\":", node.size);
    if (node.workspace > 0) absl::StrAppend(&text, ",\"workspace\":", node.workspace);
    absl::StrAppend(&text, node.once ? ",\"once\":true}" : "}");
    for (int u : node.inputs)
      absl::StrAppend(&edges, edges.empty() ? "" : ",", "[", named.nodes[u], ",", named.nodes[v], "]");
  }
  absl::StrAppend(&text, "],\n\"edges\":[", edges, "]");
  if (!named.problem.order.empty()) absl::StrAppend(&text, ",\n\"order\":", list(named.problem.order));
  absl::StrAppend(&text, ",\n\"outputs\":", list(named.problem.outputs));
  if (named.budgets.size() == 1) absl::StrAppend(&text, ",\n\"budget\":", named.budgets[0]);
  if (named.budgets.size() > 1) {
    absl::StrAppend(&text, ",\n\"budget\":[");
    for (size_t i = 0; i < named.budgets.size(); ++i) absl::StrAppend(&text, i ? "," : "", named.budgets[i]);
    text += "]";
  }
  return text + "}\n";
}

std::string WriteAnswers(const NamedProblem& named, absl::Span<const Answer> answers) {
  if (answers.size() == 1) return absl::StrCat("{", SolutionFields(named, answers[0].solution), "}\n");
  std::string text = "{\"solutions\":[";
  for (size_t i = 0; i < answers.size(); ++i) {
    absl::StrAppend(&text, i ? ",\n" : "\n", "{\"budget\":", answers[i].budget, ",");
    if (answers[i].status.ok()) {
      absl::StrAppend(&text, SolutionFields(named, answers[i].solution), "}");
    } else {
      const std::string message(answers[i].status.message());
      absl::StrAppend(&text, "\"error\":", Dump(Json(message)), "}");
    }
  }
  return text + "]}\n";
}

absl::StatusOr<Solution> ReadSolution(const NamedProblem& named, absl::string_view json) {
  absl::StatusOr<Json> document = Parse(json);
  if (!document.ok()) return document.status();
  Index index;
  for (size_t v = 0; v < named.nodes.size(); ++v) index.emplace(named.nodes[v], static_cast<int>(v));
  absl::StatusOr<std::vector<int>> sequence = References(*document, "sequence", index, /*required=*/true);
  if (!sequence.ok()) return sequence.status();
  for (const char* key : {"peak", "cost"}) {
    if (!document->contains(key)) return Error("document", absl::StrCat("\"", key, "\" is missing"));
  }
  absl::StatusOr<int64_t> peak = Bytes((*document)["peak"], "peak");
  if (!peak.ok()) return peak.status();
  absl::StatusOr<double> cost = Cost((*document)["cost"], "cost");
  if (!cost.ok()) return cost.status();
  Solution solution{*std::move(sequence), *peak, *cost, 0, false};
  if (document->contains("lower_bound")) {
    absl::StatusOr<double> bound = Cost((*document)["lower_bound"], "lower_bound");
    if (!bound.ok()) return bound.status();
    solution.lower_bound = *bound;
  }
  if (const auto it = document->find("proven_optimal"); it != document->end()) {
    if (!it->is_boolean()) return Error("proven_optimal", absl::StrCat("expected a boolean, ", Found(*it)));
    solution.proven_optimal = it->get<bool>();
  }
  return solution;
}

}  // namespace plimsoll::checkpoint
