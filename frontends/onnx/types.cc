// Element types: of ONNX, of MLIR, of plans.
#include "frontends/onnx/error.h"
#include "frontends/onnx/importer.h"
#include "frontends/onnx/tensor.h"

namespace plimsoll::onnx_frontend {

mlir::Type Importer::TypeOf(mlir::MLIRContext* context, plan::DataType dtype) {
  auto integer = [&](unsigned width, bool is_unsigned) -> mlir::Type {
    return mlir::IntegerType::get(context, width,
                                  is_unsigned ? mlir::IntegerType::Unsigned : mlir::IntegerType::Signless);
  };
  switch (dtype) {
    case plan::BOOL:
      return integer(1, false);
    case plan::I8:
      return integer(8, false);
    case plan::I16:
      return integer(16, false);
    case plan::I32:
      return integer(32, false);
    case plan::I64:
      return integer(64, false);
    case plan::U8:
      return integer(8, true);
    case plan::U16:
      return integer(16, true);
    case plan::U32:
      return integer(32, true);
    case plan::U64:
      return integer(64, true);
    case plan::F16:
      return mlir::FloatType::getF16(context);
    case plan::BF16:
      return mlir::FloatType::getBF16(context);
    case plan::F32:
      return mlir::FloatType::getF32(context);
    case plan::F64:
      return mlir::FloatType::getF64(context);
    case plan::F8E4M3FN:
      return mlir::FloatType::getFloat8E4M3FN(context);
    case plan::F8E4M3FNUZ:
      return mlir::FloatType::getFloat8E4M3FNUZ(context);
    case plan::F8E5M2:
      return mlir::FloatType::getFloat8E5M2(context);
    case plan::F8E5M2FNUZ:
      return mlir::FloatType::getFloat8E5M2FNUZ(context);
    default:
      return {};
  }
}

mlir::Type Importer::TypeOf(mlir::MLIRContext* context, int onnx_data_type, const std::string& what) {
  const plan::OnnxElement* element = plan::FindOnnxElement(onnx_data_type);
  if (!element) FailUnsupported(absl::StrCat(what, " has elements of type ", OnnxTypeName(onnx_data_type)));
  return TypeOf(context, element->kept);
}

plan::DataType Importer::DataTypeOf(mlir::Type element) {
  for (int dtype = plan::BOOL; dtype <= plan::F8E5M2FNUZ; ++dtype) {
    if (TypeOf(element.getContext(), static_cast<plan::DataType>(dtype)) == element)
      return static_cast<plan::DataType>(dtype);
  }
  return plan::DATA_TYPE_UNDEFINED;
}

int OnnxElementType(mlir::Type element) { return plan::OnnxNumber(Importer::DataTypeOf(element)); }

}  // namespace plimsoll::onnx_frontend
