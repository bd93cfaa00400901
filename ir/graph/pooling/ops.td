// Windowed reductions.

def Graph_PoolKind : I32EnumAttr<"PoolKind", "", [I32EnumAttrCase<"max", 0>, I32EnumAttrCase<"average", 1>,
    I32EnumAttrCase<"average_include_padding", 2>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::plimsoll::graph";
}
def Graph_PoolKindAttr : EnumAttr<Graph_Dialect, Graph_PoolKind, "pool_kind"> { let assemblyFormat = "`<` $value `>`"; }
def Graph_PoolOp : Graph_PureOp<"pool", [DeclareOpInterfaceMethods<Graph_LibraryCallInterface, ["packableOperands"]>,
    DeclareOpInterfaceMethods<Graph_PrecisionInterface, ["precisionClass"]>]> {
  let summary = "[N, C, spatial...] (or channels last). Windows that begin in the end padding are those that ceil_mode adds";
  let description = [{The importer turns auto_pad and ceil_mode into pads and states them here: the result's size is
    floor((size + pads - dilated kernel) / stride) + 1 with pads_end enlarged for ceil_mode; average_include_padding counts
    `counted_pads_end` of the end padding only.}];
  let arguments = (ins Graph_Tensor:$operand, Graph_PoolKindAttr:$kind, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides,
    DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$pads_begin, DenseI64ArrayAttr:$pads_end, DenseI64ArrayAttr:$counted_pads_end,
    DefaultValuedAttr<BoolAttr, "false">:$channels_last);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$kind $operand attr-dict `:` type($operand) `->` type($result)";
}
