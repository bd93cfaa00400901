// Channels-last chains for convolutions: the layout in which the library's convolutions read and write plain tensors well.
#pragma once

#include <memory>

#include "mlir/Pass/Pass.h"

namespace plimsoll::passes {

// Convolutions become channels_last ones between transposes; these are then sunk through elementwise operations,
// poolings, concatenations, paddings, slices, resizings and reductions, until they meet and cancel. Each step keeps the
// number of transposes or lowers it.
std::unique_ptr<mlir::Pass> CreateLayoutPass();
void RegisterLayoutPass();   // plimsoll-layout

}  // namespace plimsoll::passes
