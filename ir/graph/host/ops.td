// Irregular operations, by functions of runtime/host.

def Graph_HostCallOp : Graph_PureTypedOp<"host_call", [DeclareOpInterfaceMethods<Graph_HostCallInterface>]> {
  let summary = "Calls `function` with `settings`; the operator's ONNX name in snake_case and ONNX's attribute names";
  let description = [{`present` tells which of ONNX's inputs are given: an absent optional one has no operand.}];
  let arguments = (ins Variadic<Graph_Tensor>:$inputs, StrAttr:$function, DictionaryAttr:$settings, DenseI64ArrayAttr:$present);
  let results = (outs Variadic<Graph_Tensor>:$results);
  let assemblyFormat = "$function `(` $inputs `)` attr-dict `:` functional-type($inputs, $results)";
  let hasVerifier = 1;
}
