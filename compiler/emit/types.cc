#include "compiler/emit/types.h"

#include "absl/strings/str_cat.h"
#include "llvm/ADT/StringExtras.h"

namespace plimsoll::compiler {
namespace {

void CollectNames(mlir::Location location, llvm::SmallVectorImpl<llvm::StringRef>& names) {
  if (names.size() >= 4) return;  // enough for people
  if (auto name = llvm::dyn_cast<mlir::NameLoc>(location)) {
    if (!llvm::is_contained(names, name.getName().strref())) names.push_back(name.getName().strref());
  } else if (auto fused = llvm::dyn_cast<mlir::FusedLoc>(location)) {
    for (mlir::Location part : fused.getLocations()) CollectNames(part, names);
  } else if (auto call = llvm::dyn_cast<mlir::CallSiteLoc>(location)) {
    CollectNames(call.getCallee(), names);
  }
}

}  // namespace

absl::StatusOr<plan::DataType> DataTypeOf(mlir::Type element) {
  if (auto integer = llvm::dyn_cast<mlir::IntegerType>(element)) {
    const bool is_unsigned = integer.isUnsigned();
    switch (integer.getWidth()) {
      case 1: return plan::BOOL;
      case 8: return is_unsigned ? plan::U8 : plan::I8;
      case 16: return is_unsigned ? plan::U16 : plan::I16;
      case 32: return is_unsigned ? plan::U32 : plan::I32;
      case 64: return is_unsigned ? plan::U64 : plan::I64;
      default: break;
    }
  }
  if (element.isF16()) return plan::F16;
  if (element.isBF16()) return plan::BF16;
  if (element.isF32()) return plan::F32;
  if (element.isF64()) return plan::F64;
  if (element.isFloat8E4M3FN()) return plan::F8E4M3FN;
  if (element.isFloat8E4M3FNUZ()) return plan::F8E4M3FNUZ;
  if (element.isFloat8E5M2()) return plan::F8E5M2;
  if (element.isFloat8E5M2FNUZ()) return plan::F8E5M2FNUZ;
  std::string text;
  llvm::raw_string_ostream(text) << element;
  return absl::UnimplementedError(absl::StrCat("no element type of plans for ", text));
}

int64_t DimOf(mlir::RankedTensorType type, int dim) {
  if (!type.isDynamicDim(dim)) return type.getDimSize(dim);
  auto bounds = llvm::dyn_cast_or_null<graph::BoundsAttr>(type.getEncoding());
  return bounds && dim < static_cast<int>(bounds.getSizes().size()) ? bounds.getSizes()[dim] : 0;
}

absl::StatusOr<plan::TensorType> TensorTypeOf(mlir::Type type) {
  auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
  if (!tensor || !graph::byteSize(tensor)) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return absl::UnimplementedError(absl::StrCat("a tensor without a bound on its size: ", text));
  }
  plan::TensorType result;
  absl::StatusOr<plan::DataType> dtype = DataTypeOf(tensor.getElementType());
  if (!dtype.ok()) return dtype.status();
  result.set_dtype(*dtype);
  for (int i = 0; i < tensor.getRank(); ++i) result.add_dims(DimOf(tensor, i));
  return result;
}

absl::StatusOr<plan::Attribute> AttributeOf(mlir::Attribute attribute) {
  plan::Attribute result;
  if (auto boolean = llvm::dyn_cast<mlir::BoolAttr>(attribute)) {
    result.set_i(boolean.getValue());
  } else if (auto integer = llvm::dyn_cast<mlir::IntegerAttr>(attribute)) {
    const llvm::APInt& value = integer.getValue();
    result.set_i(integer.getType().isUnsignedInteger() ? static_cast<int64_t>(value.getZExtValue()) : value.getSExtValue());
  } else if (auto number = llvm::dyn_cast<mlir::FloatAttr>(attribute)) {
    result.set_f(number.getValueAsDouble());
  } else if (auto string = llvm::dyn_cast<mlir::StringAttr>(attribute)) {
    result.set_s(string.getValue().str());
  } else if (auto ints = llvm::dyn_cast<mlir::DenseI64ArrayAttr>(attribute)) {
    result.mutable_ints();
    for (int64_t value : ints.asArrayRef()) result.mutable_ints()->add_values(value);
  } else if (auto floats = llvm::dyn_cast<mlir::DenseF64ArrayAttr>(attribute)) {
    result.mutable_floats();
    for (double value : floats.asArrayRef()) result.mutable_floats()->add_values(value);
  } else if (auto small = llvm::dyn_cast<mlir::DenseF32ArrayAttr>(attribute)) {
    result.mutable_floats();
    for (float value : small.asArrayRef()) result.mutable_floats()->add_values(value);
  } else if (auto array = llvm::dyn_cast<mlir::ArrayAttr>(attribute)) {
    result.mutable_ints();
    for (mlir::Attribute element : array) {
      absl::StatusOr<plan::Attribute> one = AttributeOf(element);
      if (!one.ok()) return one.status();
      switch (one->value_case()) {
        case plan::Attribute::kI: result.mutable_ints()->add_values(one->i()); break;
        case plan::Attribute::kF: result.mutable_floats()->add_values(one->f()); break;
        case plan::Attribute::kS: result.mutable_strings()->add_values(one->s()); break;
        default: return absl::InternalError("an attribute of nested arrays");
      }
    }
  } else {
    std::string text;
    llvm::raw_string_ostream(text) << attribute;
    return absl::InternalError(absl::StrCat("an attribute that plans cannot hold: ", text));
  }
  return result;
}

int64_t BytesOf(mlir::Value value) { return graph::byteSize(TensorOf(value)).value_or(0); }

std::string NodeName(mlir::Location location) {
  llvm::SmallVector<llvm::StringRef> names;
  CollectNames(location, names);
  return llvm::join(names, "+");
}

}  // namespace plimsoll::compiler
