// A model's inputs and outputs: as declared, and as --shapes and --values make them.
#pragma once

#include <string>
#include <vector>

#include "frontends/onnx/emitter.h"
#include "frontends/onnx/import.h"
#include "frontends/onnx/model.h"

namespace plimsoll::onnx_frontend {

// All of Summary but what only the walk can find out.
Summary SummaryOf(const Model& model);

// The graph's inputs (initializers left out) with static dims. Fills `open` with a line for each input that has open
// dimensions left; these inputs have no dims. Throws ImportError where options contradict the model.
std::vector<Imported::Port> ResolveInputs(const Model& model, const ImportOptions& options, std::vector<std::string>& open);

// What is said where dimensions are open.
std::string OpenMessage(const std::vector<std::string>& open);

// The constant of an input that ImportOptions::values fixes.
Value FixedValue(mlir::OpBuilder& builder, const Imported::Port& input, const std::string& bytes, mlir::RankedTensorType type);

// All of them, a line each.
std::string UnsupportedMessage(const std::vector<Summary::Unsupported>& unsupported);

}  // namespace plimsoll::onnx_frontend
