// Reductions and scans. Axes are sorted, non-negative and distinct.

def Graph_ReduceKind : I32EnumAttr<"ReduceKind", "", [
    I32EnumAttrCase<"sum", 0>, I32EnumAttrCase<"prod", 1>, I32EnumAttrCase<"max", 2>, I32EnumAttrCase<"min", 3>,
    I32EnumAttrCase<"mean", 4>, I32EnumAttrCase<"sum_square", 5>, I32EnumAttrCase<"l1", 6>, I32EnumAttrCase<"l2", 7>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::plimsoll::graph";
}
def Graph_ReduceKindAttr : EnumAttr<Graph_Dialect, Graph_ReduceKind, "reduce_kind"> { let assemblyFormat = "`<` $value `>`"; }
def Graph_ReduceOp : Graph_PureOp<"reduce", [DeclareOpInterfaceMethods<Graph_LowerToLinalgInterface>,
    DeclareOpInterfaceMethods<Graph_PrecisionInterface, ["precisionClass"]>]> {
  let summary = "f16 and bf16 accumulate in f32; log_sum and log_sum_exp are built of it";
  let arguments = (ins Graph_Tensor:$operand, Graph_ReduceKindAttr:$kind, DenseI64ArrayAttr:$axes, BoolAttr:$keep_dims);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$kind $operand `over` $axes `keep` $keep_dims attr-dict `:` type($operand) `->` type($result)";
  let hasFolder = 1;
}
def Graph_ArgReduceOp : Graph_PureOp<"arg_reduce", [DeclareOpInterfaceMethods<Graph_LowerToLinalgInterface>]> {
  let summary = "Index (i64) of the largest (or smallest) element along an axis; the first, or the last of equals";
  let arguments = (ins Graph_Tensor:$operand, BoolAttr:$largest, I64Attr:$axis, BoolAttr:$keep_dims, BoolAttr:$last);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
  let hasFolder = 1;
}
