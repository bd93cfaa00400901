#include "frontends/onnx/node.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace plimsoll::onnx_frontend {
namespace {

std::optional<Dims> IntegersOf(mlir::DenseElementsAttr elements) {
  auto type = llvm::dyn_cast_or_null<mlir::IntegerType>(elements ? elements.getElementType() : Type());
  if (!type || type.getWidth() > 64) return std::nullopt;
  const bool zero_extend = type.isUnsigned() || type.getWidth() == 1;
  Dims result;
  result.reserve(elements.getNumElements());
  for (const llvm::APInt& value : elements.getValues<llvm::APInt>()) {
    result.push_back(zero_extend ? static_cast<int64_t>(value.getZExtValue()) : value.getSExtValue());
  }
  return result;
}

std::optional<std::vector<double>> FloatsOf(mlir::DenseElementsAttr elements) {
  if (!elements) return std::nullopt;
  std::vector<double> result;
  if (!llvm::isa<mlir::FloatType>(elements.getElementType())) {
    std::optional<Dims> integers = IntegersOf(elements);
    if (!integers) return std::nullopt;
    result.assign(integers->begin(), integers->end());
    return result;
  }
  result.reserve(elements.getNumElements());
  for (llvm::APFloat value : elements.getValues<llvm::APFloat>()) {
    bool inexact = false;
    value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &inexact);
    result.push_back(value.convertToDouble());
  }
  return result;
}

[[noreturn]] void FailNotConstant(Importer& importer, Value value, const std::string& name) {
  const std::vector<std::string> inputs = importer.InputsOf(value);
  if (inputs.empty()) {
    FailUnsupported(absl::StrCat("'", name, "' decides shapes and cannot be evaluated while importing"));
  }
  for (const std::string& input : inputs) {
    if (input.starts_with("weight "))
      FailUsage(absl::StrCat("'", name, "' decides shapes and depends on the ", input, ", whose bytes are not there"));
  }
  FailNeedsValues(absl::StrCat("'", name, "' decides shapes"), inputs);
}

}  // namespace

void FailNeedsValues(const std::string& why, const std::vector<std::string>& inputs) {
  absl::Status status = absl::InvalidArgumentError(
      absl::StrCat(why, " and depends on the value of the input", inputs.size() > 1 ? "s " : " ",
                   absl::StrJoin(inputs, ", "), ": give it with --values=", inputs.front(), "=FILE"));
  const std::string names = absl::StrJoin(inputs, "\n");
  status.SetPayload(kNeededValues, absl::Cord(absl::string_view(names)));
  throw ImportError(status);
}

Value NodeContext::AnyInput(int i) const {
  if (!HasInput(i)) FailMalformed(absl::StrCat("input ", i, " is missing"));
  return *scope_.Find(node_.input(i));
}

Value NodeContext::Input(int i) const {
  Value value = AnyInput(i);
  auto type = llvm::dyn_cast<mlir::RankedTensorType>(value.getType());
  if (!type) FailUnsupported(absl::StrCat("input ", i, " is a sequence"));
  if (!type.hasStaticShape()) FailUnsupported(absl::StrCat("the shape of input ", i, " depends on data"));
  return value;
}

std::vector<Value> NodeContext::Inputs() const {
  std::vector<Value> values;
  for (int i = 0; i < NumInputs(); ++i) values.push_back(Input(i));
  return values;
}

void NodeContext::SetOutput(int i, Value value) {
  if (HasOutput(i)) scope_.values[node_.output(i)] = value;
}

void NodeContext::SetOutputs(const std::vector<Value>& values) {
  for (size_t i = 0; i < values.size(); ++i) SetOutput(static_cast<int>(i), values[i]);
}

const onnx::AttributeProto* NodeContext::Attribute(const std::string& name) const {
  for (const auto& attribute : node_.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

int64_t NodeContext::Int(const std::string& name, int64_t otherwise) const {
  const onnx::AttributeProto* attribute = Attribute(name);
  return attribute ? attribute->i() : otherwise;
}

double NodeContext::Float(const std::string& name, double otherwise) const {
  const onnx::AttributeProto* attribute = Attribute(name);
  return attribute ? attribute->f() : otherwise;
}

std::string NodeContext::String(const std::string& name, const std::string& otherwise) const {
  const onnx::AttributeProto* attribute = Attribute(name);
  return attribute ? attribute->s() : otherwise;
}

std::optional<Dims> NodeContext::Ints(const std::string& name) const {
  const onnx::AttributeProto* attribute = Attribute(name);
  if (!attribute) return std::nullopt;
  return Dims(attribute->ints().begin(), attribute->ints().end());
}

const onnx::GraphProto& NodeContext::Graph(const std::string& name) const {
  const onnx::AttributeProto* attribute = Attribute(name);
  if (!attribute || !attribute->has_g()) FailMalformed(absl::StrCat("the graph '", name, "' is missing"));
  return attribute->g();
}

std::optional<Dims> NodeContext::TryIntegers(Value value) { return IntegersOf(importer_.Evaluate(value)); }
std::optional<std::vector<double>> NodeContext::TryFloats(Value value) { return FloatsOf(importer_.Evaluate(value)); }

std::optional<double> NodeContext::TryScalar(Value value) {
  if (Count(value) != 1) return std::nullopt;
  std::optional<std::vector<double>> values = TryFloats(value);
  return values ? std::optional<double>(values->front()) : std::nullopt;
}

Dims NodeContext::ConstantIntegers(int i) {
  Value value = Input(i);
  if (std::optional<Dims> integers = TryIntegers(value)) return *integers;
  if (IsFloat(value)) FailMalformed(absl::StrCat("'", node_.input(i), "' should hold integers"));
  FailNotConstant(importer_, value, node_.input(i));
}

std::vector<double> NodeContext::ConstantFloats(int i) {
  Value value = Input(i);
  if (std::optional<std::vector<double>> floats = TryFloats(value)) return *floats;
  FailNotConstant(importer_, value, node_.input(i));
}

std::optional<Dims> NodeContext::AttributeOrInput(const std::string& attribute, int input) {
  if (std::optional<Dims> values = Ints(attribute)) return values;
  if (HasInput(input)) return ConstantIntegers(input);
  return std::nullopt;
}

}  // namespace plimsoll::onnx_frontend
