#include "compiler/codegen/region.h"

#include "llvm/ADT/SetVector.h"

namespace plimsoll::codegen {
namespace {

mlir::Type StorageTensor(mlir::Type type) {
  auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape()) return nullptr;
  return mlir::RankedTensorType::get(tensor.getShape(), graph::storageType(tensor.getElementType()));
}

// A constant inside of a region, its elements as they lie in memory.
mlir::Value LowerConstant(graph::ConstantOp op, mlir::OpBuilder& builder) {
  auto dense = llvm::dyn_cast<mlir::DenseElementsAttr>(op.getValue());
  auto type = llvm::dyn_cast_or_null<mlir::RankedTensorType>(StorageTensor(op.getType()));
  if (!dense || !type) return nullptr;
  if (dense.getElementType().isInteger(1)) {
    dense = llvm::cast<mlir::DenseIntElementsAttr>(dense).mapValues(type.getElementType(), [](const llvm::APInt& v) { return v.zext(8); });
  } else if (dense.getType() != type) {
    dense = mlir::DenseElementsAttr::getFromRawBuffer(type, dense.getRawData());
  }
  return builder.create<mlir::arith::ConstantOp>(op.getLoc(), dense);
}

}  // namespace

mlir::FailureOr<Region> LowerToRegion(mlir::Operation* op, bool diagnose) {
  auto fail = [&](mlir::Operation* at, const char* why) -> mlir::LogicalResult {
    if (diagnose) at->emitError() << why;
    return mlir::failure();
  };
  Region region;
  mlir::OpBuilder builder(op->getContext());
  region.module = mlir::ModuleOp::create(op->getLoc());
  llvm::SmallVector<mlir::Type> types;
  for (mlir::Type type : op->getOperandTypes()) {
    types.push_back(StorageTensor(type));
    if (!types.back()) return fail(op, "a kernel's operands have static shapes");
  }
  for (mlir::Type type : op->getResultTypes())
    if (!StorageTensor(type)) return fail(op, "a kernel's results have static shapes");
  builder.setInsertionPointToStart(region.module->getBody());
  auto function = builder.create<mlir::func::FuncOp>(op->getLoc(), "kernel", builder.getFunctionType(types, {}));
  region.body = function.addEntryBlock();
  builder.setInsertionPointToStart(region.body);

  if (auto one = llvm::dyn_cast<graph::LowerToLinalgInterface>(op)) {
    auto results = one.lowerToLinalg(builder, region.body->getArguments());
    if (mlir::failed(results)) return fail(op, "has no lowering to linalg with these types");
    region.results = std::move(*results);
    return region;
  }
  auto fusion = llvm::dyn_cast<graph::FusionOp>(op);
  if (!fusion) return fail(op, "is neither a fusion nor an operation of LowerToLinalgInterface");
  mlir::IRMapping map;
  map.map(fusion.getBody().getArguments(), region.body->getArguments());
  for (mlir::Operation& inner : fusion.getBody().front()) {
    if (auto yield = llvm::dyn_cast<graph::YieldOp>(inner)) {
      for (mlir::Value value : yield.getOperands()) region.results.push_back(map.lookup(value));
    } else if (auto constant = llvm::dyn_cast<graph::ConstantOp>(inner)) {
      mlir::Value lowered = LowerConstant(constant, builder);
      if (!lowered) return fail(&inner, "is no constant that a kernel can hold");
      map.map(constant.getResult(), lowered);
    } else if (auto lowerable = llvm::dyn_cast<graph::LowerToLinalgInterface>(inner)) {
      llvm::SmallVector<mlir::Value> inputs;
      for (mlir::Value value : inner.getOperands()) inputs.push_back(map.lookup(value));
      auto results = lowerable.lowerToLinalg(builder, inputs);
      if (mlir::failed(results)) return fail(&inner, "has no lowering to linalg with these types");
      map.map(inner.getResults(), *results);
    } else {
      return fail(&inner, "cannot be in a fusion");
    }
  }
  return region;
}

mlir::OwningOpRef<graph::FusionOp> MakeFusion(llvm::ArrayRef<mlir::Operation*> ops, llvm::ArrayRef<mlir::Value> results) {
  if (ops.empty()) return {};
  mlir::OpBuilder builder(ops[0]->getContext());
  llvm::DenseSet<mlir::Operation*> inside(ops.begin(), ops.end());
  llvm::SetVector<mlir::Value> inputs;
  for (mlir::Operation* op : ops)
    for (mlir::Value operand : op->getOperands())
      if (!inside.contains(operand.getDefiningOp())) inputs.insert(operand);
  llvm::SmallVector<mlir::Type> types;
  for (mlir::Value result : results) types.push_back(result.getType());
  mlir::OperationState state(ops[0]->getLoc(), graph::FusionOp::getOperationName());
  state.addOperands(inputs.getArrayRef());
  state.addTypes(types);
  mlir::Region* region = state.addRegion();
  mlir::Block* block = new mlir::Block;
  region->push_back(block);
  mlir::IRMapping map;
  for (mlir::Value input : inputs) map.map(input, block->addArgument(input.getType(), input.getLoc()));
  builder.setInsertionPointToStart(block);
  for (mlir::Operation* op : ops) builder.clone(*op, map);
  llvm::SmallVector<mlir::Value> yields;
  for (mlir::Value result : results) yields.push_back(map.lookup(result));
  builder.create<graph::YieldOp>(ops[0]->getLoc(), yields);
  return llvm::cast<graph::FusionOp>(mlir::Operation::create(state));
}

void LoadKernelDialects(mlir::MLIRContext* context) {
  context->loadDialect<mlir::arith::ArithDialect, mlir::func::FuncDialect, mlir::linalg::LinalgDialect, mlir::math::MathDialect,
                       mlir::tensor::TensorDialect>();
}

std::string KernelStem(mlir::Operation* op) {
  if (auto fusion = llvm::dyn_cast<graph::FusionOp>(op)) {
    mlir::Operation* last = fusion.getBody().front().getTerminator()->getPrevNode();
    return last ? "fused_" + last->getName().stripDialect().str() : "fused";
  }
  return op->getName().stripDialect().str();
}

std::string KernelKey(mlir::Operation* op) {
  std::string key;
  llvm::raw_string_ostream stream(key);
  if (llvm::isa<graph::FusionOp>(op)) {
    // The region is isolated: its own numbering starts at its arguments.
    for (mlir::Type type : op->getResultTypes()) stream << type << ";";
    llvm::DenseMap<mlir::Value, int> numbers;
    for (mlir::Value argument : op->getRegion(0).getArguments()) {
      stream << argument.getType() << ";";
      numbers.try_emplace(argument, numbers.size());
    }
    for (mlir::Operation& inner : op->getRegion(0).front()) {
      stream << inner.getName();
      for (mlir::Value value : inner.getOperands()) stream << " " << numbers.lookup(value);
      stream << inner.getAttrDictionary();
      for (mlir::Value result : inner.getResults()) {
        stream << result.getType();
        numbers.try_emplace(result, numbers.size());
      }
      stream << "\n";
    }
  } else {
    stream << op->getName() << op->getAttrDictionary() << op->getOperandTypes() << op->getResultTypes();
  }
  return key;
}

}  // namespace plimsoll::codegen
