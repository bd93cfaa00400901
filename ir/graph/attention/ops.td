// Attention as one operation: the scores are never in memory.

def Graph_AttentionOp : Graph_PureOp<"attention", [DeclareOpInterfaceMethods<Graph_LibraryCallInterface>,
    DeclareOpInterfaceMethods<Graph_PrecisionInterface, ["precisionClass"]>]> {
  let summary = "softmax(scale q k^T + mask) v: q [N, H, S, D], k [N, G, T, D], v [N, G, T, E] -> [N, H, S, E]";
  let description = [{Heads h of q share the heads h G / H of k and v. The mask broadcasts to the scores [N, H, S, T]. Sums and the
    softmax are in f32 (f64 for f64). zero_if_nan: a row whose softmax is no number, as where the mask forbids all, gives zeros.
    sequence_first: for q, k, v and the result, whether the tensor is [N, sequence, heads, size] instead.
    keys_of_part: the keys are cut into P = ceil(T / keys_of_part) runs of so many, the last of which may be shorter. The result is
    then f32 [P N, H, S, E], of which p N + n is the attention to the keys of part p alone, and stats, f32 [P N, H, S, 1], are the
    logarithms of the sums of exponentials that its softmaxes divide by.}];
  let arguments = (ins Graph_Tensor:$q, Graph_Tensor:$k, Graph_Tensor:$v, Optional<Graph_Tensor>:$mask, F64Attr:$scale,
    DefaultValuedAttr<BoolAttr, "false">:$zero_if_nan, DefaultValuedAttr<DenseBoolArrayAttr, "{false, false, false, false}">:$sequence_first,
    OptionalAttr<I64Attr>:$keys_of_part);
  let results = (outs Graph_Tensor:$result, Optional<Graph_Tensor>:$stats);
}
