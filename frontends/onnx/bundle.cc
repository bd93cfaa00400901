#include "frontends/onnx/bundle.h"

#include "absl/strings/str_cat.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"

namespace plimsoll::onnx_frontend {

mlir::Value Bundle(mlir::OpBuilder& builder, mlir::Location location, const std::vector<mlir::Value>& elements) {
  llvm::SmallVector<mlir::Type> types;
  for (mlir::Value element : elements) types.push_back(element.getType());
  const mlir::Type tuple = mlir::TupleType::get(builder.getContext(), types);
  return builder.create<mlir::UnrealizedConversionCastOp>(location, mlir::TypeRange(tuple), elements).getResult(0);
}

std::optional<std::vector<mlir::Value>> Unbundle(mlir::Value value) {
  auto bundle = value.getDefiningOp<mlir::UnrealizedConversionCastOp>();
  if (!bundle || !llvm::isa<mlir::TupleType>(value.getType())) return std::nullopt;
  return std::vector<mlir::Value>(bundle.getInputs().begin(), bundle.getInputs().end());
}

mlir::Value Nothing(mlir::OpBuilder& builder, mlir::Location location) {
  const mlir::Type none = builder.getNoneType();
  return builder.create<mlir::UnrealizedConversionCastOp>(location, mlir::TypeRange(none), mlir::ValueRange())
      .getResult(0);
}

const onnx::TypeProto* ListedType(const onnx::TypeProto& type) {
  const onnx::TypeProto* inner = &type;
  if (inner->has_optional_type()) inner = &inner->optional_type().elem_type();
  if (inner->has_sequence_type()) inner = &inner->sequence_type().elem_type();
  return inner != &type && inner->has_tensor_type() ? inner : nullptr;
}

std::string ElementName(const std::string& list, size_t i) { return absl::StrCat(list, "[", i, "]"); }
std::string EmptyName(const std::string& list) { return list + "[]"; }

std::string ListName(const std::string& name) {
  const size_t open = name.rfind('[');
  if (open == std::string::npos || name.back() != ']') return name;
  const bool digits = name.find_first_not_of("0123456789", open + 1) == name.size() - 1;
  return digits ? name.substr(0, open) : name;
}

}  // namespace plimsoll::onnx_frontend
