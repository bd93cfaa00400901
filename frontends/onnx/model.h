// The model file: mapped, parsed, checked as far as it can be before its nodes are converted.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "ir/weights/mapped_file.h"
#include "onnx/onnx_pb.h"

namespace plimsoll::onnx_frontend {

struct Model {
  onnx::ModelProto proto;                             // large raw_data replaced by its place in `file` (wire.h)
  std::shared_ptr<const weights::MappedFile> file;
  std::string directory;                              // of the file: external data is relative to it
};

// kNotFound, kPermissionDenied, kDataLoss (with the reason), kUnimplemented (an opset or IR version out of range).
absl::StatusOr<Model> LoadModel(const std::string& path);

// The order in which `graph`'s nodes can be computed; that of the file where it is one. Throws ImportError where names
// are defined twice or nodes form a cycle, naming them.
std::vector<int> TopologicalOrder(const google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes, const std::string& graph);

// How messages name a node: "Conv node 'backbone/conv1'", or by its first output where it has no name.
std::string Describe(const onnx::NodeProto& node);
// "" and "ai.onnx" are the same domain: "".
std::string Domain(const std::string& domain);
// "Conv", "com.microsoft::FusedMatMul".
std::string OperatorName(const onnx::NodeProto& node);

}  // namespace plimsoll::onnx_frontend
