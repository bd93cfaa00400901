// Recurrent networks, with ONNX's layouts and gate orders.

def Graph_RecurrentOp : Graph_Op<"recurrent", [Pure, AttrSizedOperandSegments, DeclareOpInterfaceMethods<InferTypeOpInterface>,
    DeclareOpInterfaceMethods<Graph_LibraryCallInterface, ["packableOperands"]>, DeclareOpInterfaceMethods<Graph_PrecisionInterface, ["precisionClass"]>]> {
  let summary = "LSTM, GRU or vanilla; Y [T, D, N, H], Yh [D, N, H] and, for lstm, Yc [D, N, H]";
  let description = [{cell: lstm, gru, linear_before_reset_gru, vanilla_tanh, vanilla_relu. direction: forward, reverse, bidirectional.
    With `quantization` [4, D, G H], the scales and zero points of W and those of R by column, w is [D, I, G H] and r [D, H, G H] in
    8 bits, for lstm alone; x, and the state in every step, are rounded to 8 bits with one scale for all of it, as
    DynamicQuantizeLinear does. Other activations, peepholes, clipping and sequence lengths are taken apart by the importer.}];
  let arguments = (ins Graph_Tensor:$x, Graph_Tensor:$w, Graph_Tensor:$r, Optional<Graph_Tensor>:$bias, Optional<Graph_Tensor>:$initial_h,
    Optional<Graph_Tensor>:$initial_c, Optional<Graph_Tensor>:$quantization, StrAttr:$cell, StrAttr:$direction, I64Attr:$hidden_size);
  let results = (outs Graph_Tensor:$y, Graph_Tensor:$y_h, Optional<Graph_Tensor>:$y_c);
}
