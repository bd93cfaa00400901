// RUN: plimsoll-opt %s -plimsoll-attention -split-input-file | FileCheck %s

// Exchanges of heads and sequence go into the operation: of q, k, v before, of the result after.
// CHECK-LABEL: func.func @exchanged
// CHECK-NEXT: %[[R:.*]] = "graph.attention"(%arg0, %arg1, %arg2, %arg3) <{scale = 2.500000e-01 : f64, sequence_first = array<i1: true, true, true, true>, zero_if_nan = true}> : (tensor<1x5x2x8xf32>, tensor<1x7x2x8xf32>, tensor<1x7x2x4xf32>, tensor<1x1x5x7xf32>) -> tensor<1x5x2x4xf32>
// CHECK-NEXT: return %[[R]]
func.func @exchanged(%q: tensor<1x5x2x8xf32>, %k: tensor<1x7x2x8xf32>, %v: tensor<1x7x2x4xf32>, %mask: tensor<1x1x5x7xf32>) -> tensor<1x5x2x4xf32> {
  %zero = graph.constant dense<0.0> : tensor<f32>
  %0 = graph.transpose %q by [0, 2, 1, 3] : tensor<1x5x2x8xf32> -> tensor<1x2x5x8xf32>
  %1 = graph.transpose %k by [0, 2, 1, 3] : tensor<1x7x2x8xf32> -> tensor<1x2x7x8xf32>
  %2 = graph.transpose %v by [0, 2, 1, 3] : tensor<1x7x2x4xf32> -> tensor<1x2x7x4xf32>
  %3 = graph.reshape %1 : tensor<1x2x7x8xf32> -> tensor<2x7x8xf32>
  %4 = graph.transpose %3 by [0, 2, 1] : tensor<2x7x8xf32> -> tensor<2x8x7xf32>
  %5 = graph.reshape %4 : tensor<2x8x7xf32> -> tensor<1x2x8x7xf32>
  %6 = "graph.dot_general"(%0, %5) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>, scale = 0.25 : f64}> : (tensor<1x2x5x8xf32>, tensor<1x2x8x7xf32>) -> tensor<1x2x5x7xf32>
  %7 = graph.add %6, %mask : (tensor<1x2x5x7xf32>, tensor<1x1x5x7xf32>) -> tensor<1x2x5x7xf32>
  %8 = graph.softmax %7 {axis = 3 : i64} : tensor<1x2x5x7xf32> -> tensor<1x2x5x7xf32>
  %9 = graph.is_nan %8 : tensor<1x2x5x7xf32> -> tensor<1x2x5x7xi1>
  %10 = graph.select %9, %zero, %8 : (tensor<1x2x5x7xi1>, tensor<f32>, tensor<1x2x5x7xf32>) -> tensor<1x2x5x7xf32>
  %11 = "graph.dot_general"(%10, %2) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<1x2x5x7xf32>, tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32>
  %12 = graph.transpose %11 by [0, 2, 1, 3] : tensor<1x2x5x4xf32> -> tensor<1x5x2x4xf32>
  return %12 : tensor<1x5x2x4xf32>
}

// -----

// Heads of k and v that are repeated are read where they are; k's exchange may be the product's own.
// CHECK-LABEL: func.func @grouped
// CHECK: "graph.attention"(%arg0, %arg1, %arg2) <{scale = 1.000000e+00 : f64, sequence_first = array<i1: false, false, false, false>, zero_if_nan = false}> : (tensor<2x6x5x8xf16>, tensor<2x3x7x8xf16>, tensor<2x3x7x8xf16>)
// CHECK-NOT: softmax
func.func @grouped(%q: tensor<2x6x5x8xf16>, %k: tensor<2x3x7x8xf16>, %v: tensor<2x3x7x8xf16>) -> tensor<2x6x5x8xf16> {
  %0 = graph.reshape %k : tensor<2x3x7x8xf16> -> tensor<2x3x1x7x8xf16>
  %1 = graph.expand %0 : tensor<2x3x1x7x8xf16> -> tensor<2x3x2x7x8xf16>
  %2 = graph.reshape %1 : tensor<2x3x2x7x8xf16> -> tensor<2x6x7x8xf16>
  %3 = graph.reshape %v : tensor<2x3x7x8xf16> -> tensor<2x3x1x7x8xf16>
  %4 = graph.expand %3 : tensor<2x3x1x7x8xf16> -> tensor<2x3x2x7x8xf16>
  %5 = graph.reshape %4 : tensor<2x3x2x7x8xf16> -> tensor<2x6x7x8xf16>
  %6 = "graph.dot_general"(%q, %2) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>, transpose_rhs = true}> : (tensor<2x6x5x8xf16>, tensor<2x6x7x8xf16>) -> tensor<2x6x5x7xf16>
  %7 = graph.softmax %6 {axis = 3 : i64} : tensor<2x6x5x7xf16> -> tensor<2x6x5x7xf16>
  %8 = "graph.dot_general"(%7, %5) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<2x6x5x7xf16>, tensor<2x6x7x8xf16>) -> tensor<2x6x5x8xf16>
  return %8 : tensor<2x6x5x8xf16>
}

// -----

// Scores that something else reads stay in memory.
// CHECK-LABEL: func.func @read_twice
// CHECK-NOT: graph.attention
func.func @read_twice(%q: tensor<1x2x5x8xf32>, %k: tensor<1x2x8x7xf32>, %v: tensor<1x2x7x4xf32>) -> (tensor<1x2x5x4xf32>, tensor<1x2x5x7xf32>) {
  %0 = "graph.dot_general"(%q, %k) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<1x2x5x8xf32>, tensor<1x2x8x7xf32>) -> tensor<1x2x5x7xf32>
  %1 = graph.softmax %0 {axis = 3 : i64} : tensor<1x2x5x7xf32> -> tensor<1x2x5x7xf32>
  %2 = "graph.dot_general"(%1, %v) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<1x2x5x7xf32>, tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32>
  return %2, %1 : tensor<1x2x5x4xf32>, tensor<1x2x5x7xf32>
}

// -----

// A softmax over queries is no attention.
// CHECK-LABEL: func.func @other_axis
// CHECK-NOT: graph.attention
func.func @other_axis(%q: tensor<1x2x5x8xf32>, %k: tensor<1x2x7x8xf32>, %v: tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32> {
  %0 = "graph.dot_general"(%q, %k) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>, transpose_rhs = true}> : (tensor<1x2x5x8xf32>, tensor<1x2x7x8xf32>) -> tensor<1x2x5x7xf32>
  %1 = graph.softmax %0 {axis = 2 : i64} : tensor<1x2x5x7xf32> -> tensor<1x2x5x7xf32>
  %2 = "graph.dot_general"(%1, %v) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<1x2x5x7xf32>, tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32>
  return %2 : tensor<1x2x5x4xf32>
}

// -----

// Repeated heads that are merged with the batch in one step, before the exchange.
// CHECK-LABEL: func.func @grouped_and_merged
// CHECK: "graph.attention"(%arg0, %arg1, %arg2) {{.*}} : (tensor<2x6x5x8xf32>, tensor<2x3x7x8xf32>, tensor<2x3x7x8xf32>)
// CHECK-NOT: softmax
func.func @grouped_and_merged(%q: tensor<2x6x5x8xf32>, %k: tensor<2x3x7x8xf32>, %v: tensor<2x3x7x8xf32>) -> tensor<2x6x5x8xf32> {
  %0 = graph.reshape %k : tensor<2x3x7x8xf32> -> tensor<2x3x1x7x8xf32>
  %1 = graph.expand %0 : tensor<2x3x1x7x8xf32> -> tensor<2x3x2x7x8xf32>
  %2 = graph.reshape %1 : tensor<2x3x2x7x8xf32> -> tensor<12x7x8xf32>
  %3 = graph.transpose %2 by [0, 2, 1] : tensor<12x7x8xf32> -> tensor<12x8x7xf32>
  %4 = graph.reshape %3 : tensor<12x8x7xf32> -> tensor<2x6x8x7xf32>
  %5 = graph.reshape %v : tensor<2x3x7x8xf32> -> tensor<2x3x1x7x8xf32>
  %6 = graph.expand %5 : tensor<2x3x1x7x8xf32> -> tensor<2x3x2x7x8xf32>
  %7 = graph.reshape %6 : tensor<2x3x2x7x8xf32> -> tensor<2x6x7x8xf32>
  %8 = "graph.dot_general"(%q, %4) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<2x6x5x8xf32>, tensor<2x6x8x7xf32>) -> tensor<2x6x5x7xf32>
  %9 = graph.softmax %8 {axis = 3 : i64} : tensor<2x6x5x7xf32> -> tensor<2x6x5x7xf32>
  %10 = "graph.dot_general"(%9, %7) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<2x6x5x7xf32>, tensor<2x6x7x8xf32>) -> tensor<2x6x5x8xf32>
  return %10 : tensor<2x6x5x8xf32>
}

// -----

// Products of halves around a softmax of f32, as models of halves have it: the mask stays f32.
// CHECK-LABEL: func.func @softmax_of_f32
// CHECK-NEXT: %[[R:.*]] = "graph.attention"(%arg0, %arg1, %arg2, %arg3) {{.*}} : (tensor<1x2x5x8xbf16>, tensor<1x2x7x8xbf16>, tensor<1x2x7x4xbf16>, tensor<5x7xf32>) -> tensor<1x2x5x4xbf16>
// CHECK-NEXT: return %[[R]]
func.func @softmax_of_f32(%q: tensor<1x2x5x8xbf16>, %k: tensor<1x2x7x8xbf16>, %v: tensor<1x2x7x4xbf16>, %mask: tensor<5x7xf32>) -> tensor<1x2x5x4xbf16> {
  %0 = "graph.dot_general"(%q, %k) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>, transpose_rhs = true}> : (tensor<1x2x5x8xbf16>, tensor<1x2x7x8xbf16>) -> tensor<1x2x5x7xbf16>
  %1 = graph.cast %0 : tensor<1x2x5x7xbf16> -> tensor<1x2x5x7xf32>
  %2 = graph.add %1, %mask : (tensor<1x2x5x7xf32>, tensor<5x7xf32>) -> tensor<1x2x5x7xf32>
  %3 = graph.softmax %2 {axis = 3 : i64} : tensor<1x2x5x7xf32> -> tensor<1x2x5x7xf32>
  %4 = graph.cast %3 : tensor<1x2x5x7xf32> -> tensor<1x2x5x7xbf16>
  %5 = "graph.dot_general"(%4, %v) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<1x2x5x7xbf16>, tensor<1x2x7x4xbf16>) -> tensor<1x2x5x4xbf16>
  return %5 : tensor<1x2x5x4xbf16>
}

// -----

// The mask is added in halves, the sum widened.
// CHECK-LABEL: func.func @mask_of_halves
// CHECK: "graph.attention"(%arg0, %arg1, %arg2, %arg3) {{.*}} : (tensor<1x2x5x8xf16>, tensor<1x2x7x8xf16>, tensor<1x2x7x4xf16>, tensor<5x7xf16>)
func.func @mask_of_halves(%q: tensor<1x2x5x8xf16>, %k: tensor<1x2x7x8xf16>, %v: tensor<1x2x7x4xf16>, %mask: tensor<5x7xf16>) -> tensor<1x2x5x4xf16> {
  %0 = "graph.dot_general"(%q, %k) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>, transpose_rhs = true}> : (tensor<1x2x5x8xf16>, tensor<1x2x7x8xf16>) -> tensor<1x2x5x7xf16>
  %1 = graph.add %0, %mask : (tensor<1x2x5x7xf16>, tensor<5x7xf16>) -> tensor<1x2x5x7xf16>
  %2 = graph.cast %1 : tensor<1x2x5x7xf16> -> tensor<1x2x5x7xf32>
  %3 = graph.softmax %2 {axis = 3 : i64} : tensor<1x2x5x7xf32> -> tensor<1x2x5x7xf32>
  %4 = graph.cast %3 : tensor<1x2x5x7xf32> -> tensor<1x2x5x7xf16>
  %5 = "graph.dot_general"(%4, %v) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<1x2x5x7xf16>, tensor<1x2x7x4xf16>) -> tensor<1x2x5x4xf16>
  return %5 : tensor<1x2x5x4xf16>
}

// -----

// Scores that are widened and read in f32 elsewhere stay in memory.
// CHECK-LABEL: func.func @widened_twice
// CHECK-NOT: graph.attention
func.func @widened_twice(%q: tensor<1x2x5x8xf16>, %k: tensor<1x2x7x8xf16>, %v: tensor<1x2x7x4xf16>) -> (tensor<1x2x5x4xf16>, tensor<1x2x5x7xf32>) {
  %0 = "graph.dot_general"(%q, %k) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>, transpose_rhs = true}> : (tensor<1x2x5x8xf16>, tensor<1x2x7x8xf16>) -> tensor<1x2x5x7xf16>
  %1 = graph.cast %0 : tensor<1x2x5x7xf16> -> tensor<1x2x5x7xf32>
  %2 = graph.softmax %1 {axis = 3 : i64} : tensor<1x2x5x7xf32> -> tensor<1x2x5x7xf32>
  %3 = graph.cast %2 : tensor<1x2x5x7xf32> -> tensor<1x2x5x7xf16>
  %4 = "graph.dot_general"(%3, %v) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<1x2x5x7xf16>, tensor<1x2x7x4xf16>) -> tensor<1x2x5x4xf16>
  return %4, %1 : tensor<1x2x5x4xf16>, tensor<1x2x5x7xf32>
}

// -----

// A scale of one element that is known at run time only, behind the exchanges: before them it is the same.
// CHECK-LABEL: func.func @scaled
// CHECK-NEXT: %[[Q:.*]] = graph.mul %arg0, %arg3 : (tensor<1x5x2x8xf16>, tensor<1xf16>) -> tensor<1x5x2x8xf16>
// CHECK-NEXT: %[[K:.*]] = graph.mul %arg1, %arg3 : (tensor<1x2x7x8xf16>, tensor<1xf16>) -> tensor<1x2x7x8xf16>
// CHECK-NEXT: "graph.attention"(%[[Q]], %[[K]], %arg2) {{.*}}sequence_first = array<i1: true, false, false, false>
func.func @scaled(%q: tensor<1x5x2x8xf16>, %k: tensor<1x2x7x8xf16>, %v: tensor<1x2x7x4xf16>, %scale: tensor<1xf16>) -> tensor<1x2x5x4xf16> {
  %0 = graph.transpose %q by [0, 2, 1, 3] : tensor<1x5x2x8xf16> -> tensor<1x2x5x8xf16>
  %1 = graph.mul %0, %scale : (tensor<1x2x5x8xf16>, tensor<1xf16>) -> tensor<1x2x5x8xf16>
  %2 = graph.reshape %k : tensor<1x2x7x8xf16> -> tensor<2x7x8xf16>
  %3 = graph.transpose %2 by [0, 2, 1] : tensor<2x7x8xf16> -> tensor<2x8x7xf16>
  %4 = graph.reshape %3 : tensor<2x8x7xf16> -> tensor<1x2x8x7xf16>
  %5 = graph.mul %4, %scale : (tensor<1x2x8x7xf16>, tensor<1xf16>) -> tensor<1x2x8x7xf16>
  %6 = "graph.dot_general"(%1, %5) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<1x2x5x8xf16>, tensor<1x2x8x7xf16>) -> tensor<1x2x5x7xf16>
  %7 = graph.softmax %6 {axis = 3 : i64} : tensor<1x2x5x7xf16> -> tensor<1x2x5x7xf16>
  %8 = "graph.dot_general"(%7, %v) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<1x2x5x7xf16>, tensor<1x2x7x4xf16>) -> tensor<1x2x5x4xf16>
  return %8 : tensor<1x2x5x4xf16>
}
