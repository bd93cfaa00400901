#include "ir/graph/build.h"

#include "llvm/ADT/APSInt.h"
#include "mlir/IR/Verifier.h"

namespace plimsoll::graph::build {

using llvm::SmallVector;
using mlir::FailureOr;
using mlir::Value;

namespace {

// The values that replace the results of `op`, constants inserted at the builder; nothing where it does not fold.
std::optional<SmallVector<Value>> fold(mlir::OpBuilder& builder, mlir::Operation* op) {
  if (op->hasTrait<mlir::OpTrait::ConstantLike>() || op->getNumRegions() > 0) return std::nullopt;
  SmallVector<mlir::OpFoldResult> folded;
  if (mlir::failed(op->fold(folded)) || folded.size() != op->getNumResults()) return std::nullopt;
  SmallVector<Value> values;
  for (auto [result, type] : llvm::zip_equal(folded, op->getResultTypes())) {
    if (auto value = llvm::dyn_cast<Value>(result)) {
      if (value.getType() != type) return std::nullopt;
      values.push_back(value);
      continue;
    }
    auto elements = llvm::dyn_cast_or_null<mlir::DenseElementsAttr>(llvm::cast<mlir::Attribute>(result));
    if (!elements || elements.getType() != type) return std::nullopt;
    values.push_back(constant(builder, op->getLoc(), elements));
  }
  return values;
}

}  // namespace

FailureOr<SmallVector<Value>> finish(mlir::OpBuilder& builder, mlir::OperationState& state, bool infer) {
  mlir::MLIRContext* context = builder.getContext();
  std::optional<mlir::RegisteredOperationName> name = state.name.getRegisteredInfo();
  if (!name) return mlir::emitError(state.location) << "'" << state.name << "' is not registered", mlir::failure();
  for (Value operand : state.operands)
    if (!operand)
      return mlir::emitError(state.location) << "'" << state.name << "' has a null operand", mlir::failure();
  if (infer) {
    auto* interface = name->getInterface<mlir::InferTypeOpInterface>();
    mlir::DictionaryAttr attributes = state.attributes.getDictionary(context);
    if (!state.getRawProperties() && !attributes.empty() && name->getOpPropertyByteSize() > 0) {
      // Attributes by name: a detached operation gives them the form that inference reads.
      mlir::OperationState probe(state.location, state.name, state.operands, state.types, state.attributes);
      mlir::Operation* op = mlir::Operation::create(probe);
      SmallVector<mlir::Type> types;
      auto inferred = interface->inferReturnTypes(context, state.location, op->getOperands(), op->getAttrDictionary(),
                                                  op->getPropertiesStorage(), op->getRegions(), types);
      op->destroy();
      if (mlir::failed(inferred)) return mlir::failure();
      state.types.assign(types.begin(), types.end());
    } else {
      SmallVector<mlir::Type> types;
      if (mlir::failed(interface->inferReturnTypes(context, state.location, state.operands, attributes,
                                                   state.getRawProperties(), state.regions, types)))
        return mlir::failure();
      state.types.assign(types.begin(), types.end());
    }
  }
  for (mlir::Type type : state.types)
    if (!type) return mlir::emitError(state.location) << "'" << state.name << "' has no result type", mlir::failure();
  mlir::Operation* op = builder.create(state);
  if (mlir::failed(mlir::verify(op))) {
    op->erase();
    return mlir::failure();
  }
  if (std::optional<SmallVector<Value>> values = fold(builder, op)) {
    op->erase();
    return *values;
  }
  return SmallVector<Value>(op->getResults());
}

Value constant(mlir::OpBuilder& builder, mlir::Location location, mlir::DenseElementsAttr elements) {
  return builder.create<ConstantOp>(location, elements.getType(), elements);
}

Value integers(mlir::OpBuilder& builder, mlir::Location location, llvm::ArrayRef<int64_t> values) {
  auto type = mlir::RankedTensorType::get({static_cast<int64_t>(values.size())}, builder.getI64Type());
  return constant(builder, location, mlir::DenseElementsAttr::get(type, values));
}

Value scalar(mlir::OpBuilder& builder, mlir::Location location, mlir::Type element, double value) {
  auto type = mlir::RankedTensorType::get({}, element);
  if (auto format = llvm::dyn_cast<mlir::FloatType>(element))
    return constant(builder, location,
                    mlir::DenseElementsAttr::get(type, mlir::FloatAttr::get(format, value).getValue()));
  llvm::APSInt integer(element.getIntOrFloatBitWidth(), element.isUnsignedInteger());
  bool exact = false;
  if (element.isInteger(1)) {
    integer = value != 0;
  } else {
    llvm::APFloat(value).convertToInteger(integer, llvm::APFloat::rmTowardZero, &exact);
  }
  return constant(builder, location, mlir::DenseElementsAttr::get(type, static_cast<llvm::APInt>(integer)));
}

std::optional<SmallVector<int64_t>> integersOf(Value value) {
  mlir::DenseElementsAttr elements = constantOf(value);
  if (!elements || !llvm::isa<mlir::IntegerType>(elements.getElementType()) ||
      elements.getElementType().getIntOrFloatBitWidth() > 64 || elements.getNumElements() > kMaxFoldedElements)
    return std::nullopt;
  bool zero_extend = elements.getElementType().isUnsignedInteger() || elements.getElementType().isInteger(1);
  SmallVector<int64_t> result;
  result.reserve(elements.getNumElements());
  for (const llvm::APInt& element : elements.getValues<llvm::APInt>())
    result.push_back(zero_extend ? static_cast<int64_t>(element.getZExtValue()) : element.getSExtValue());
  return result;
}

std::optional<SmallVector<double>> floatsOf(Value value) {
  mlir::DenseElementsAttr elements = constantOf(value);
  if (!elements || elements.getNumElements() > kMaxFoldedElements) return std::nullopt;
  SmallVector<double> result;
  if (llvm::isa<mlir::FloatType>(elements.getElementType())) {
    result.reserve(elements.getNumElements());
    for (llvm::APFloat element : elements.getValues<llvm::APFloat>()) {
      bool inexact = false;
      element.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &inexact);
      result.push_back(element.convertToDouble());
    }
    return result;
  }
  if (std::optional<SmallVector<int64_t>> integers = integersOf(value)) {
    for (int64_t integer : *integers)
      result.push_back(elements.getElementType().isUnsignedInteger(64)
                           ? static_cast<double>(static_cast<uint64_t>(integer))
                           : static_cast<double>(integer));
    return result;
  }
  return std::nullopt;
}

ErrorCollector::ErrorCollector(mlir::MLIRContext* context)
    : handler_(context, [this](mlir::Diagnostic& diagnostic) {
        if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error) return mlir::success();
        if (!message_.empty()) message_ += '\n';
        message_ += diagnostic.str();
        return mlir::success();
      }) {}

std::string ErrorCollector::take() { return std::exchange(message_, std::string()); }

}  // namespace plimsoll::graph::build
