// RUN: plimsoll-opt %s -plimsoll-post-ops | FileCheck %s

// Bias, then activation.
// CHECK-LABEL: func.func @dense
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>)
// CHECK: "graph.dot_general"(%[[X]], %{{[0-9]+}}, %{{[0-9]+}})
// CHECK-SAME: function = "relu", kind = "eltwise"
// CHECK-NEXT: return
func.func @dense(%x: tensor<4x8xf32>) -> tensor<4x16xf32> {
  %w = graph.weight 0 "w" : tensor<8x16xf32>
  %b = graph.weight 1 "b" : tensor<16xf32>
  %0 = "graph.dot_general"(%x, %w) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
  %1 = graph.add %0, %b : (tensor<4x16xf32>, tensor<16xf32>) -> tensor<4x16xf32>
  %2 = graph.activation <relu> %1 : tensor<4x16xf32> -> tensor<4x16xf32>
  return %2 : tensor<4x16xf32>
}

// The residual is read by nothing later: the product is added in its place.
// CHECK-LABEL: func.func @residual
// CHECK: kind = "sum"
// CHECK-NOT: graph.add
func.func @residual(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %w = graph.weight 0 "w" : tensor<8x8xf32>
  %r = graph.exp %x : tensor<4x8xf32> -> tensor<4x8xf32>
  %s = graph.neg %r : tensor<4x8xf32> -> tensor<4x8xf32>
  %0 = "graph.dot_general"(%s, %w) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %1 = graph.add %r, %0 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// An argument is the caller's: it is read beside.
// CHECK-LABEL: func.func @argument
// CHECK: kind = "binary"
func.func @argument(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %w = graph.weight 0 "w" : tensor<8x8xf32>
  %0 = "graph.dot_general"(%x, %w) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %1 = graph.add %x, %0 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// A product that others read stays as it is.
// CHECK-LABEL: func.func @two_uses
// CHECK: graph.activation
func.func @two_uses(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %w = graph.weight 0 "w" : tensor<8x8xf32>
  %0 = "graph.dot_general"(%x, %w) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %1 = graph.activation <relu> %0 : tensor<4x8xf32> -> tensor<4x8xf32>
  return %0, %1 : tensor<4x8xf32>, tensor<4x8xf32>
}

// oneDNN's SiLU is no faster than a kernel behind the product.
// CHECK-LABEL: func.func @silu
// CHECK: graph.dot_general
// CHECK-NOT: post_ops
// CHECK: graph.activation <silu>
func.func @silu(%x: tensor<4x8xf32>, %w: tensor<8x16xf32>) -> tensor<4x16xf32> {
  %0 = "graph.dot_general"(%x, %w) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
  %1 = graph.activation <silu> %0 {alpha = 1.0 : f64} : tensor<4x16xf32> -> tensor<4x16xf32>
  return %1 : tensor<4x16xf32>
}
