// RUN: plimsoll-opt %s -plimsoll-fuse | FileCheck %s

// A chain is one kernel; the constant goes with it.
// CHECK-LABEL: func.func @chain
// CHECK: %[[F:.*]] = graph.fusion(%{{.*}}) : (tensor<8xf32>) -> tensor<8xf32>
// CHECK: graph.constant
// CHECK: graph.exp
// CHECK: graph.add
// CHECK: graph.yield
// CHECK: return %[[F]]
func.func @chain(%x: tensor<8xf32>) -> tensor<8xf32> {
  %c = graph.constant dense<1.0> : tensor<f32>
  %0 = graph.exp %x : tensor<8xf32> -> tensor<8xf32>
  %1 = graph.add %0, %c : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  return %1 : tensor<8xf32>
}

// What others use too is one more result.
// CHECK-LABEL: func.func @two_results
// CHECK: %[[F:.*]]:2 = graph.fusion
// CHECK: return %[[F]]#0, %[[F]]#1
func.func @two_results(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %0 = graph.exp %x : tensor<8xf32> -> tensor<8xf32>
  %1 = graph.neg %0 : tensor<8xf32> -> tensor<8xf32>
  return %0, %1 : tensor<8xf32>, tensor<8xf32>
}

// exp and add are not one kernel: the product lies between them.
// CHECK-LABEL: func.func @cycle
// CHECK-NOT: graph.fusion
// CHECK: graph.exp
// CHECK: dot_general
// CHECK: graph.add
func.func @cycle(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %0 = graph.exp %x : tensor<8x8xf32> -> tensor<8x8xf32>
  %1 = "graph.dot_general"(%0, %0) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %2 = graph.add %0, %1 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  return %2 : tensor<8x8xf32>
}

// A weight's exponential is computed once, by load: it stays outside.
// CHECK-LABEL: func.func @load
// CHECK-NOT: graph.fusion
func.func @load(%x: tensor<8xf32>) -> tensor<8xf32> {
  %w = graph.weight 0 "w" : tensor<8xf32>
  %0 = graph.exp %w : tensor<8xf32> -> tensor<8xf32>
  %1 = graph.add %0, %x : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %1 : tensor<8xf32>
}

// A widening cast goes with its reader, here the sum, and not with the product: what is stored is narrow.
// CHECK-LABEL: func.func @cast_with_reader
// CHECK: %[[P:.*]] = graph.mul
// CHECK: %[[D:.*]] = "graph.dot_general"(%[[P]], %[[P]])
// CHECK: graph.fusion(%[[P]], %[[D]]) : (tensor<8x8xf16>, tensor<8x8xf16>) -> tensor<8x8xf32>
func.func @cast_with_reader(%x: tensor<8x8xf16>) -> tensor<8x8xf32> {
  %0 = graph.mul %x, %x : (tensor<8x8xf16>, tensor<8x8xf16>) -> tensor<8x8xf16>
  %1 = graph.cast %0 : tensor<8x8xf16> -> tensor<8x8xf32>
  %2 = "graph.dot_general"(%0, %0) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<8x8xf16>, tensor<8x8xf16>) -> tensor<8x8xf16>
  %3 = graph.cast %2 : tensor<8x8xf16> -> tensor<8x8xf32>
  %4 = graph.add %1, %3 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  return %4 : tensor<8x8xf32>
}

// The same tensor in two views of one shape is read once.
// CHECK-LABEL: func.func @same_view
// CHECK: graph.fusion(%{{.*}}) : (tensor<8xf32>) -> tensor<8xf32>
func.func @same_view(%x: tensor<2x4xf32>) -> tensor<8xf32> {
  %0 = graph.reshape %x : tensor<2x4xf32> -> tensor<8xf32>
  %1 = graph.reshape %x : tensor<2x4xf32> -> tensor<8xf32>
  %2 = graph.exp %0 : tensor<8xf32> -> tensor<8xf32>
  %3 = graph.add %2, %1 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %3 : tensor<8xf32>
}
