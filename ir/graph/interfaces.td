// What a pass may ask of an operation. A pass never switches on operation names.
#ifndef PLIMSOLL_GRAPH_INTERFACES
#define PLIMSOLL_GRAPH_INTERFACES

include "mlir/IR/OpBase.td"

def Graph_CostInterface : OpInterface<"CostInterface"> {
  let cppNamespace = "::plimsoll::graph";
  let description = "Work of one execution, for the roofline.";
  let methods = [
    InterfaceMethod<[{
      Floating-point (or integer) operations by unit, and bytes read and written once each. Dims known only at run time
      count at their bound.
    }], "::plimsoll::graph::Cost", "cost", (ins)>,
  ];
}

def Graph_RematerializableInterface : OpInterface<"RematerializableInterface"> {
  let cppNamespace = "::plimsoll::graph";
  let description = "Whether the operation may be computed twice: pure, and seeded if random.";
  let methods = [
    InterfaceMethod<"May it be computed twice?", "bool", "isRematerializable", (ins), "", "return true;">,
  ];
}

def Graph_PrecisionInterface : OpInterface<"PrecisionInterface"> {
  let cppNamespace = "::plimsoll::graph";
  let description = "Which number type the operation may compute in.";
  let methods = [
    InterfaceMethod<[{LOW: gains from low precision (contractions); FULL: must stay in f32 (softmax, normalizations,
      reductions, what overflows); FOLLOW: as its inputs.}],
      "::plimsoll::graph::PrecisionClass", "precisionClass", (ins), "", "return ::plimsoll::graph::PrecisionClass::FOLLOW;">,
  ];
}

def Graph_ShardingRuleInterface : OpInterface<"ShardingRuleInterface"> {
  let cppNamespace = "::plimsoll::graph";
  let description = [{The operation's factors, as in an einsum: for each operand and result, the factor of each dim (-1: none); and
    which factors are reduced.}];
  let methods = [
    InterfaceMethod<"", "::plimsoll::graph::ShardingRule", "shardingRule", (ins)>,
  ];
}

def Graph_DifferentiableInterface : OpInterface<"DifferentiableInterface"> {
  let cppNamespace = "::plimsoll::graph";
  let description = "Builds the operation's gradient out of graph operations.";
  let methods = [
    InterfaceMethod<[{Given the gradient of each result (null: zero), the gradient of each operand (null: none).}],
      "::mlir::FailureOr<::llvm::SmallVector<::mlir::Value>>", "buildGradient",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$result_gradients)>,
  ];
}

// How an operation is executed: exactly one of the following six.

def Graph_LowerToLinalgInterface : OpInterface<"LowerToLinalgInterface"> {
  let cppNamespace = "::plimsoll::graph";
  let description = [{A generated kernel. The body as linalg on tensors serves every target. Element types are those
    of storageType(): signless integers, i8 for bool.}];
  let methods = [
    InterfaceMethod<[{Builds linalg.generic (and tensor) operations on `inputs` (the operands, already lowered, with storage
      element types) and returns the lowered results. Fails only on what verify() or the fuse pass should have kept out.}],
      "::mlir::FailureOr<::llvm::SmallVector<::mlir::Value>>", "lowerToLinalg",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$inputs)>,
  ];
}
def Graph_LibraryCallInterface : OpInterface<"LibraryCallInterface"> {
  let cppNamespace = "::plimsoll::graph";
  let description = "A call into a vendor's library; compiler/emit translates it into a plan::LibraryOp.";
  let methods = [
    InterfaceMethod<"Operands that the library may want in a packed layout (weights), by operand number.",
      "::llvm::SmallVector<unsigned>", "packableOperands", (ins), "", "return {};">,
  ];
}
def Graph_HostCallInterface : OpInterface<"HostCallInterface"> {
  let cppNamespace = "::plimsoll::graph";
  let description = "A function of runtime/host, found by name.";
  let methods = [
    InterfaceMethod<"The function's name in runtime/host.", "::llvm::StringRef", "hostFunction", (ins)>,
    InterfaceMethod<"Its attributes: integers, floats, strings, and arrays of them.", "::mlir::DictionaryAttr", "hostAttributes", (ins)>,
  ];
}
// The result is the same bytes as (a part of) operand 0: no command, no memory, where the memory pass can arrange it.
def Graph_ViewInterface : OpInterface<"ViewInterface"> {
  let cppNamespace = "::plimsoll::graph";
  let methods = [
    InterfaceMethod<"Byte offset of result 0 in operand 0, or nothing where the bytes are not contiguous there.",
      "::std::optional<int64_t>", "viewByteOffset", (ins)>,
  ];
}
def Graph_ControlTrait : NativeOpTrait<"ControlOp"> { let cppNamespace = "::plimsoll::graph"; }

#endif
