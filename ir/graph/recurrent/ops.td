// Recurrent networks, with ONNX's layouts and gate orders.

def Graph_RecurrentOp : Graph_Op<"recurrent", [Pure, AttrSizedOperandSegments, DeclareOpInterfaceMethods<InferTypeOpInterface>,
    DeclareOpInterfaceMethods<Graph_LibraryCallInterface, ["packableOperands"]>, DeclareOpInterfaceMethods<Graph_PrecisionInterface, ["precisionClass"]>]> {
  let summary = "LSTM, GRU or vanilla; Y [T, D, N, H], Yh [D, N, H] and, for lstm, Yc [D, N, H]";
  let description = [{cell: lstm, gru, linear_before_reset_gru, vanilla_tanh, vanilla_relu. direction: forward, reverse, bidirectional.
    Other activations, peepholes, clipping and sequence lengths are taken apart by the importer.}];
  let arguments = (ins Graph_Tensor:$x, Graph_Tensor:$w, Graph_Tensor:$r, Optional<Graph_Tensor>:$bias, Optional<Graph_Tensor>:$initial_h,
    Optional<Graph_Tensor>:$initial_c, StrAttr:$cell, StrAttr:$direction, I64Attr:$hidden_size);
  let results = (outs Graph_Tensor:$y, Graph_Tensor:$y_h, Optional<Graph_Tensor>:$y_c);
}
