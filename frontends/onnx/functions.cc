// Operators that ONNX defines by others: function bodies of the schemas and of the model, expanded where they are used.
#include <deque>

#include "frontends/onnx/bundle.h"
#include "frontends/onnx/error.h"
#include "frontends/onnx/importer.h"
#include "frontends/onnx/registry.h"

namespace plimsoll::onnx_frontend {
namespace {

const onnx::AttributeProto* FindAttribute(const onnx::NodeProto& node, const std::string& name) {
  for (const auto& attribute : node.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

// Gives `nodes` of a function body the attributes of the `caller`, and empties the names of inputs that it leaves out.
void Bind(google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes, const onnx::NodeProto& caller,
          const std::vector<std::string>& absent, int depth) {
  Check(depth < Importer::kMaxDepth, "subgraphs are nested too deep");
  for (onnx::NodeProto& node : nodes) {
    for (std::string& input : *node.mutable_input()) {
      if (std::find(absent.begin(), absent.end(), input) != absent.end()) input.clear();
    }
    auto& attributes = *node.mutable_attribute();
    for (int i = attributes.size() - 1; i >= 0; --i) {
      onnx::AttributeProto& attribute = attributes[i];
      if (!attribute.ref_attr_name().empty()) {
        const std::string name = attribute.name();
        if (const onnx::AttributeProto* given = FindAttribute(caller, attribute.ref_attr_name())) {
          attribute = *given;
          attribute.set_name(name);
        } else {
          attributes.DeleteSubrange(i, 1);
        }
        continue;
      }
      if (attribute.has_g()) Bind(*attribute.mutable_g()->mutable_node(), caller, absent, depth + 1);
      for (onnx::GraphProto& graph : *attribute.mutable_graphs())
        Bind(*graph.mutable_node(), caller, absent, depth + 1);
    }
  }
}

// `value`'s type as ONNX states it.
onnx::TypeProto ProtoType(Value value) {
  onnx::TypeProto type;
  if (const std::optional<std::vector<Value>> elements = Unbundle(value)) {
    onnx::TypeProto::Sequence* sequence = type.mutable_sequence_type();
    if (!elements->empty()) *sequence->mutable_elem_type() = ProtoType(elements->front());
    return type;
  }
  // ONNX's builders of function bodies take it for granted that a value has a type.
  if (!llvm::isa<mlir::RankedTensorType>(value.getType())) FailUnsupported("an optional that holds nothing");
  const auto tensor = Emitter::TypeOf(value);
  type.mutable_tensor_type()->set_elem_type(OnnxElementType(tensor.getElementType()));
  auto* shape = type.mutable_tensor_type()->mutable_shape();
  for (int64_t dim : tensor.getShape()) {
    onnx::TensorShapeProto::Dimension& added = *shape->add_dim();
    if (!mlir::ShapedType::isDynamic(dim)) added.set_dim_value(dim);
  }
  return type;
}

}  // namespace

std::string FunctionKey(const std::string& domain, const std::string& name, const std::string& overload) {
  return absl::StrCat(Domain(domain), "\n", name, "\n", overload);
}

Opsets OpsetsOf(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto>& imports) {
  Opsets opsets;
  for (const auto& import : imports)
    opsets[Domain(import.domain())] = static_cast<int>(std::clamp<int64_t>(import.version(), 1, 1000));
  return opsets;
}

bool IsKnown(const onnx::NodeProto& node, const Opsets& opsets,
             const std::map<std::string, const onnx::FunctionProto*>& functions) {
  const std::string domain = Domain(node.domain());
  if (functions.contains(FunctionKey(node.domain(), node.op_type(), node.overload()))) return true;
  if (Registry::Instance().Find(domain, node.op_type())) return true;
  auto opset = opsets.find(domain);
  const onnx::OpSchema* schema =
      onnx::OpSchemaRegistry::Schema(node.op_type(), opset == opsets.end() ? 1 : opset->second, domain);
  return schema && (schema->HasFunction() || schema->HasContextDependentFunction());
}

bool Importer::ExpandFunction(const onnx::NodeProto& node, Scope& scope, int opset) {
  const onnx::OpSchema* schema = onnx::OpSchemaRegistry::Schema(node.op_type(), opset, Domain(node.domain()));
  if (!schema) return false;
  onnx::NodeProto caller = node;
  for (const auto& [name, attribute] : schema->attributes()) {
    if (attribute.default_value.type() == onnx::AttributeProto::UNDEFINED || FindAttribute(node, name)) continue;
    *caller.add_attribute() = attribute.default_value;
    caller.mutable_attribute(caller.attribute_size() - 1)->set_name(name);
  }
  onnx::FunctionProto body;
  if (const onnx::FunctionProto* function = schema->HasFunction() ? schema->GetFunction(opset) : nullptr) {
    body = *function;
  } else if (schema->HasFunction() && schema->GetFunction()) {
    body = *schema->GetFunction();
  } else if (schema->HasContextDependentFunction()) {
    const auto& formal = schema->inputs();
    for (size_t i = 0; i < formal.size(); ++i) {
      const bool given = static_cast<int>(i) < node.input_size() && !node.input(static_cast<int>(i)).empty();
      if (formal[i].GetOption() == onnx::OpSchema::Single) Check(given, absl::StrCat("input ", i, " is missing"));
    }
    std::vector<onnx::TypeProto> types;
    for (const std::string& input : node.input()) {
      types.push_back(input.empty() ? onnx::TypeProto() : ProtoType(*scope.Find(input)));
    }
    const onnx::FunctionBodyBuildContextImpl context(caller, types);
    if (!schema->BuildContextDependentFunction(context, body, opset) &&
        !schema->BuildContextDependentFunction(context, body))
      return false;
  } else {
    return false;
  }
  Opsets opsets = OpsetsOf(body.opset_import());
  for (const auto& [domain, version] : *scope.opsets) opsets.try_emplace(domain, version);
  ExpandBody(body, caller, scope, opsets);
  return true;
}

void Importer::ExpandBody(const onnx::FunctionProto& function, const onnx::NodeProto& node, Scope& scope,
                          const Opsets& opsets) {
  if (scope.depth >= kMaxDepth) FailMalformed("functions call each other without end");
  Check(node.input_size() <= function.input_size(), "more inputs than the function has");
  // Kept to the end: stored tensors are known by their address.
  onnx::FunctionProto& body = kept_.emplace_back(function);
  onnx::NodeProto caller = node;
  for (const auto& attribute : function.attribute_proto()) {
    if (!FindAttribute(node, attribute.name())) *caller.add_attribute() = attribute;
  }
  Scope inner;
  inner.opsets = &opsets;
  inner.depth = scope.depth + 1;
  std::vector<std::string> absent;
  for (int i = 0; i < body.input_size(); ++i) {
    if (i < node.input_size() && !node.input(i).empty()) {
      inner.values[body.input(i)] = *scope.Find(node.input(i));
    } else {
      absent.push_back(body.input(i));
    }
  }
  Bind(*body.mutable_node(), caller, absent, 0);
  CountUses(body.node(), inner);
  for (const std::string& output : body.output()) ++inner.uses[output];
  ConvertNodes(body.node(), inner, absl::StrCat("function '", function.name(), "'"));
  for (int i = 0; i < node.output_size() && i < body.output_size(); ++i) {
    if (node.output(i).empty()) continue;
    const Value* value = inner.Find(body.output(i));
    if (!value)
      FailMalformed(
          absl::StrCat("the function '", function.name(), "' does not define its output '", body.output(i), "'"));
    scope.values[node.output(i)] = *value;
  }
}

}  // namespace plimsoll::onnx_frontend
