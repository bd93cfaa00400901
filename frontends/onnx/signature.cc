#include "frontends/onnx/signature.h"

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "frontends/onnx/bundle.h"
#include "frontends/onnx/error.h"
#include "frontends/onnx/importer.h"
#include "frontends/onnx/tensor.h"
#include "ir/plan/types.h"

namespace plimsoll::onnx_frontend {
namespace {

const char* ShortName(plan::DataType dtype) {
  static constexpr const char* kNames[] = {"undefined", "bool", "i8",       "i16",        "i32",    "i64",
                                           "u8",        "u16",  "u32",      "u64",        "f16",    "bf16",
                                           "f32",       "f64",  "f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz"};
  return dtype >= 0 && dtype <= plan::F8E5M2FNUZ ? kNames[dtype] : kNames[0];
}

// The name of a dimension; "" where it has none. Exporters write "?" and "-1" where they know nothing.
std::string Symbol(const onnx::TensorShapeProto::Dimension& dim) {
  const std::string& name = dim.dim_param();
  return name.empty() || name.front() == '?' || name.front() == '-' ? "" : name;
}

std::string DeclaredType(const onnx::TypeProto& type) {
  if (const onnx::TypeProto* listed = ListedType(type)) {
    return absl::StrCat(type.has_optional_type() ? "optional " : "", "sequence of ", DeclaredType(*listed));
  }
  if (!type.has_tensor_type()) {
    return type.has_sequence_type()   ? "sequence"
           : type.has_optional_type() ? "optional"
           : type.has_map_type()      ? "map"
                                      : "unknown";
  }
  const auto& tensor = type.tensor_type();
  const plan::OnnxElement* known = plan::FindOnnxElement(tensor.elem_type());
  const std::string element = known && !known->narrow() ? ShortName(known->kept) : OnnxTypeName(tensor.elem_type());
  if (!tensor.has_shape()) return absl::StrCat(element, "[...]");
  if (tensor.shape().dim_size() == 0) return element;
  std::vector<std::string> dims;
  for (const auto& dim : tensor.shape().dim()) {
    if (dim.has_dim_value() && dim.dim_value() > 0) {
      dims.push_back(absl::StrCat(dim.dim_value()));
    } else {
      dims.push_back(Symbol(dim).empty() ? "?" : Symbol(dim));
    }
  }
  return absl::StrCat(element, "[", absl::StrJoin(dims, ","), "]");
}

std::set<std::string> InitializerNames(const onnx::GraphProto& graph) {
  std::set<std::string> names;
  for (const auto& tensor : graph.initializer()) names.insert(tensor.name());
  for (const auto& tensor : graph.sparse_initializer()) names.insert(tensor.values().name());
  return names;
}

void CountTensor(const onnx::TensorProto& tensor, Summary& summary) {
  const plan::OnnxElement* element = plan::FindOnnxElement(tensor.data_type());
  const absl::StatusOr<int64_t> count = ElementCount(tensor);
  if (!element || !count.ok()) return;
  if (element->kept >= plan::F16 || element->narrow()) summary.parameters += *count;
  summary.weight_bytes += plan::StoredBytes(*element, *count);
}

using Functions = std::map<std::string, const onnx::FunctionProto*>;

void CountNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes, const Opsets& opsets,
                const Functions& functions, Summary& summary, std::map<std::string, std::vector<std::string>>& unknown);

void CountGraph(const onnx::GraphProto& graph, const Opsets& opsets, const Functions& functions, Summary& summary,
                std::map<std::string, std::vector<std::string>>& unknown) {
  for (const auto& tensor : graph.initializer()) CountTensor(tensor, summary);
  CountNodes(graph.node(), opsets, functions, summary, unknown);
}

void CountNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes, const Opsets& opsets,
                const Functions& functions, Summary& summary,
                std::map<std::string, std::vector<std::string>>& unknown) {
  for (const auto& node : nodes) {
    ++summary.nodes;
    ++summary.operators[OperatorName(node)];
    if (!IsKnown(node, opsets, functions)) {
      unknown[OperatorName(node)].push_back(!node.name().empty()     ? node.name()
                                            : node.output_size() > 0 ? node.output(0)
                                                                     : "");
    }
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_t()) CountTensor(attribute.t(), summary);
      if (attribute.has_g()) CountGraph(attribute.g(), opsets, functions, summary, unknown);
      for (const auto& graph : attribute.graphs()) CountGraph(graph, opsets, functions, summary, unknown);
    }
  }
}

// Dims of one input: those given, those declared, -1 where open.
std::optional<Dims> DimsOf(const onnx::ValueInfoProto& input, const ImportOptions& options,
                           std::map<std::string, int64_t>& symbols) {
  const auto& tensor = input.type().tensor_type();
  auto given = options.shapes.find(input.name());
  if (given == options.shapes.end()) {
    if (!tensor.has_shape()) return std::nullopt;
    Dims dims;
    for (const auto& dim : tensor.shape().dim()) {
      if (dim.has_dim_value() && dim.dim_value() > 0) {
        dims.push_back(dim.dim_value());
      } else {
        auto symbol = symbols.find(Symbol(dim));
        dims.push_back(Symbol(dim).empty() || symbol == symbols.end() ? -1 : symbol->second);
      }
    }
    return dims;
  }
  const std::string type = DeclaredType(input.type());
  const std::string contradiction =
      absl::StrCat("the shape given for '", input.name(), "' is ", absl::StrJoin(given->second, "x"),
                   given->second.empty() ? "that of a scalar" : "", ", the model declares ", type);
  for (int64_t dim : given->second) {
    if (dim < 0) FailUsage(absl::StrCat("the shape given for '", input.name(), "' has the negative dimension ", dim));
  }
  if (!tensor.has_shape()) return given->second;
  if (tensor.shape().dim_size() != static_cast<int>(given->second.size())) FailUsage(contradiction);
  for (int d = 0; d < tensor.shape().dim_size(); ++d) {
    const auto& dim = tensor.shape().dim(d);
    if (dim.has_dim_value() && dim.dim_value() > 0 && dim.dim_value() != given->second[d]) FailUsage(contradiction);
    if (Symbol(dim).empty()) continue;
    auto [known, inserted] = symbols.try_emplace(Symbol(dim), given->second[d]);
    if (!inserted && known->second != given->second[d]) {
      FailUsage(absl::StrCat(contradiction, "; '", Symbol(dim), "' is ", known->second, " in another input"));
    }
  }
  return given->second;
}

// An open dimension that the size of a fixed value settles.
void DimsFromValue(Dims& dims, int element_size, const std::string& bytes) {
  int64_t rest = element_size;
  int open = -1;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] < 0) {
      if (open >= 0) return;
      open = static_cast<int>(d);
    } else if (__builtin_mul_overflow(rest, dims[d], &rest)) {
      return;
    }
  }
  if (open >= 0 && rest > 0 && bytes.size() % rest == 0) dims[open] = static_cast<int64_t>(bytes.size()) / rest;
}

}  // namespace

Summary SummaryOf(const Model& model) {
  Summary summary;
  const onnx::GraphProto& graph = model.proto.graph();
  const std::set<std::string> initializers = InitializerNames(graph);
  for (const auto& input : graph.input()) {
    if (!initializers.contains(input.name())) summary.inputs.push_back({input.name(), DeclaredType(input.type())});
  }
  for (const auto& output : graph.output()) summary.outputs.push_back({output.name(), DeclaredType(output.type())});
  Functions functions;
  for (const auto& function : model.proto.functions()) {
    functions[FunctionKey(function.domain(), function.name(), function.overload())] = &function;
  }
  std::map<std::string, std::vector<std::string>> unknown;
  CountGraph(graph, OpsetsOf(model.proto.opset_import()), functions, summary, unknown);
  for (auto& [op_type, nodes] : unknown) summary.unsupported.push_back({op_type, nodes, ""});
  std::vector<std::string> open;
  for (const Imported::Port& input : ResolveInputs(model, ImportOptions(), open)) {
    for (int64_t dim : input.dims) {
      if (dim < 0) {
        summary.open_inputs.push_back(input.name);
        break;
      }
    }
  }
  return summary;
}

std::vector<Imported::Port> ResolveInputs(const Model& model, const ImportOptions& options,
                                          std::vector<std::string>& open) {
  const onnx::GraphProto& graph = model.proto.graph();
  const std::set<std::string> initializers = InitializerNames(graph);
  std::set<std::string> known, lists;
  for (const auto& input : graph.input()) {
    if (!initializers.contains(input.name())) (ListedType(input.type()) ? lists : known).insert(input.name());
  }
  auto check_name = [&](const std::string& name, const char* what) {
    if (!known.contains(name) && !lists.contains(ListName(name)))
      FailUsage(
          absl::StrCat(what, " is given for '", name, "', but the model's inputs are: ", absl::StrJoin(known, ", ")));
  };
  for (const auto& [name, shape] : options.shapes) check_name(name, "a shape");
  for (const auto& [name, value] : options.values) check_name(name, "a value");

  // Twice: an input may give a value to a symbol of an input before it.
  std::map<std::string, int64_t> symbols;
  for (const auto& input : graph.input()) {
    if (options.shapes.contains(input.name()) && input.type().has_tensor_type()) DimsOf(input, options, symbols);
  }
  std::vector<Imported::Port> ports;
  auto add = [&](const onnx::ValueInfoProto& input) {
    Imported::Port port;
    port.name = input.name();
    const plan::OnnxElement* element = plan::FindOnnxElement(input.type().tensor_type().elem_type());
    if (!input.type().has_tensor_type() || !element) {
      FailUnsupported(absl::StrCat("the input '", input.name(), "' has the type ", DeclaredType(input.type()),
                                   "; only tensors of numbers are supported"));
    }
    port.dtype = element->kept;
    port.onnx_element = element->narrow() ? element->number : 0;
    const std::optional<Dims> dims = DimsOf(input, options, symbols);
    port.dims = dims.value_or(Dims{-1});
    auto value = options.values.find(input.name());
    port.fixed = value != options.values.end();
    if (port.fixed) DimsFromValue(port.dims, element->kept_bytes, value->second);
    if (std::any_of(port.dims.begin(), port.dims.end(), [](int64_t dim) { return dim < 0; })) {
      open.push_back(absl::StrCat("'", input.name(), "': ", DeclaredType(input.type())));
    }
    ports.push_back(std::move(port));
  };
  for (const auto& input : graph.input()) {
    if (initializers.contains(input.name())) continue;
    const onnx::TypeProto* listed = ListedType(input.type());
    if (!listed) {
      add(input);
      continue;
    }
    // As many tensors as shapes are given for.
    onnx::ValueInfoProto element;
    *element.mutable_type() = *listed;
    // Each element may have its own size for a name.
    auto& declared = *element.mutable_type()->mutable_tensor_type();
    if (declared.has_shape()) {
      for (auto& dim : *declared.mutable_shape()->mutable_dim()) dim.clear_dim_param();
    }
    size_t count = 0;
    for (; options.shapes.contains(ElementName(input.name(), count)); ++count) {
      element.set_name(ElementName(input.name(), count));
      add(element);
    }
    if (count > 0 || options.shapes.contains(EmptyName(input.name()))) continue;
    element.set_name(input.name());
    element.mutable_type()->mutable_tensor_type()->clear_shape();
    add(element);  // open
    open.back() = absl::StrCat("'", input.name(), "': ", DeclaredType(input.type()),
                               ", as --shapes=", ElementName(input.name(), 0), ":1x2x3 for each, or ",
                               EmptyName(input.name()), ":");
  }
  return ports;
}

std::string OpenMessage(const std::vector<std::string>& open) {
  return absl::StrCat("dimensions are open; give them with --shapes=NAME:1x2x3: ", absl::StrJoin(open, "; "));
}

Value FixedValue(mlir::OpBuilder& builder, const Imported::Port& input, const std::string& bytes,
                 mlir::RankedTensorType type) {
  const int64_t expected = type.getNumElements() * std::max<int64_t>(1, type.getElementTypeBitWidth() / 8);
  if (static_cast<int64_t>(bytes.size()) != expected) {
    FailUsage(absl::StrCat("the value given for '", input.name, "' has ", bytes.size(), " bytes; its shape ",
                           absl::StrJoin(input.dims, "x"), " and type make ", expected));
  }
  return graph::build::constant(builder, builder.getUnknownLoc(), DenseOf(type, bytes));
}

std::string UnsupportedMessage(const std::vector<Summary::Unsupported>& unsupported) {
  std::string message = "unsupported operators:";
  for (const Summary::Unsupported& one : unsupported) {
    absl::StrAppend(&message, "\n  ", one.op_type, one.reason.empty() ? "" : absl::StrCat(" (", one.reason, ")"), ": ",
                    one.nodes.size(), one.nodes.size() == 1 ? " node: " : " nodes: ");
    const std::vector<std::string> some(one.nodes.begin(), one.nodes.begin() + std::min<size_t>(one.nodes.size(), 20));
    absl::StrAppend(&message, absl::StrJoin(some, ", "), one.nodes.size() > some.size() ? ", ..." : "");
  }
  return message;
}

}  // namespace plimsoll::onnx_frontend
