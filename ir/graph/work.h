// What the operations' cost() share.
#pragma once

#include "ir/graph/graph.h"

namespace plimsoll::graph {

// Elements of a tensor, dims known only at run time at their bound; 0 where that is not known.
double elementsOf(mlir::Value value);
// Every operand read and every result written once; no operations.
Cost traffic(mlir::Operation* op);
// As traffic, with `operations` on each element of result 0.
Cost perResult(mlir::Operation* op, double operations);
// As traffic, with `operations` on each element of operand 0.
Cost perOperand(mlir::Operation* op, double operations);
// As traffic, but operand `sparse` is read only where elements of the result come from it.
Cost gathered(mlir::Operation* op, unsigned sparse);
// The operations of the bodies of `op`, taken once each; bytes of inputs and results of the outer operation.
Cost bodies(mlir::Operation* op);

}  // namespace plimsoll::graph
