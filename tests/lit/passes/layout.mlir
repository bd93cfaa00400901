// RUN: plimsoll-opt %s -plimsoll-layout -canonicalize | FileCheck %s

// Between two convolutions no transpose is left; the bias-like operand is reshaped.
// CHECK-LABEL: func.func @chain
// CHECK: graph.transpose %{{.*}} by [0, 2, 3, 1]
// CHECK: "graph.convolution"
// CHECK-SAME: channels_last = true
// CHECK-NOT: graph.transpose
// CHECK: "graph.convolution"
// CHECK-SAME: channels_last = true
// CHECK: graph.transpose %{{.*}} by [0, 3, 1, 2]
// CHECK-NEXT: return
func.func @chain(%x: tensor<1x3x8x8xf32>) -> tensor<1x4x8x8xf32> {
  %w = graph.weight 0 "w" : tensor<4x3x1x1xf32>
  %v = graph.weight 1 "v" : tensor<4x4x1x1xf32>
  %s = graph.weight 2 "s" : tensor<4x1x1xf32>
  %0 = "graph.convolution"(%x, %w) <{dilations = array<i64: 1, 1>, operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, strides = array<i64: 1, 1>}> : (tensor<1x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<1x4x8x8xf32>
  %1 = graph.mul %0, %s : (tensor<1x4x8x8xf32>, tensor<4x1x1xf32>) -> tensor<1x4x8x8xf32>
  %2 = graph.activation <relu> %1 : tensor<1x4x8x8xf32> -> tensor<1x4x8x8xf32>
  %3 = "graph.convolution"(%2, %v) <{dilations = array<i64: 1, 1>, operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, strides = array<i64: 1, 1>}> : (tensor<1x4x8x8xf32>, tensor<4x4x1x1xf32>) -> tensor<1x4x8x8xf32>
  return %3 : tensor<1x4x8x8xf32>
}

// A global average ends the chain: the transpose moves dims of size 1 only.
// CHECK-LABEL: func.func @average
// CHECK: "graph.convolution"
// CHECK: graph.reduce <mean> %{{.*}} over [1, 2] keep true
func.func @average(%x: tensor<1x3x8x8xf32>) -> tensor<1x4x1x1xf32> {
  %w = graph.weight 0 "w" : tensor<4x3x1x1xf32>
  %0 = "graph.convolution"(%x, %w) <{dilations = array<i64: 1, 1>, operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, strides = array<i64: 1, 1>}> : (tensor<1x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<1x4x8x8xf32>
  %1 = graph.reduce <mean> %0 over [2, 3] keep true : tensor<1x4x8x8xf32> -> tensor<1x4x1x1xf32>
  return %1 : tensor<1x4x1x1xf32>
}
