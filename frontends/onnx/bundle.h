// Sequences and optionals while importing: values that hold tensors together, by operations that no one uses in the
// end.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mlir/IR/Builders.h"
#include "onnx/onnx_pb.h"

namespace plimsoll::onnx_frontend {

// A sequence of `elements`.
mlir::Value Bundle(mlir::OpBuilder& builder, mlir::Location location, const std::vector<mlir::Value>& elements);
// Its elements; nothing where `value` is no Bundle.
std::optional<std::vector<mlir::Value>> Unbundle(mlir::Value value);

// The optional that holds nothing (one that holds something is what it holds).
mlir::Value Nothing(mlir::OpBuilder& builder, mlir::Location location);

// In a model's signature a sequence or optional is the list of its tensors, NAME[0], NAME[1], ...; NAME[] says that
// there are none. The type of the tensors; null where `type` is a tensor's, or of lists of lists.
const onnx::TypeProto* ListedType(const onnx::TypeProto& type);
std::string ElementName(const std::string& list, size_t i);
std::string EmptyName(const std::string& list);
// The list's name; `name` itself where it is no element's.
std::string ListName(const std::string& name);

}  // namespace plimsoll::onnx_frontend
