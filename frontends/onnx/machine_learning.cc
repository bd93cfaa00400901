// ai.onnx.ml, as far as it is about tensors of numbers. Tree ensembles are host calls (host.cc).
#include "frontends/onnx/node.h"

namespace plimsoll::onnx_frontend {
namespace {

// The columns that the second input names.
void ArrayFeatureExtractor(NodeContext& c) {
  Value x = c.Input(0), columns = c.Input(1);
  Check(c.Rank(x) > 0, "the operand must not be a scalar");
  Value taken = c.Gather(x, c.Reshape(columns, {c.Count(columns)}), c.Rank(x) - 1);
  if (c.Rank(x) == 1) taken = c.Unsqueeze(taken, {0});
  c.SetOutput(0, taken);
}

void Binarizer(NodeContext& c) {
  Value x = c.Input(0);
  c.SetOutput(
      0, c.Cast(c.Compare(graph::ComparePredicate::gt, x, c.ScalarLike(x, c.Float("threshold", 0))), c.Element(x)));
}

// (x - offset) * scale, one of each or one a column.
void Scaler(NodeContext& c) {
  Value x = c.Cast(c.Input(0), c.F32());
  auto column = [&](const char* name, float otherwise) {
    const onnx::AttributeProto* attribute = c.Attribute(name);
    const std::vector<float> values = attribute
                                          ? std::vector<float>(attribute->floats().begin(), attribute->floats().end())
                                          : std::vector<float>{otherwise};
    return c.Constant(mlir::DenseElementsAttr::get(
        mlir::RankedTensorType::get({static_cast<int64_t>(values.size())}, c.F32()), llvm::ArrayRef(values)));
  };
  c.SetOutput(0, c.Mul(c.Sub(x, column("offset", 0)), column("scale", 1)));
}

}  // namespace

void RegisterMachineLearning(Registry& r) {
  const char* kDomain = "ai.onnx.ml";
  r.Add("ArrayFeatureExtractor", ArrayFeatureExtractor, kDomain);
  r.Add("Binarizer", Binarizer, kDomain);
  r.Add("Scaler", Scaler, kDomain);
}

}  // namespace plimsoll::onnx_frontend
