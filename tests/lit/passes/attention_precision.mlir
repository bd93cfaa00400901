// RUN: plimsoll-opt %s -plimsoll-precision=type=bf16 -plimsoll-attention -split-input-file | FileCheck %s
// RUN: plimsoll-opt %s -plimsoll-precision=type=f16 -plimsoll-attention -split-input-file | FileCheck %s --check-prefix=F16

// Behind the precision pass: q, k and v arrive in halves, softmax and mask stay f32.
// CHECK-LABEL: func.func @masked
// CHECK-DAG: %[[Q:.*]] = graph.cast %arg0 : tensor<1x5x2x8xf32> -> tensor<1x5x2x8xbf16>
// CHECK-DAG: %[[K:.*]] = graph.cast %arg1 : tensor<1x7x2x8xf32> -> tensor<1x7x2x8xbf16>
// CHECK-DAG: %[[V:.*]] = graph.cast %arg2 : tensor<1x7x2x4xf32> -> tensor<1x7x2x4xbf16>
// CHECK: %[[R:.*]] = "graph.attention"(%[[Q]], %[[K]], %[[V]], %arg3) <{scale = 2.500000e-01 : f64, sequence_first = array<i1: true, true, true, true>, zero_if_nan = true}> : (tensor<1x5x2x8xbf16>, tensor<1x7x2x8xbf16>, tensor<1x7x2x4xbf16>, tensor<1x1x5x7xf32>) -> tensor<1x5x2x4xbf16>
// CHECK-NEXT: %[[WIDE:.*]] = graph.cast %[[R]] : tensor<1x5x2x4xbf16> -> tensor<1x5x2x4xf32>
// CHECK-NEXT: return %[[WIDE]]
// F16-LABEL: func.func @masked
// F16: "graph.attention"({{.*}}, %arg3) {{.*}} tensor<1x7x2x4xf16>, tensor<1x1x5x7xf32>) -> tensor<1x5x2x4xf16>
// F16-NOT: softmax
func.func @masked(%q: tensor<1x5x2x8xf32>, %k: tensor<1x7x2x8xf32>, %v: tensor<1x7x2x4xf32>, %mask: tensor<1x1x5x7xf32>) -> tensor<1x5x2x4xf32> {
  %zero = graph.constant dense<0.0> : tensor<f32>
  %0 = graph.transpose %q by [0, 2, 1, 3] : tensor<1x5x2x8xf32> -> tensor<1x2x5x8xf32>
  %1 = graph.transpose %k by [0, 2, 3, 1] : tensor<1x7x2x8xf32> -> tensor<1x2x8x7xf32>
  %2 = graph.transpose %v by [0, 2, 1, 3] : tensor<1x7x2x4xf32> -> tensor<1x2x7x4xf32>
  %3 = "graph.dot_general"(%0, %1) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>, scale = 0.25 : f64}> : (tensor<1x2x5x8xf32>, tensor<1x2x8x7xf32>) -> tensor<1x2x5x7xf32>
  %4 = graph.add %3, %mask : (tensor<1x2x5x7xf32>, tensor<1x1x5x7xf32>) -> tensor<1x2x5x7xf32>
  %5 = graph.softmax %4 {axis = 3 : i64} : tensor<1x2x5x7xf32> -> tensor<1x2x5x7xf32>
  %6 = graph.is_nan %5 : tensor<1x2x5x7xf32> -> tensor<1x2x5x7xi1>
  %7 = graph.select %6, %zero, %5 : (tensor<1x2x5x7xi1>, tensor<f32>, tensor<1x2x5x7xf32>) -> tensor<1x2x5x7xf32>
  %8 = "graph.dot_general"(%7, %2) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<1x2x5x7xf32>, tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32>
  %9 = graph.transpose %8 by [0, 2, 1, 3] : tensor<1x2x5x4xf32> -> tensor<1x5x2x4xf32>
  return %9 : tensor<1x5x2x4xf32>
}

// -----

// Heads repeated in f32 are rounded before they would be repeated, once.
// CHECK-LABEL: func.func @grouped
// CHECK: %[[K:.*]] = graph.cast %arg1 : tensor<2x3x7x8xf32> -> tensor<2x3x7x8xbf16>
// CHECK: %[[V:.*]] = graph.cast %arg2 : tensor<2x3x7x8xf32> -> tensor<2x3x7x8xbf16>
// CHECK: "graph.attention"(%{{.*}}, %[[K]], %[[V]]) {{.*}} : (tensor<2x6x5x8xbf16>, tensor<2x3x7x8xbf16>, tensor<2x3x7x8xbf16>)
// CHECK-NOT: graph.expand
// F16-LABEL: func.func @grouped
// F16-NOT: graph.expand
func.func @grouped(%q: tensor<2x6x5x8xf32>, %k: tensor<2x3x7x8xf32>, %v: tensor<2x3x7x8xf32>) -> tensor<2x6x5x8xf32> {
  %0 = graph.reshape %k : tensor<2x3x7x8xf32> -> tensor<2x3x1x7x8xf32>
  %1 = graph.expand %0 : tensor<2x3x1x7x8xf32> -> tensor<2x3x2x7x8xf32>
  %2 = graph.reshape %1 : tensor<2x3x2x7x8xf32> -> tensor<2x6x7x8xf32>
  %3 = graph.reshape %v : tensor<2x3x7x8xf32> -> tensor<2x3x1x7x8xf32>
  %4 = graph.expand %3 : tensor<2x3x1x7x8xf32> -> tensor<2x3x2x7x8xf32>
  %5 = graph.reshape %4 : tensor<2x3x2x7x8xf32> -> tensor<2x6x7x8xf32>
  %6 = "graph.dot_general"(%q, %2) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>, transpose_rhs = true}> : (tensor<2x6x5x8xf32>, tensor<2x6x7x8xf32>) -> tensor<2x6x5x7xf32>
  %7 = graph.softmax %6 {axis = 3 : i64} : tensor<2x6x5x7xf32> -> tensor<2x6x5x7xf32>
  %8 = "graph.dot_general"(%7, %5) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<2x6x5x7xf32>, tensor<2x6x7x8xf32>) -> tensor<2x6x5x8xf32>
  return %8 : tensor<2x6x5x8xf32>
}

// -----

// Weights of the softmax that are given out as well are in memory.
// CHECK-LABEL: func.func @weights_too
// CHECK-NOT: graph.attention
// F16-LABEL: func.func @weights_too
// F16-NOT: graph.attention
func.func @weights_too(%q: tensor<1x2x5x8xf32>, %k: tensor<1x2x8x7xf32>, %v: tensor<1x2x7x4xf32>) -> (tensor<1x2x5x4xf32>, tensor<1x2x5x7xf32>) {
  %0 = "graph.dot_general"(%q, %k) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<1x2x5x8xf32>, tensor<1x2x8x7xf32>) -> tensor<1x2x5x7xf32>
  %1 = graph.softmax %0 {axis = 3 : i64} : tensor<1x2x5x7xf32> -> tensor<1x2x5x7xf32>
  %2 = "graph.dot_general"(%1, %v) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<1x2x5x7xf32>, tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32>
  return %2, %1 : tensor<1x2x5x4xf32>, tensor<1x2x5x7xf32>
}
