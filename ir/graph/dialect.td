#ifndef PLIMSOLL_GRAPH_DIALECT
#define PLIMSOLL_GRAPH_DIALECT

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

def Graph_Dialect : Dialect {
  let name = "graph";
  let cppNamespace = "::plimsoll::graph";
  let summary = "A model as a graph of tensors with value semantics";
  let description = [{
    Named operations close to ONNX's core. Tensors are ranked; i1 is a bool, iN a signed and uiN an unsigned integer.
    Elementwise operations broadcast as numpy does, without explicit expansion. What a pass must know of an operation
    it asks through the interfaces of interfaces.td.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
}

include "ir/graph/interfaces.td"

// A tensor with static dims, or with dims that are known only at run time (then the encoding bounds them).
def Graph_Tensor : RankedTensorOf<[AnyType]>;
// The encoding of a tensor with dims known only at run time: an upper bound for each dim (a static dim: its size).
def Graph_BoundsAttr : AttrDef<Graph_Dialect, "Bounds"> {
  let mnemonic = "bounds";
  let parameters = (ins ArrayRefParameter<"int64_t">:$sizes);
  let assemblyFormat = "`<` `[` $sizes `]` `>`";
}
def Graph_Scalar : AnyTypeOf<[I1, AnyI64]>;

// `traits` name how it is executed: exactly one of LowerToLinalg, LibraryCall, HostCall, Collective, Control, View.
class Graph_Op<string mnemonic, list<Trait> traits = []> :
    Op<Graph_Dialect, mnemonic, !listconcat([DeclareOpInterfaceMethods<Graph_CostInterface>], traits)>;

// A pure computation whose result types follow from operands and attributes.
class Graph_PureOp<string mnemonic, list<Trait> traits = []> :
    Graph_Op<mnemonic, !listconcat([Pure, Graph_RematerializableInterface,
                                    DeclareOpInterfaceMethods<InferTypeOpInterface>], traits)>;

// A pure computation whose result type the builder states.
class Graph_PureTypedOp<string mnemonic, list<Trait> traits = []> :
    Graph_Op<mnemonic, !listconcat([Pure, Graph_RematerializableInterface], traits)>;

#endif
