// Normalizations. Statistics in f32 (f64 for f64). Lowered as one kernel where the axes are trailing; otherwise simplify
// takes them apart into reductions and elementwise operations.

class Graph_Normalization<string mnemonic, list<Trait> traits = []> : Graph_PureOp<mnemonic, !listconcat([
    DeclareOpInterfaceMethods<Graph_LowerToLinalgInterface>, DeclareOpInterfaceMethods<Graph_PrecisionInterface, ["precisionClass"]>], traits)>;

def Graph_SoftmaxOp : Graph_Normalization<"softmax"> {
  let arguments = (ins Graph_Tensor:$operand, I64Attr:$axis, DefaultValuedAttr<BoolAttr, "false">:$log);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
}
def Graph_LayerNormOp : Graph_Normalization<"layer_norm"> {
  let summary = "Over the dims [axis, rank); scale and bias broadcast to these dims";
  let arguments = (ins Graph_Tensor:$operand, Graph_Tensor:$scale, Optional<Graph_Tensor>:$bias, I64Attr:$axis, F64Attr:$epsilon);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand `,` $scale (`,` $bias^)? attr-dict `:` functional-type(operands, results)";
}
def Graph_RmsNormOp : Graph_Normalization<"rms_norm"> {
  let summary = "x / sqrt(mean(x^2) + epsilon) * scale over the dims [axis, rank)";
  let arguments = (ins Graph_Tensor:$operand, Graph_Tensor:$scale, I64Attr:$axis, F64Attr:$epsilon);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand `,` $scale attr-dict `:` functional-type(operands, results)";
}
def Graph_GroupNormOp : Graph_Normalization<"group_norm"> {
  let summary = "[N, C, ...] in `groups` groups of channels; scale and bias [C]. groups = C: instance normalization";
  let arguments = (ins Graph_Tensor:$operand, Graph_Tensor:$scale, Graph_Tensor:$bias, I64Attr:$groups, F64Attr:$epsilon);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand `,` $scale `,` $bias attr-dict `:` functional-type(operands, results)";
}
