// RUN: plimsoll-opt %s "-plimsoll-legalize=lacks=bf16,i64,i8" -split-input-file | FileCheck %s

// Halves that the library lacks are computed in f32 between casts.
// CHECK-LABEL: func.func @half
// CHECK: %[[X:.*]] = graph.cast %arg0 : tensor<4x8xbf16> -> tensor<4x8xf32>
// CHECK: %[[W:.*]] = graph.cast %arg1 : tensor<8x8xbf16> -> tensor<8x8xf32>
// CHECK: %[[DOT:.*]] = "graph.dot_general"(%[[X]], %[[W]]) {{.*}} -> tensor<4x8xf32>
// CHECK: %[[Y:.*]] = graph.cast %[[DOT]] : tensor<4x8xf32> -> tensor<4x8xbf16>
// CHECK: return %[[Y]]
func.func @half(%x: tensor<4x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<4x8xbf16> {
  %0 = "graph.dot_general"(%x, %w) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<4x8xbf16>, tensor<8x8xbf16>) -> tensor<4x8xbf16>
  return %0 : tensor<4x8xbf16>
}

// -----

// Products of 64-bit integers become multiplications and a sum.
// CHECK-LABEL: func.func @integers
// CHECK-NOT: dot_general
// CHECK: graph.mul %{{.*}} : (tensor<2x1x3xi64>, tensor<1x4x3xi64>) -> tensor<2x4x3xi64>
// CHECK: graph.reduce <sum> %{{.*}} over [2] keep false : tensor<2x4x3xi64> -> tensor<2x4xi64>
func.func @integers(%x: tensor<2x3xi64>, %w: tensor<3x4xi64>) -> tensor<2x4xi64> {
  %0 = "graph.dot_general"(%x, %w) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<2x3xi64>, tensor<3x4xi64>) -> tensor<2x4xi64>
  return %0 : tensor<2x4xi64>
}

// -----

// What the library knows stays.
// CHECK-LABEL: func.func @known
// CHECK-NOT: graph.cast
// CHECK: "graph.dot_general"(%arg0, %arg0) {{.*}} -> tensor<4x4xf32>
func.func @known(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = "graph.dot_general"(%x, %x) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}
