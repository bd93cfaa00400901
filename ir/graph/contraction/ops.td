// Contractions: the work of libraries, with what is fused behind them.

// post_ops: an array of dictionaries {kind = "eltwise"|"binary"|"sum", function = "...", alpha, beta}; each binary and sum takes the
// next of post_operands (broadcast to the result; sum: same type as the result, and the result overwrites it).
class Graph_Contraction<string mnemonic> : Graph_PureOp<mnemonic, [AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<Graph_LibraryCallInterface, ["packableOperands"]>, DeclareOpInterfaceMethods<Graph_PrecisionInterface, ["precisionClass"]>]>;

def Graph_DotGeneralOp : Graph_Contraction<"dot_general"> {
  let summary = "Batched matrix product: lhs [batch..., M, K] x rhs [batch..., K, N] -> [batch..., M, N]";
  let description = [{Batch dims broadcast as in numpy. Before contraction either may be seen with its last two dims exchanged
    (transpose_lhs, transpose_rhs): that costs nothing. `scale` multiplies the product before the bias (broadcast to the result).
    Integer products (i8, ui8) accumulate into i32; zero points are scalars or, lhs: [M], rhs: [N].}];
  let arguments = (ins Graph_Tensor:$lhs, Graph_Tensor:$rhs, Optional<Graph_Tensor>:$bias, Optional<Graph_Tensor>:$lhs_zero_point,
    Optional<Graph_Tensor>:$rhs_zero_point, Variadic<Graph_Tensor>:$post_operands,
    DefaultValuedAttr<BoolAttr, "false">:$transpose_lhs, DefaultValuedAttr<BoolAttr, "false">:$transpose_rhs,
    DefaultValuedAttr<F64Attr, "1.0">:$scale, OptionalAttr<ArrayAttr>:$post_ops);
  let results = (outs Graph_Tensor:$result);
  let hasVerifier = 1;
}
def Graph_ConvolutionOp : Graph_Contraction<"convolution"> {
  let summary = "lhs [N, C, spatial...] (or [N, spatial..., C] with channels_last), weights [O, C/groups, kernel...]";
  let description = [{transposed: ConvTranspose, weights [C, O/groups, kernel...], output_padding added at the end. The
    result has the operand's layout. Weights are always in ONNX's order: the library packs them.}];
  let arguments = (ins Graph_Tensor:$operand, Graph_Tensor:$weights, Optional<Graph_Tensor>:$bias, Optional<Graph_Tensor>:$operand_zero_point,
    Optional<Graph_Tensor>:$weights_zero_point, Variadic<Graph_Tensor>:$post_operands,
    DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$pads_begin, DenseI64ArrayAttr:$pads_end,
    DefaultValuedAttr<I64Attr, "1">:$groups, DefaultValuedAttr<BoolAttr, "false">:$transposed, DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$output_padding,
    DefaultValuedAttr<BoolAttr, "false">:$channels_last, OptionalAttr<ArrayAttr>:$post_ops);
  let results = (outs Graph_Tensor:$result);
  let hasVerifier = 1;
}
