// Precompiled: the dialect's header costs seconds a file.
#pragma once

#include "ir/graph/graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
