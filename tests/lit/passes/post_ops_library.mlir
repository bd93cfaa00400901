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

// A convolution's bias that the library does not take is added behind it.
// RUN: plimsoll-opt %s -plimsoll-post-ops=takes=relu | FileCheck %s --check-prefix=RELU
// RELU-LABEL: func.func @transposed
// RELU: %[[BIAS:.*]] = graph.reshape {{.*}} -> tensor<6x1x1xf32>
// RELU: "graph.convolution"(%{{[a-z0-9]+}}, %{{[a-z0-9]+}})
// RELU: graph.add {{.*}}tensor<6x1x1xf32>
// CHECK-LABEL: func.func @transposed
// CHECK: "graph.convolution"(%{{[a-z0-9]+}}, %{{[a-z0-9]+}}, %{{[a-z0-9]+}})
// CHECK-NEXT: return
func.func @transposed(%x: tensor<1x4x5x5xf32>) -> tensor<1x6x10x10xf32> {
  %w = graph.weight 0 "w" : tensor<4x6x2x2xf32>
  %b = graph.weight 1 "b" : tensor<6xf32>
  %0 = "graph.convolution"(%x, %w, %b) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, transposed = true}> : (tensor<1x4x5x5xf32>, tensor<4x6x2x2xf32>, tensor<6xf32>) -> tensor<1x6x10x10xf32>
  return %0 : tensor<1x6x10x10xf32>
}
