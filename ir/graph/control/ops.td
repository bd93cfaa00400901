// Control flow. Regions see the values around them.

def Graph_IfOp : Graph_Op<"if", [Graph_ControlTrait, SingleBlock, RecursiveMemoryEffects, NoRegionArguments]> {
  let arguments = (ins Graph_Tensor:$condition);
  let results = (outs Variadic<Graph_Tensor>:$results);
  let regions = (region SizedRegion<1>:$then_region, SizedRegion<1>:$else_region);
  let assemblyFormat = "$condition attr-dict `:` functional-type($condition, $results) $then_region `else` $else_region";
  let hasVerifier = 1;
}
def Graph_LoopOp : Graph_Op<"loop", [Graph_ControlTrait, SingleBlock, RecursiveMemoryEffects]> {
  let summary = "At most max_trips iterations while the condition holds";
  let description = [{Block arguments: iteration number (tensor<i64>), then the carried values. Yields: the condition
    (tensor<i1>), then the carried values.}];
  let arguments = (ins I64Attr:$max_trips, Graph_Tensor:$condition, Variadic<Graph_Tensor>:$carried);
  let results = (outs Variadic<Graph_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasVerifier = 1;
}
