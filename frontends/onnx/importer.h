// The walk over a model's nodes: names to values, subgraphs, function bodies, weights.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "frontends/onnx/emitter.h"
#include "frontends/onnx/import.h"
#include "frontends/onnx/model.h"
#include "ir/plan/onnx_elements.h"
#include "ir/weights/store.h"

namespace plimsoll::onnx_frontend {

using Opsets = std::map<std::string, int>;  // version by domain

// The names of one graph (or function body). A subgraph sees its parent's.
struct Scope {
  const Scope* parent = nullptr;
  const Opsets* opsets = nullptr;
  int depth = 0;
  // Null: the value could not be made because an operator above is unsupported.
  absl::flat_hash_map<std::string, Value> values;
  absl::flat_hash_map<std::string, int> uses;  // by nodes and outputs of this graph

  // Null where the name is not defined.
  const Value* Find(const std::string& name) const;
};

class Importer {
 public:
  Importer(const Model& model, mlir::MLIRContext& context, const ImportOptions& options);

  // Everything; `result.summary` is already filled in.
  void Run(Imported& result);

  // For converters.

  mlir::OpBuilder& builder() { return builder_; }
  graph::build::ErrorCollector& errors() { return errors_; }

  // Converts a subgraph's nodes at the builder's insertion point, its inputs bound to `arguments`; the values of its
  // outputs, null where unsupported.
  std::vector<Value> ConvertSubgraph(const onnx::GraphProto& graph, const Scope& outer,
                                     const std::vector<Value>& arguments);

  // A value for a tensor that the model stores.
  Value Stored(const onnx::TensorProto& tensor, const std::string& name, mlir::Location location, bool is_initializer);

  // The elements of a value that depends on constants (and weights whose bytes are there) alone, or null.
  mlir::DenseElementsAttr Evaluate(Value value);

  // The model's inputs that `value` depends on; weights without bytes as "weight 'NAME'".
  std::vector<std::string> InputsOf(Value value) const;

  // The element type of what has this name, where that is narrower than the one it is kept in; else null.
  const plan::OnnxElement* NarrowElement(const std::string& name) const;
  void SetNarrowElement(const std::string& name, const plan::OnnxElement& element) {
    narrow_elements_[name] = &element;
  }

  // Where the walk is: function bodies may call functions, to a limit.
  static constexpr int kMaxDepth = 64;
  static constexpr int64_t kMaxNodes = 4'000'000;
  // Nodes converted so far, those of unrolled loops counted each time.
  int64_t converted_nodes() const { return converted_nodes_; }

  static mlir::Type TypeOf(mlir::MLIRContext* context, int onnx_data_type, const std::string& what);
  static mlir::Type TypeOf(mlir::MLIRContext* context, plan::DataType dtype);
  static plan::DataType DataTypeOf(mlir::Type element);

 private:
  void ConvertNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes, Scope& scope,
                    const std::string& graph);
  void ConvertNode(const onnx::NodeProto& node, Scope& scope);
  // A sequence or optional of inputs that are bound already.
  void BindList(const onnx::ValueInfoProto& input, Scope& scope);
  void BindInitializers(const onnx::GraphProto& graph, Scope& scope);
  bool ExpandFunction(const onnx::NodeProto& node, Scope& scope, int opset);
  void ExpandBody(const onnx::FunctionProto& function, const onnx::NodeProto& node, Scope& scope, const Opsets& opsets);
  void CountUses(const google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes, Scope& scope);
  void AddUnsupported(const onnx::NodeProto& node, const std::string& reason);
  absl::StatusOr<int> AddWeight(const onnx::TensorProto& tensor, const std::string& name);
  void RemoveDeadCode(mlir::Region& region);

  const Model& model_;
  mlir::MLIRContext& context_;
  const ImportOptions& options_;
  mlir::OpBuilder builder_;
  graph::build::ErrorCollector errors_;
  std::shared_ptr<weights::WeightStore> weights_;
  std::map<std::string, const onnx::FunctionProto*> functions_;
  absl::flat_hash_map<const onnx::TensorProto*, int> sources_;
  std::deque<onnx::FunctionProto> kept_;  // expanded bodies
  std::vector<std::string> input_names_;
  absl::flat_hash_map<std::string, const plan::OnnxElement*> narrow_elements_;
  int64_t converted_nodes_ = 0;
  // By operator and reason.
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> unsupported_;
};

// TensorProto's number for an element type.
int OnnxElementType(mlir::Type element);
// A constant's elements from bytes as a plan keeps them.
mlir::DenseElementsAttr DenseOf(mlir::RankedTensorType type, const std::string& bytes);

// Whether there is a converter or a function body for it.
bool IsKnown(const onnx::NodeProto& node, const Opsets& opsets,
             const std::map<std::string, const onnx::FunctionProto*>& functions);
std::string FunctionKey(const std::string& domain, const std::string& name, const std::string& overload);
Opsets OpsetsOf(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto>& imports);

}  // namespace plimsoll::onnx_frontend
