// What a converter sees of its node.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "frontends/onnx/emitter.h"
#include "frontends/onnx/error.h"
#include "frontends/onnx/importer.h"
#include "frontends/onnx/registry.h"

namespace plimsoll::onnx_frontend {

class NodeContext : public Emitter {
 public:
  NodeContext(Importer& importer, Scope& scope, const onnx::NodeProto& node, int opset, mlir::Location location)
      : Emitter(importer.builder(), location, importer.errors()), importer_(importer), scope_(scope), node_(node), opset_(opset) {}

  Importer& importer() { return importer_; }
  Scope& scope() { return scope_; }
  const onnx::NodeProto& node() const { return node_; }
  int opset() const { return opset_; }  // of the node's domain

  int NumInputs() const { return node_.input_size(); }
  bool HasInput(int i) const { return i < node_.input_size() && !node_.input(i).empty(); }
  Value Input(int i) const;            // throws where absent, or no tensor
  Value AnyInput(int i) const;         // of any type (sequence.cc)
  Value OptionalInput(int i) const { return HasInput(i) ? Input(i) : Value(); }
  std::vector<Value> Inputs() const;   // all of a variadic operator

  int NumOutputs() const { return node_.output_size(); }
  bool HasOutput(int i) const { return i < node_.output_size() && !node_.output(i).empty(); }
  void SetOutput(int i, Value value);
  void SetOutputs(const std::vector<Value>& values);

  const onnx::AttributeProto* Attribute(const std::string& name) const;
  int64_t Int(const std::string& name, int64_t otherwise) const;
  bool Flag(const std::string& name, bool otherwise) const { return Int(name, otherwise) != 0; }
  double Float(const std::string& name, double otherwise) const;
  std::string String(const std::string& name, const std::string& otherwise) const;
  std::optional<Dims> Ints(const std::string& name) const;
  const onnx::GraphProto& Graph(const std::string& name) const;

  // The elements of an input that decides shapes. Where it is not constant: kInvalidArgument, naming the model's
  // inputs to be given with --values.
  Dims ConstantIntegers(int i);
  std::vector<double> ConstantFloats(int i);
  // The elements where they are constant.
  std::optional<Dims> TryIntegers(Value value);
  std::optional<std::vector<double>> TryFloats(Value value);
  std::optional<double> TryScalar(Value value);  // of one element

  // An attribute in older opsets, an input in later ones; nothing where neither is there.
  std::optional<Dims> AttributeOrInput(const std::string& attribute, int input);

 private:
  Importer& importer_;
  Scope& scope_;
  const onnx::NodeProto& node_;
  int opset_;
};

// "WHY and depends on the value of the inputs A, B": kInvalidArgument from which NeededValues reads the names.
[[noreturn]] void FailNeedsValues(const std::string& why, const std::vector<std::string>& inputs);

}  // namespace plimsoll::onnx_frontend
