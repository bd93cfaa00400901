// RUN: plimsoll-opt %s -plimsoll-post-ops=takes=bias,relu | FileCheck %s

// What the library takes goes in; what it does not stays a kernel of its own, and so does what follows it.
// CHECK-LABEL: func.func @dense
// CHECK: "graph.dot_general"(%{{.*}}, %{{[0-9]+}}, %{{[0-9]+}})
// CHECK-NOT: post_ops
// CHECK: graph.activation <silu>
// CHECK-NEXT: graph.activation <relu>
func.func @dense(%x: tensor<4x8xf32>) -> tensor<4x16xf32> {
  %w = graph.weight 0 "w" : tensor<8x16xf32>
  %b = graph.weight 1 "b" : tensor<16xf32>
  %0 = "graph.dot_general"(%x, %w) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
  %1 = graph.add %0, %b : (tensor<4x16xf32>, tensor<16xf32>) -> tensor<4x16xf32>
  %2 = graph.activation <silu> %1 : tensor<4x16xf32> -> tensor<4x16xf32>
  %3 = graph.activation <relu> %2 : tensor<4x16xf32> -> tensor<4x16xf32>
  return %3 : tensor<4x16xf32>
}

// CHECK-LABEL: func.func @relu
// CHECK: "graph.dot_general"
// CHECK-SAME: function = "relu", kind = "eltwise"
// CHECK-NEXT: return
func.func @relu(%x: tensor<4x8xf32>) -> tensor<4x16xf32> {
  %w = graph.weight 0 "w" : tensor<8x16xf32>
  %0 = "graph.dot_general"(%x, %w) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
  %1 = graph.activation <relu> %0 : tensor<4x16xf32> -> tensor<4x16xf32>
  return %1 : tensor<4x16xf32>
}

// A residual that it does not take.
// CHECK-LABEL: func.func @residual
// CHECK: "graph.dot_general"
// CHECK-NEXT: graph.add
func.func @residual(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %w = graph.weight 0 "w" : tensor<8x8xf32>
  %0 = "graph.dot_general"(%x, %w) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %1 = graph.add %x, %0 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// No library computes it as it stands (its activation): a generated kernel takes whatever follows.
// CHECK-LABEL: func.func @generated
// CHECK: "graph.dot_general"
// CHECK-SAME: function = "silu"
// CHECK-SAME: function = "tanh"
// CHECK-NEXT: return
func.func @generated(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %w = graph.weight 0 "w" : tensor<8x8xf32>
  %0 = "graph.dot_general"(%x, %w) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>, post_ops = [{alpha = 1.0, beta = 0.0, function = "silu", kind = "eltwise"}]}> : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %1 = graph.tanh %0 : tensor<4x8xf32> -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}
