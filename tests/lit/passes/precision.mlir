// RUN: plimsoll-opt %s -plimsoll-precision=type=bf16 -split-input-file | FileCheck %s
// RUN: plimsoll-opt %s -plimsoll-precision=type=f16 -split-input-file | FileCheck %s --check-prefix=F16

// Products are low, what follows them too, and softmax is not; the signature keeps its types.
// CHECK-LABEL: func.func @attention(%arg0: tensor<4x8xf32>) -> tensor<4x4xf32>
// CHECK: %[[X:.*]] = graph.cast %arg0 : tensor<4x8xf32> -> tensor<4x8xbf16>
// CHECK: %[[W:.*]] = graph.weight 0 "w" : tensor<8x4xf32>
// CHECK: %[[WL:.*]] = graph.cast %[[W]] : tensor<8x4xf32> -> tensor<8x4xbf16>
// CHECK: %[[DOT:.*]] = "graph.dot_general"(%[[X]], %[[WL]]) {{.*}} -> tensor<4x4xbf16>
// CHECK: %[[SCALED:.*]] = graph.mul %[[DOT]], %{{.*}} : (tensor<4x4xbf16>, tensor<bf16>) -> tensor<4x4xbf16>
// CHECK: %[[WIDE:.*]] = graph.cast %[[SCALED]] : tensor<4x4xbf16> -> tensor<4x4xf32>
// CHECK: %[[SOFT:.*]] = graph.softmax %[[WIDE]] {{.*}} tensor<4x4xf32>
// CHECK: %[[SL:.*]] = graph.cast %[[SOFT]] : tensor<4x4xf32> -> tensor<4x4xbf16>
// CHECK: %[[OUT:.*]] = "graph.dot_general"(%[[SL]], %[[SCALED]]) {{.*}} -> tensor<4x4xbf16>
// CHECK: %[[RESULT:.*]] = graph.cast %[[OUT]] : tensor<4x4xbf16> -> tensor<4x4xf32>
// CHECK: return %[[RESULT]]
func.func @attention(%x: tensor<4x8xf32>) -> tensor<4x4xf32> {
  %w = graph.weight 0 "w" : tensor<8x4xf32>
  %half = graph.constant dense<0.5> : tensor<f32>
  %0 = "graph.dot_general"(%x, %w) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<4x8xf32>, tensor<8x4xf32>) -> tensor<4x4xf32>
  %1 = graph.mul %0, %half : (tensor<4x4xf32>, tensor<f32>) -> tensor<4x4xf32>
  %2 = graph.softmax %1 {axis = 1 : i64} : tensor<4x4xf32> -> tensor<4x4xf32>
  %3 = "graph.dot_general"(%2, %1) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %3 : tensor<4x4xf32>
}

// -----

// A constant that the low type does not hold keeps its operation wide: 1e6 overflows in f16, not in bf16.
// CHECK-LABEL: func.func @large
// CHECK: graph.mul %{{.*}} : (tensor<4x4xbf16>, tensor<bf16>) -> tensor<4x4xbf16>
// F16-LABEL: func.func @large
// F16: %[[WIDE:.*]] = graph.cast %{{.*}} : tensor<4x4xf16> -> tensor<4x4xf32>
// F16: graph.mul %[[WIDE]], %{{.*}} : (tensor<4x4xf32>, tensor<f32>) -> tensor<4x4xf32>
func.func @large(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %c = graph.constant dense<1.0e6> : tensor<f32>
  %0 = "graph.dot_general"(%x, %x) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = graph.mul %0, %c : (tensor<4x4xf32>, tensor<f32>) -> tensor<4x4xf32>
  return %1 : tensor<4x4xf32>
}

// -----

// Rows of a table are low; what meets an f32 value stays wide; integers are not touched.
// CHECK-LABEL: func.func @table
// CHECK: %[[TABLE:.*]] = graph.cast %{{.*}} : tensor<16x4xf32> -> tensor<16x4xbf16>
// CHECK: %[[ROWS:.*]] = graph.gather %[[TABLE]], %arg0 along 0 : (tensor<16x4xbf16>, tensor<3xi64>) -> tensor<3x4xbf16>
// CHECK: %[[WIDE:.*]] = graph.cast %[[ROWS]] : tensor<3x4xbf16> -> tensor<3x4xf32>
// CHECK: graph.add %[[WIDE]], %arg1 : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
// CHECK: graph.add %arg0, %arg0 : (tensor<3xi64>, tensor<3xi64>) -> tensor<3xi64>
func.func @table(%i: tensor<3xi64>, %y: tensor<3x4xf32>) -> (tensor<3x4xf32>, tensor<3xi64>) {
  %t = graph.weight 0 "t" : tensor<16x4xf32>
  %0 = graph.gather %t, %i along 0 : (tensor<16x4xf32>, tensor<3xi64>) -> tensor<3x4xf32>
  %1 = graph.add %0, %y : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %2 = graph.add %i, %i : (tensor<3xi64>, tensor<3xi64>) -> tensor<3xi64>
  return %1, %2 : tensor<3x4xf32>, tensor<3xi64>
}
