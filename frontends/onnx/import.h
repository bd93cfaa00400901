// An ONNX model as a graph: static shapes, weights by reference, values that decide shapes evaluated. Free of ONNX
// headers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ir/plan/types.pb.h"
#include "ir/weights/store.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace plimsoll::onnx_frontend {

struct ImportOptions {
  // By input name. An input that gives a value to a symbolic dimension gives it to all inputs that name it too.
  std::map<std::string, std::vector<int64_t>> shapes;
  // Inputs that become constants: raw little-endian elements, by name.
  std::map<std::string, std::string> values;
  // With open dimensions left: no error, but an Imported without a module (for `check`).
  bool allow_open_dims = false;
};

// What can be said of a model whatever its shapes.
struct Summary {
  struct Value {
    std::string name;
    std::string type;  // "f32[1x3x?x224]": as declared; "batch" instead of "?" where the dimension has a name
  };
  struct Unsupported {
    std::string op_type;             // "Conv", "com.microsoft::FusedMatMul"
    std::vector<std::string> nodes;  // their names
    std::string reason;
  };
  std::vector<Value> inputs, outputs;
  std::vector<std::string> open_inputs;      // inputs with open dimensions for which no shape is known
  int64_t parameters = 0;                    // elements of all float tensors that the model stores
  int64_t weight_bytes = 0;                  // bytes of all tensors that the model stores
  int64_t nodes = 0;                         // those in subgraphs included
  std::map<std::string, int64_t> operators;  // histogram of operator names
  std::vector<Unsupported> unsupported;
};

struct Imported {
  struct Port {
    std::string name;
    plan::DataType dtype = plan::DATA_TYPE_UNDEFINED;
    std::vector<int64_t> dims;
    int onnx_element =
        0;  // ONNX's number of the element type where that is narrower than dtype (plan::OnnxElement); else 0
    bool fixed = false;  // an input whose value ImportOptions::values gave: it is in the graph as a constant
  };
  // One func.func @main with arguments and results in the model's order (initializers and fixed inputs are no
  // arguments), attributes plimsoll.input_names and plimsoll.output_names (arrays of strings). Null where dimensions
  // are open.
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::shared_ptr<weights::WeightStore> weights;  // graph.weight's `source` is the index into it
  std::vector<Port> inputs, outputs;
  Summary summary;
};

// Imports opsets 6 to 27, and of older ones the operators that 6 left as they were. Weights may be absent. Errors:
// kInvalidArgument: open dimensions, all named; shapes or values that contradict the model; an input that decides
//   shapes and has no value.
// kUnimplemented: unsupported operators, all listed with their nodes.
// kNotFound, kPermissionDenied, kDataLoss: the file cannot be read, or is no valid model (the reason is told).
absl::StatusOr<Imported> Import(const std::string& path, mlir::MLIRContext& context, const ImportOptions& options);

// The inputs that must be among ImportOptions::values before the model can be imported, as far as `status` (of Import)
// tells.
std::vector<std::string> NeededValues(const absl::Status& status);

// What Import would say of shapes alone, without converting the nodes; unsupported operators are those without any
// converter.
absl::StatusOr<Summary> Summarize(const std::string& path);

}  // namespace plimsoll::onnx_frontend
