// RUN: plimsoll-opt %s -plimsoll-simplify | FileCheck %s

// Transposes of the last two dims go into the product; a constant factor becomes its scale.
// CHECK-LABEL: func.func @dot
// CHECK-SAME: (%[[Q:.*]]: tensor<2x8x4xf32>, %[[K:.*]]: tensor<2x8x4xf32>)
// CHECK-NOT: graph.transpose
// CHECK-NOT: graph.mul
// CHECK: "graph.dot_general"(%[[Q]], %[[K]])
// CHECK-SAME: scale = 5.000000e-01
// CHECK-SAME: transpose_rhs = true
func.func @dot(%q: tensor<2x8x4xf32>, %k: tensor<2x8x4xf32>) -> tensor<2x8x8xf32> {
  %half = graph.constant dense<0.5> : tensor<f32>
  %s = graph.mul %q, %half : (tensor<2x8x4xf32>, tensor<f32>) -> tensor<2x8x4xf32>
  %t = graph.transpose %k by [0, 2, 1] : tensor<2x8x4xf32> -> tensor<2x4x8xf32>
  %0 = "graph.dot_general"(%s, %t) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<2x8x4xf32>, tensor<2x4x8xf32>) -> tensor<2x8x8xf32>
  return %0 : tensor<2x8x8xf32>
}

// So does one behind it; not where the product itself is read too.
// CHECK-LABEL: func.func @scaled_dot
// CHECK: %[[Y:.*]] = "graph.dot_general"(%arg0, %arg1)
// CHECK-SAME: scale = 1.250000e-01
// CHECK: %[[Z:.*]] = "graph.dot_general"(%arg0, %arg1)
// CHECK-SAME: scale = 1.000000e+00
// CHECK: %[[M:.*]] = graph.mul %[[Z]]
// CHECK: return %[[Y]], %[[Z]], %[[M]]
func.func @scaled_dot(%a: tensor<2x8x4xf32>, %b: tensor<2x4x8xf32>) -> (tensor<2x8x8xf32>, tensor<2x8x8xf32>, tensor<2x8x8xf32>) {
  %two = graph.constant dense<2.0> : tensor<1x1xf32>
  %quarter = graph.constant dense<0.25> : tensor<f32>
  %0 = "graph.dot_general"(%a, %b) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<2x8x4xf32>, tensor<2x4x8xf32>) -> tensor<2x8x8xf32>
  %1 = graph.mul %quarter, %0 : (tensor<f32>, tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %2 = graph.div %1, %two : (tensor<2x8x8xf32>, tensor<1x1xf32>) -> tensor<2x8x8xf32>
  %3 = "graph.dot_general"(%a, %b) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<2x8x4xf32>, tensor<2x4x8xf32>) -> tensor<2x8x8xf32>
  %4 = graph.mul %3, %quarter : (tensor<2x8x8xf32>, tensor<f32>) -> tensor<2x8x8xf32>
  return %2, %3, %4 : tensor<2x8x8xf32>, tensor<2x8x8xf32>, tensor<2x8x8xf32>
}

// CHECK-LABEL: func.func @neutral
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>)
// CHECK-NEXT: return %[[X]]
func.func @neutral(%x: tensor<4xf32>) -> tensor<4xf32> {
  %one = graph.constant dense<1.0> : tensor<f32>
  %zero = graph.constant dense<0.0> : tensor<f32>
  %0 = graph.mul %one, %x : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.div %0, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = graph.sub %1, %zero : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

// x + 0 is not x where x is -0.
// CHECK-LABEL: func.func @negative_zero
// CHECK: graph.add
func.func @negative_zero(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = graph.constant dense<0.0> : tensor<f32>
  %0 = graph.add %x, %zero : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// Two transposes are one; one that moves dims of size 1 only is a reshape.
// CHECK-LABEL: func.func @transposes
// CHECK: graph.transpose %{{.*}} by [1, 2, 0]
// CHECK-NOT: graph.transpose
// CHECK: graph.reshape
func.func @transposes(%x: tensor<2x3x4xf32>, %y: tensor<3x1x4xf32>) -> (tensor<3x4x2xf32>, tensor<1x3x4xf32>) {
  %0 = graph.transpose %x by [1, 0, 2] : tensor<2x3x4xf32> -> tensor<3x2x4xf32>
  %1 = graph.transpose %0 by [0, 2, 1] : tensor<3x2x4xf32> -> tensor<3x4x2xf32>
  %2 = graph.transpose %y by [1, 0, 2] : tensor<3x1x4xf32> -> tensor<1x3x4xf32>
  return %1, %2 : tensor<3x4x2xf32>, tensor<1x3x4xf32>
}

// CHECK-LABEL: func.func @expand
// CHECK-NOT: graph.expand
// CHECK: graph.add %{{.*}} : (tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<2x3xf32>
func.func @expand(%x: tensor<2x3xf32>, %y: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = graph.expand %y : tensor<1x3xf32> -> tensor<2x3xf32>
  %1 = graph.add %x, %0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}

// Rows that were merged for a product of two dims are split before it. A bias of every row is not one of every matrix.
// CHECK-LABEL: func.func @rows
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x4xf32>, %[[W:.*]]: tensor<4x5xf32>, %[[B:.*]]: tensor<5xf32>
// CHECK: %[[Y:.*]] = "graph.dot_general"(%[[X]], %[[W]], %[[B]])
// CHECK-SAME: -> tensor<2x3x5xf32>
// CHECK: "graph.dot_general"
// CHECK-SAME: -> tensor<6x5xf32>
// CHECK: %[[Z:.*]] = graph.reshape
// CHECK: return %[[Y]], %[[Z]]
func.func @rows(%x: tensor<2x3x4xf32>, %w: tensor<4x5xf32>, %b: tensor<5xf32>, %c: tensor<6x1xf32>) -> (tensor<2x3x5xf32>, tensor<2x3x5xf32>) {
  %0 = graph.reshape %x : tensor<2x3x4xf32> -> tensor<6x4xf32>
  %1 = "graph.dot_general"(%0, %w, %b) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>}> : (tensor<6x4xf32>, tensor<4x5xf32>, tensor<5xf32>) -> tensor<6x5xf32>
  %2 = graph.reshape %1 : tensor<6x5xf32> -> tensor<2x3x5xf32>
  %3 = "graph.dot_general"(%0, %w, %c) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>}> : (tensor<6x4xf32>, tensor<4x5xf32>, tensor<6x1xf32>) -> tensor<6x5xf32>
  %4 = graph.reshape %3 : tensor<6x5xf32> -> tensor<2x3x5xf32>
  return %2, %4 : tensor<2x3x5xf32>, tensor<2x3x5xf32>
}
