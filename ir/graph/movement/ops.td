// Data movement.

def Graph_ReshapeOp : Graph_PureTypedOp<"reshape", [DeclareOpInterfaceMethods<Graph_ViewInterface>, DeclareOpInterfaceMethods<Graph_LowerToLinalgInterface>,
    DeclareOpInterfaceMethods<Graph_PrecisionInterface>]> {
  let summary = "The same elements, row-major, in another shape (also squeeze, unsqueeze, flatten)";
  let arguments = (ins Graph_Tensor:$operand);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
  let hasFolder = 1;
  let hasVerifier = 1;
}
class Graph_Movement<string mnemonic, list<Trait> traits = []> : Graph_PureOp<mnemonic, !listconcat([
    DeclareOpInterfaceMethods<Graph_LowerToLinalgInterface>, DeclareOpInterfaceMethods<Graph_PrecisionInterface>], traits)> {
  let results = (outs Graph_Tensor:$result);
  let hasFolder = 1;
}
def Graph_TransposeOp : Graph_Movement<"transpose"> {
  let summary = "Result dim i is operand dim permutation[i]";
  let arguments = (ins Graph_Tensor:$operand, DenseI64ArrayAttr:$permutation);
  let assemblyFormat = "$operand `by` $permutation attr-dict `:` type($operand) `->` type($result)";
}
def Graph_ExpandOp : Graph_PureTypedOp<"expand", [DeclareOpInterfaceMethods<Graph_LowerToLinalgInterface>, DeclareOpInterfaceMethods<Graph_PrecisionInterface>]> {
  let summary = "Broadcast as in numpy to the result's shape";
  let arguments = (ins Graph_Tensor:$operand);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
  let hasFolder = 1;
  let hasVerifier = 1;
}
def Graph_SliceOp : Graph_Movement<"slice", [DeclareOpInterfaceMethods<Graph_ViewInterface>]> {
  let summary = "One start, size and stride (not 0, may be negative) a dim: element i is operand[start + i * stride]";
  let arguments = (ins Graph_Tensor:$operand, DenseI64ArrayAttr:$starts, DenseI64ArrayAttr:$sizes, DenseI64ArrayAttr:$strides);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
}
def Graph_ConcatOp : Graph_Movement<"concat"> {
  let arguments = (ins Variadic<Graph_Tensor>:$operands, I64Attr:$axis);
  let assemblyFormat = "$operands `along` $axis attr-dict `:` functional-type($operands, $result)";
}
def Graph_PadMode : I32EnumAttr<"PadMode", "", [I32EnumAttrCase<"constant", 0>, I32EnumAttrCase<"reflect", 1>,
    I32EnumAttrCase<"edge", 2>, I32EnumAttrCase<"wrap", 3>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::plimsoll::graph";
}
def Graph_PadModeAttr : EnumAttr<Graph_Dialect, Graph_PadMode, "pad_mode"> { let assemblyFormat = "`<` $value `>`"; }
def Graph_PadOp : Graph_Movement<"pad"> {
  let summary = "Pads (or, where negative, crops) each dim; `value`: a scalar tensor, zero if absent";
  let arguments = (ins Graph_Tensor:$operand, Optional<Graph_Tensor>:$value, Graph_PadModeAttr:$mode, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high);
  let assemblyFormat = "$mode $operand (`,` $value^)? attr-dict `:` functional-type(operands, $result)";
}
def Graph_GatherOp : Graph_Movement<"gather"> {
  let summary = "ONNX Gather: operand dim `axis` replaced by the shape of indices; negative indices count from the end; out of range ones are clamped";
  let arguments = (ins Graph_Tensor:$operand, Graph_Tensor:$indices, I64Attr:$axis);
  let assemblyFormat = "$operand `,` $indices `along` $axis attr-dict `:` functional-type(operands, $result)";
}
def Graph_GatherElementsOp : Graph_Movement<"gather_elements"> {
  let arguments = (ins Graph_Tensor:$operand, Graph_Tensor:$indices, I64Attr:$axis);
  let assemblyFormat = "$operand `,` $indices `along` $axis attr-dict `:` functional-type(operands, $result)";
}
def Graph_GatherNdOp : Graph_Movement<"gather_nd"> {
  let arguments = (ins Graph_Tensor:$operand, Graph_Tensor:$indices, DefaultValuedAttr<I64Attr, "0">:$batch_dims);
  let assemblyFormat = "$operand `,` $indices attr-dict `:` functional-type(operands, $result)";
}
def Graph_IotaOp : Graph_PureTypedOp<"iota", [DeclareOpInterfaceMethods<Graph_LowerToLinalgInterface>]> {
  let summary = "start + step * (index along axis)";
  let arguments = (ins I64Attr:$axis, DefaultValuedAttr<F64Attr, "0.0">:$start, DefaultValuedAttr<F64Attr, "1.0">:$step);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}
def Graph_ResizeOp : Graph_PureTypedOp<"resize", [DeclareOpInterfaceMethods<Graph_LowerToLinalgInterface>, DeclareOpInterfaceMethods<Graph_PrecisionInterface>]> {
  let summary = "Interpolation; the coordinate in the operand along a dim d is computed as ONNX Resize states, from scales[d]";
  let description = [{mode: nearest, linear, cubic. coordinates: half_pixel, pytorch_half_pixel, align_corners, asymmetric,
    tf_half_pixel_for_nn, half_pixel_symmetric. nearest: round_prefer_floor, round_prefer_ceil, floor, ceil. Anything else ONNX
    knows (antialias, crops) is a host call.}];
  let arguments = (ins Graph_Tensor:$operand, StrAttr:$mode, StrAttr:$coordinates, DefaultValuedStrAttr<StrAttr, "round_prefer_floor">:$nearest,
    DenseF64ArrayAttr:$scales, DefaultValuedAttr<F64Attr, "-0.75">:$cubic_coefficient, DefaultValuedAttr<BoolAttr, "false">:$exclude_outside);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
  let hasVerifier = 1;
}
