#include "frontends/onnx/importer.h"

#include <algorithm>
#include <utility>

#include "frontends/onnx/bundle.h"
#include "frontends/onnx/error.h"
#include "frontends/onnx/node.h"
#include "frontends/onnx/registry.h"
#include "frontends/onnx/signature.h"
#include "frontends/onnx/tensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"

namespace plimsoll::onnx_frontend {
namespace {

// Converters know the operators' forms from here on; what has the same form in an older opset is known too.
constexpr int kFirstKnownOpset = 6;

mlir::Location LocationOf(mlir::MLIRContext* context, const onnx::NodeProto& node) {
  std::string name = node.name();
  for (const std::string& output : node.output()) {
    if (name.empty()) name = output;
  }
  return mlir::NameLoc::get(mlir::StringAttr::get(context, name.empty() ? node.op_type() : name));
}

}  // namespace

const Value* Scope::Find(const std::string& name) const {
  for (const Scope* scope = this; scope; scope = scope->parent) {
    if (auto found = scope->values.find(name); found != scope->values.end()) return &found->second;
  }
  return nullptr;
}

Importer::Importer(const Model& model, mlir::MLIRContext& context, const ImportOptions& options)
    : model_(model),
      context_(context),
      options_(options),
      builder_(&context),
      errors_(&context),
      weights_(std::make_shared<weights::WeightStore>()) {
  for (const auto& function : model.proto.functions()) {
    functions_[FunctionKey(function.domain(), function.name(), function.overload())] = &function;
  }
}

void Importer::Run(Imported& result) {
  const onnx::GraphProto& graph = model_.proto.graph();
  result.weights = weights_;
  result.module = mlir::ModuleOp::create(mlir::NameLoc::get(builder_.getStringAttr(graph.name())));
  builder_.setInsertionPointToEnd(result.module->getBody());
  std::vector<mlir::Type> arguments;
  std::vector<mlir::Attribute> input_names, output_names;
  for (const Imported::Port& input : result.inputs) {
    arguments.push_back(Emitter::TensorOf(input.dims, TypeOf(&context_, input.dtype)));
    if (!input.fixed) input_names.push_back(builder_.getStringAttr(input.name));
    input_names_.push_back(input.name);
  }
  auto function =
      builder_.create<mlir::func::FuncOp>(result.module->getLoc(), "main", builder_.getFunctionType(arguments, {}));
  mlir::Block* body = function.addEntryBlock();
  builder_.setInsertionPointToStart(body);

  const Opsets opsets = OpsetsOf(model_.proto.opset_import());
  Scope scope;
  scope.opsets = &opsets;
  for (auto [input, argument] : llvm::zip_equal(result.inputs, body->getArguments())) {
    Value value = argument;
    if (input.fixed)
      value = FixedValue(builder_, input, options_.values.at(input.name),
                         llvm::cast<mlir::RankedTensorType>(argument.getType()));
    Check(scope.values.try_emplace(input.name, value).second,
          absl::StrCat("two inputs have the name '", input.name, "'"));
  }
  for (const auto& input : graph.input()) {
    if (ListedType(input.type())) BindList(input, scope);
    const plan::OnnxElement* element = plan::FindOnnxElement(input.type().tensor_type().elem_type());
    if (element && element->narrow()) SetNarrowElement(input.name(), *element);
  }
  BindInitializers(graph, scope);
  CountUses(graph.node(), scope);
  for (const auto& output : graph.output()) ++scope.uses[output.name()];
  ConvertNodes(graph.node(), scope, "the graph");

  std::vector<Value> results;
  for (const auto& output : graph.output()) {
    const Value* value = scope.Find(output.name());
    if (!value) FailMalformed(absl::StrCat("the output '", output.name(), "' is not defined"));
    if (!*value) continue;
    auto add = [&](const std::string& name, Value tensor, int declared_element) {
      const mlir::RankedTensorType type = Emitter::TypeOf(tensor);
      Imported::Port port;
      port.name = name;
      port.dtype = DataTypeOf(type.getElementType());
      port.dims = type.getShape().vec();
      if (auto bounds = llvm::dyn_cast_or_null<graph::BoundsAttr>(type.getEncoding())) {
        port.dims.assign(bounds.getSizes().begin(), bounds.getSizes().end());
      }
      const plan::OnnxElement* declared = plan::FindOnnxElement(declared_element);
      if (declared && declared->narrow() && declared->kept == port.dtype) port.onnx_element = declared->number;
      result.outputs.push_back(port);
      results.push_back(tensor);
      output_names.push_back(builder_.getStringAttr(name));
    };
    const onnx::TypeProto* listed = ListedType(output.type());
    const int declared = (listed ? *listed : output.type()).tensor_type().elem_type();
    const std::optional<std::vector<Value>> elements = Unbundle(*value);
    if (llvm::isa<mlir::RankedTensorType>(value->getType())) {
      add(listed ? ElementName(output.name(), 0) : output.name(), *value, declared);
    } else if (!elements) {
      unsupported_[{"output", "an optional that holds nothing"}].push_back(output.name());
    } else {
      for (size_t i = 0; i < elements->size(); ++i) {
        if (llvm::isa<mlir::RankedTensorType>((*elements)[i].getType())) {
          add(ElementName(output.name(), i), (*elements)[i], declared);
        } else {
          unsupported_[{"output", "sequences of sequences as outputs"}].push_back(output.name());
        }
      }
    }
  }
  for (auto& [what, nodes] : unsupported_) result.summary.unsupported.push_back({what.first, nodes, what.second});
  if (!unsupported_.empty()) {
    throw ImportError(absl::UnimplementedError(UnsupportedMessage(result.summary.unsupported)));
  }
  builder_.create<mlir::func::ReturnOp>(function.getLoc(), results);
  // A fixed input is a constant now; until here its argument kept the others' numbers.
  arguments.clear();
  for (size_t i = result.inputs.size(); i-- > 0;) {
    if (result.inputs[i].fixed) body->eraseArgument(i);
  }
  for (Value argument : body->getArguments()) arguments.push_back(argument.getType());
  std::vector<mlir::Type> types;
  for (Value value : results) types.push_back(value.getType());
  function.setType(builder_.getFunctionType(arguments, types));
  function->setAttr("plimsoll.input_names", builder_.getArrayAttr(input_names));
  function->setAttr("plimsoll.output_names", builder_.getArrayAttr(output_names));
  RemoveDeadCode(function.getBody());
  if (mlir::failed(mlir::verify(*result.module))) {
    throw ImportError(absl::InternalError(absl::StrCat("the imported graph is not valid: ", errors_.take())));
  }
}

void Importer::BindList(const onnx::ValueInfoProto& input, Scope& scope) {
  std::vector<Value> elements;
  for (auto found = scope.values.find(ElementName(input.name(), 0)); found != scope.values.end();
       found = scope.values.find(ElementName(input.name(), elements.size()))) {
    elements.push_back(found->second);
  }
  const bool optional = input.type().has_optional_type();
  const mlir::Location location = mlir::NameLoc::get(builder_.getStringAttr(input.name()));
  Value value = optional && elements.empty() ? Nothing(builder_, location)
                : optional && input.type().optional_type().elem_type().has_tensor_type()
                    ? elements.front()
                    : Bundle(builder_, location, elements);
  Check(scope.values.try_emplace(input.name(), value).second,
        absl::StrCat("two inputs have the name '", input.name(), "'"));
}

const plan::OnnxElement* Importer::NarrowElement(const std::string& name) const {
  auto found = narrow_elements_.find(name);
  return found == narrow_elements_.end() ? nullptr : found->second;
}

void Importer::CountUses(const google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes, Scope& scope) {
  for (const auto& node : nodes) {
    for (const std::string& input : node.input()) ++scope.uses[input];
  }
}

void Importer::BindInitializers(const onnx::GraphProto& graph, Scope& scope) {
  for (const auto& tensor : graph.initializer()) {
    const mlir::Location location = mlir::NameLoc::get(builder_.getStringAttr(tensor.name()));
    if (const plan::OnnxElement* element = plan::FindOnnxElement(tensor.data_type()); element && element->narrow()) {
      SetNarrowElement(tensor.name(), *element);
    }
    Value value;
    try {
      value = Stored(tensor, tensor.name(), location, true);
    } catch (const ImportError& error) {
      if (error.status().code() != absl::StatusCode::kUnimplemented) throw;
      unsupported_[{"initializer", std::string(error.status().message())}].push_back(tensor.name());
    }
    if (!scope.values.try_emplace(tensor.name(), value).second) {
      FailMalformed(absl::StrCat("the name '", tensor.name(),
                                 "' is defined twice: by an initializer and by an input or initializer"));
    }
  }
  for (const auto& tensor : graph.sparse_initializer()) {
    unsupported_[{"initializer", "sparse initializers are not supported"}].push_back(tensor.values().name());
    scope.values[tensor.values().name()] = Value();
  }
}

void Importer::ConvertNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes, Scope& scope,
                            const std::string& graph) {
  for (int i : TopologicalOrder(nodes, graph)) ConvertNode(nodes[i], scope);
}

void Importer::AddUnsupported(const onnx::NodeProto& node, const std::string& reason) {
  std::string name = node.name();
  if (name.empty() && node.output_size() > 0) name = node.output(0);
  std::vector<std::string>& names = unsupported_[{OperatorName(node), reason}];
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

void Importer::ConvertNode(const onnx::NodeProto& node, Scope& scope) {
  // Functions that call each other may stand for any number of nodes.
  if (++converted_nodes_ > kMaxNodes) FailMalformed(absl::StrCat("it expands to more than ", kMaxNodes, " nodes"));
  const std::string domain = Domain(node.domain());
  bool poisoned = false;
  for (const std::string& input : node.input()) {
    if (input.empty()) continue;
    const Value* value = scope.Find(input);
    if (!value) FailMalformed(absl::StrCat(Describe(node), ": reads '", input, "', which nothing defines"));
    if (!*value) poisoned = true;
  }
  for (const std::string& output : node.output()) {
    if (output.empty()) continue;
    if (scope.values.contains(output))
      FailMalformed(absl::StrCat(Describe(node), ": '", output, "' is defined already, as an input or initializer"));
  }
  auto poison = [&] {
    for (const std::string& output : node.output()) {
      if (!output.empty()) scope.values[output] = Value();
    }
  };
  if (!IsKnown(node, *scope.opsets, functions_)) {
    AddUnsupported(node, "not implemented");
    return poison();
  }
  if (poisoned) return poison();

  auto found = scope.opsets->find(domain);
  const int opset = found == scope.opsets->end() ? 1 : found->second;
  try {
    if (found == scope.opsets->end() && domain.empty())
      FailMalformed("the model imports no operator set of the default domain");
    if (auto local = functions_.find(FunctionKey(node.domain(), node.op_type(), node.overload()));
        local != functions_.end()) {
      ExpandBody(*local->second, node, scope, OpsetsOf(local->second->opset_import()));
    } else {
      const onnx::OpSchema* schema = onnx::OpSchemaRegistry::Schema(node.op_type(), opset, domain);
      if (schema) schema->Verify(node);
      if (domain.empty() && opset < kFirstKnownOpset) {
        const onnx::OpSchema* known = onnx::OpSchemaRegistry::Schema(node.op_type(), kFirstKnownOpset, domain);
        if (!schema || !known || schema->since_version() != known->since_version())
          FailUnsupported(absl::StrCat("its form of opset ", opset));
      }
      if (const Converter* converter = Registry::Instance().Find(domain, node.op_type())) {
        NodeContext context(*this, scope, node, opset, LocationOf(&context_, node));
        (*converter)(context);
      } else if (!ExpandFunction(node, scope, opset)) {
        FailUnsupported("no function body for these inputs");
      }
    }
  } catch (const ImportError& error) {
    const std::string message(error.status().message());
    if (error.status().code() != absl::StatusCode::kUnimplemented) {
      throw ImportError(Prefixed(Describe(node), error.status()));
    }
    AddUnsupported(node, message);
    return poison();
  } catch (const std::exception& error) {
    FailMalformed(absl::StrCat(Describe(node), ": ", error.what()));
  }
  for (const std::string& output : node.output()) {
    if (output.empty() || scope.values.contains(output)) continue;
    AddUnsupported(node, absl::StrCat("its output '", output, "'"));
    poison();
    break;
  }
}

std::vector<Value> Importer::ConvertSubgraph(const onnx::GraphProto& graph, const Scope& outer,
                                             const std::vector<Value>& arguments) {
  Check(outer.depth < kMaxDepth, "graphs are nested too deep");
  if (graph.input_size() != static_cast<int>(arguments.size())) {
    FailMalformed(absl::StrCat("the subgraph '", graph.name(), "' has ", graph.input_size(), " inputs; expected are ",
                               arguments.size()));
  }
  Scope scope;
  scope.parent = &outer;
  scope.opsets = outer.opsets;
  scope.depth = outer.depth + 1;
  for (int i = 0; i < graph.input_size(); ++i) scope.values[graph.input(i).name()] = arguments[i];
  BindInitializers(graph, scope);
  CountUses(graph.node(), scope);
  for (const auto& output : graph.output()) ++scope.uses[output.name()];
  ConvertNodes(graph.node(), scope, absl::StrCat("subgraph '", graph.name(), "'"));
  std::vector<Value> results;
  for (const auto& output : graph.output()) {
    const Value* value = scope.Find(output.name());
    if (!value)
      FailMalformed(
          absl::StrCat("the output '", output.name(), "' of the subgraph '", graph.name(), "' is not defined"));
    results.push_back(*value);
  }
  return results;
}

void Importer::RemoveDeadCode(mlir::Region& region) {
  for (mlir::Block& block : region) {
    for (mlir::Operation& op : llvm::make_early_inc_range(llvm::reverse(block))) {
      if (mlir::isOpTriviallyDead(&op)) {
        op.erase();
        continue;
      }
      for (mlir::Region& inner : op.getRegions()) RemoveDeadCode(inner);
    }
  }
}

}  // namespace plimsoll::onnx_frontend
