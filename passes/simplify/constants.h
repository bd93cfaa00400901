// Constants as patterns ask for them.
#pragma once

#include <optional>

#include "ir/graph/graph.h"

namespace plimsoll::passes {

// The one value that all elements of a constant of numbers have; none where `value` is something else.
std::optional<double> SplatOf(mlir::Value value);

}  // namespace plimsoll::passes
