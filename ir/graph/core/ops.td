// Sources of values, and the region that becomes one kernel.

def Graph_WeightOp : Graph_Op<"weight", [Pure]> {
  let summary = "A reference to bytes that the model's author made";
  let description = [{`source` is the index into the weight store that travels beside the module. The bytes are never
    in the IR, and may be absent.}];
  let arguments = (ins I64Attr:$source, StrAttr:$name);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$source $name attr-dict `:` type($result)";
}

def Graph_ConstantOp : Graph_Op<"constant", [Pure, ConstantLike, DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "A small tensor whose elements are in the IR: shapes, axes, scalars";
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
}

def Graph_FusionOp : Graph_PureTypedOp<"fusion", [IsolatedFromAbove, SingleBlock, RecursiveMemoryEffects]> {
  let summary = "A region of LowerToLinalg operations that becomes one kernel";
  let description = [{The block's arguments are the inputs, one each; ends in graph.yield.}];
  let arguments = (ins Variadic<Graph_Tensor>:$inputs);
  let results = (outs Variadic<Graph_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasVerifier = 1;
  let assemblyFormat = "`(` $inputs `)` attr-dict-with-keyword `:` functional-type($inputs, $results) $body";
}

def Graph_YieldOp : Op<Graph_Dialect, "yield", [Pure, Terminator, ReturnLike,
    ParentOneOf<["FusionOp", "IfOp", "LoopOp"]>]> {
  let arguments = (ins Variadic<Graph_Tensor>:$operands);
  let assemblyFormat = "($operands^ `:` type($operands))? attr-dict";
}

def Graph_PackOp : Graph_PureTypedOp<"pack", [DeclareOpInterfaceMethods<Graph_LibraryCallInterface>]> {
  let summary = "Brings a weight to the layout that a library call wants";
  let description = [{The result's type is `tensor<BYTES x i8>`; `user` and `operand` say whose layout: the emitter
    finds the library operation through the result's one user.}];
  let arguments = (ins Graph_Tensor:$source);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
}
