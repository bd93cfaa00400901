// For tests: computes a function of graph operations, by the dialect's folders where these can, in plain loops over
// doubles where they cannot (contractions, pools, normalizations, resizing). Slow and simple.
#pragma once

#include <optional>
#include <vector>

#include "ir/graph/graph.h"
#include "ir/weights/store.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace plimsoll::onnx_frontend {

// The results of a function without (used) arguments; nothing for those that depend on what is not known here.
std::vector<mlir::DenseElementsAttr> EvaluateFunction(mlir::func::FuncOp function, const weights::WeightStore& weights);

}  // namespace plimsoll::onnx_frontend
