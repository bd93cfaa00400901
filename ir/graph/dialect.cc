#include "ir/graph/graph.h"
#include "llvm/ADT/TypeSwitch.h"

#include "ir/graph/dialect.cc.inc"
#include "ir/graph/enums.cc.inc"
#include "ir/graph/interfaces.cc.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/graph/attributes.cc.inc"
#define GET_OP_CLASSES
#include "ir/graph/ops.cc.inc"

namespace plimsoll::graph {

void GraphDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "ir/graph/ops.cc.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/graph/attributes.cc.inc"
      >();
}

mlir::Operation* GraphDialect::materializeConstant(mlir::OpBuilder& builder, mlir::Attribute value, mlir::Type type,
                                                   mlir::Location location) {
  auto elements = llvm::dyn_cast<mlir::ElementsAttr>(value);
  if (!elements || elements.getShapedType() != type) return nullptr;
  return builder.create<ConstantOp>(location, elements);
}

}  // namespace plimsoll::graph
