// Operators that become functions of runtime/host.
#pragma once

#include <string>

#include "frontends/onnx/node.h"

namespace plimsoll::onnx_frontend {

// The whole node as a graph.host_call of `function`; settings are ONNX's attributes, with their defaults. Result types
// come from ONNX's own inference; unsupported where they depend on data.
void HostCall(NodeContext& c, const std::string& function);
// The results' types are these.
void HostCall(NodeContext& c, const std::string& function, std::vector<mlir::Type> types);

}  // namespace plimsoll::onnx_frontend
