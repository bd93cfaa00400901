#include "frontends/onnx/host.h"

#include <algorithm>
#include <unordered_map>

#include "frontends/onnx/tensor.h"
#include "onnx/shape_inference/implementation.h"

namespace plimsoll::onnx_frontend {
namespace {

// `elements` as a TensorProto, for ONNX's inference.
onnx::TensorProto ProtoOf(mlir::DenseElementsAttr elements) {
  onnx::TensorProto tensor;
  tensor.set_data_type(OnnxElementType(elements.getElementType()));
  for (int64_t dim : elements.getType().getShape()) tensor.add_dims(dim);
  if (auto integer = llvm::dyn_cast<mlir::IntegerType>(elements.getElementType())) {
    for (const llvm::APInt& value : elements.getValues<llvm::APInt>()) {
      const int64_t number = integer.isUnsigned() || integer.getWidth() == 1
                                 ? static_cast<int64_t>(value.getZExtValue())
                                 : value.getSExtValue();
      if (tensor.data_type() == onnx::TensorProto::INT64) {
        tensor.add_int64_data(number);
      } else if (tensor.data_type() == onnx::TensorProto::UINT64 || tensor.data_type() == onnx::TensorProto::UINT32) {
        tensor.add_uint64_data(static_cast<uint64_t>(number));
      } else {
        tensor.add_int32_data(static_cast<int32_t>(number));
      }
    }
  } else if (elements.getElementType().isF32()) {
    for (const llvm::APFloat& value : elements.getValues<llvm::APFloat>())
      tensor.add_float_data(value.convertToFloat());
  }
  return tensor;
}

// The attributes that are given and, for the others, the schema's defaults.
onnx::NodeProto WithDefaults(NodeContext& c, const onnx::OpSchema& schema) {
  onnx::NodeProto node = c.node();
  for (const auto& [name, attribute] : schema.attributes()) {
    if (attribute.default_value.type() == onnx::AttributeProto::UNDEFINED || c.Attribute(name)) continue;
    *node.add_attribute() = attribute.default_value;
    node.mutable_attribute(node.attribute_size() - 1)->set_name(name);
  }
  return node;
}

// A tensor of numbers as a list.
mlir::Attribute ListOf(mlir::OpBuilder& builder, const onnx::TensorProto& tensor) {
  const mlir::Type element =
      Importer::TypeOf(builder.getContext(), tensor.data_type(), absl::StrCat("the attribute '", tensor.name(), "'"));
  const absl::StatusOr<std::string> bytes = Elements(tensor);
  if (!bytes.ok()) throw ImportError(bytes.status());
  const mlir::DenseElementsAttr elements =
      DenseOf(mlir::RankedTensorType::get({*ElementCount(tensor)}, element), *bytes);
  if (auto integer = llvm::dyn_cast<mlir::IntegerType>(element)) {
    Dims values;
    for (const llvm::APInt& value : elements.getValues<llvm::APInt>()) {
      values.push_back(integer.isUnsigned() || integer.getWidth() == 1 ? static_cast<int64_t>(value.getZExtValue())
                                                                       : value.getSExtValue());
    }
    return builder.getI64ArrayAttr(values);
  }
  std::vector<double> values;
  for (llvm::APFloat value : elements.getValues<llvm::APFloat>()) {
    bool inexact = false;
    value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &inexact);
    values.push_back(value.convertToDouble());
  }
  return builder.getF64ArrayAttr(values);
}

mlir::DictionaryAttr SettingsOf(mlir::OpBuilder& builder, const onnx::NodeProto& node) {
  llvm::SmallVector<mlir::NamedAttribute> settings;
  for (const auto& attribute : node.attribute()) {
    mlir::Attribute value;
    switch (attribute.type()) {
      case onnx::AttributeProto::INT:
        value = builder.getI64IntegerAttr(attribute.i());
        break;
      case onnx::AttributeProto::FLOAT:
        value = builder.getF64FloatAttr(attribute.f());
        break;
      case onnx::AttributeProto::STRING:
        value = builder.getStringAttr(attribute.s());
        break;
      case onnx::AttributeProto::INTS:
        value = builder.getI64ArrayAttr(Dims(attribute.ints().begin(), attribute.ints().end()));
        break;
      case onnx::AttributeProto::FLOATS:
        value = builder.getF64ArrayAttr(std::vector<double>(attribute.floats().begin(), attribute.floats().end()));
        break;
      case onnx::AttributeProto::STRINGS: {
        llvm::SmallVector<llvm::StringRef> strings(attribute.strings().begin(), attribute.strings().end());
        value = builder.getStrArrayAttr(strings);
        break;
      }
      case onnx::AttributeProto::TENSOR:
        value = ListOf(builder, attribute.t());
        break;
      default:
        FailUnsupported(absl::StrCat("the attribute '", attribute.name(), "'"));
    }
    settings.push_back(builder.getNamedAttr(attribute.name(), value));
  }
  return builder.getDictionaryAttr(settings);
}

std::vector<mlir::Type> ResultTypes(NodeContext& c, const onnx::OpSchema& schema, onnx::NodeProto node) {
  std::unordered_map<std::string, onnx::TypeProto> types;
  std::unordered_map<std::string, onnx::TypeProto*> types_by_name;
  std::unordered_map<std::string, onnx::TensorProto> data;
  std::unordered_map<std::string, const onnx::TensorProto*> data_by_name;
  for (int i = 0; i < c.NumInputs(); ++i) {
    if (!c.HasInput(i)) continue;
    const std::string& name = node.input(i);
    Value value = c.Input(i);
    onnx::TypeProto& type = types[name];
    type.Clear();
    type.mutable_tensor_type()->set_elem_type(OnnxElementType(c.Element(value)));
    auto* shape = type.mutable_tensor_type()->mutable_shape();
    for (int64_t dim : c.Shape(value)) shape->add_dim()->set_dim_value(dim);
    types_by_name[name] = &type;
    if (c.Count(value) > 1024) continue;
    if (mlir::DenseElementsAttr elements = c.importer().Evaluate(value)) {
      data[name] = ProtoOf(elements);
      data_by_name[name] = &data[name];
    }
  }
  onnx::shape_inference::InferenceContextImpl context(node, types_by_name, data_by_name, {},
                                                      onnx::ShapeInferenceOptions(true, 0, false));
  schema.GetTypeAndShapeInferenceFunction()(context);
  std::vector<mlir::Type> results;
  if (c.node().op_type() == "MaxUnpool" && c.HasInput(2)) {
    // ONNX's inference leaves the shape out, though it is given.
    return {c.TensorOf(c.ConstantIntegers(2), c.Element(c.Input(0)))};
  }
  for (int i = 0; i < c.NumOutputs(); ++i) {
    const onnx::TypeProto& type = *context.getOutputType(i);
    if (!c.HasOutput(i) && !type.has_tensor_type()) continue;
    if (!type.has_tensor_type() || !type.tensor_type().has_shape())
      FailUnsupported("the shape of the result depends on data");
    Dims dims;
    for (const auto& dim : type.tensor_type().shape().dim()) {
      if (!dim.has_dim_value() || dim.dim_value() < 0) FailUnsupported("the shape of the result depends on data");
      dims.push_back(dim.dim_value());
    }
    results.push_back(
        c.TensorOf(dims, Importer::TypeOf(c.builder().getContext(), type.tensor_type().elem_type(), "the result")));
  }
  return results;
}

// `deciding`: inputs that decide the results' shapes.
Converter Host(const std::string& function, const std::vector<int>& deciding = {}) {
  return [function, deciding](NodeContext& c) {
    for (int i : deciding) {
      if (c.HasInput(i)) c.ConstantIntegers(i);
    }
    HostCall(c, function);
  };
}

}  // namespace

void HostCall(NodeContext& c, const std::string& function) { HostCall(c, function, {}); }

void HostCall(NodeContext& c, const std::string& function, std::vector<mlir::Type> types) {
  const onnx::OpSchema* schema =
      onnx::OpSchemaRegistry::Schema(c.node().op_type(), c.opset(), Domain(c.node().domain()));
  if (!schema) FailUnsupported("the operator has no schema");
  const onnx::NodeProto node = WithDefaults(c, *schema);
  if (types.empty()) types = ResultTypes(c, *schema, node);
  std::vector<Value> operands;
  Dims present;
  for (int i = 0; i < c.NumInputs(); ++i) {
    present.push_back(c.HasInput(i));
    if (c.HasInput(i)) operands.push_back(c.Input(i));
  }
  const std::vector<Value> results = c.MakeAll<graph::HostCallOp>(
      operands,
      {c.Attr("function", function), c.Attr("settings", SettingsOf(c.builder(), node)), c.Attr("present", present)},
      types);
  c.SetOutputs(results);
}

void RegisterHost(Registry& r) {
  r.Add("TopK", Host("top_k", {1}));
  r.Add("RoiAlign", Host("roi_align"));
  r.Add("MaxRoiPool", Host("max_roi_pool"));
  r.Add("GridSample", Host("grid_sample"));
  r.Add("MaxUnpool", Host("max_unpool", {2}));
  r.Add("Scatter", Host("scatter_elements"));
  r.Add("ScatterElements", Host("scatter_elements"));
  r.Add("ScatterND", Host("scatter_nd"));
  r.Add("TensorScatter", Host("tensor_scatter"));
  r.Add("ReverseSequence", Host("reverse_sequence"));
  r.Add("CumSum", Host("cum_sum"));
  r.Add("CumProd", Host("cum_prod"));
  r.Add("Det", Host("det"));
  r.Add("DFT", Host("dft", {1, 2}));
  r.Add("STFT", Host("stft", {1, 3}));
  r.Add("MelWeightMatrix", Host("mel_weight_matrix", {0, 1}));
  r.Add("Col2Im", Host("col2_im", {1, 2}));
  r.Add("DeformConv", Host("deform_conv"));
  r.Add("RandomNormal", Host("random_normal"));
  r.Add("RandomNormalLike", Host("random_normal_like"));
  r.Add("RandomUniform", Host("random_uniform"));
  r.Add("RandomUniformLike", Host("random_uniform_like"));
  r.Add("Bernoulli", Host("bernoulli"));
  r.Add("Multinomial", Host("multinomial"));
  r.Add("BitCast", Host("bit_cast"));
  r.Add("TfIdfVectorizer", Host("tf_idf_vectorizer"));
  r.Add("TreeEnsemble", Host("tree_ensemble"), "ai.onnx.ml");
}

}  // namespace plimsoll::onnx_frontend
