// RUN: plimsoll-opt %s | plimsoll-opt | FileCheck %s
// Every custom form is printed as it is read.

// CHECK-LABEL: func.func @elementwise
func.func @elementwise(%x: tensor<2x3xf32>, %b: tensor<3xf32>, %c: tensor<2x3xi1>) -> tensor<2x3xf32> {
  // CHECK: graph.exp %{{.*}} : tensor<2x3xf32> -> tensor<2x3xf32>
  %0 = graph.exp %x : tensor<2x3xf32> -> tensor<2x3xf32>
  // CHECK: graph.add %{{.*}}, %{{.*}} : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %1 = graph.add %0, %b : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  // CHECK: graph.activation <leaky_relu> %{{.*}} {alpha = 1.000000e-01 : f64} :
  %2 = graph.activation <leaky_relu> %1 {alpha = 0.1 : f64} : tensor<2x3xf32> -> tensor<2x3xf32>
  // CHECK: graph.compare <lt> %{{.*}}, %{{.*}} :
  %3 = graph.compare <lt> %2, %b : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xi1>
  %4 = graph.select %3, %1, %2 : (tensor<2x3xi1>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %4 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @contraction
func.func @contraction(%x: tensor<5x2x3xf32>, %image: tensor<1x3x8x8xf32>) -> (tensor<5x2x4xf32>, tensor<1x6x4x4xf32>) {
  // CHECK: graph.weight 0 "w" : tensor<3x4xf32>
  %w = graph.weight 0 "w" : tensor<3x4xf32>
  %0 = "graph.dot_general"(%x, %w) {operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>} : (tensor<5x2x3xf32>, tensor<3x4xf32>) -> tensor<5x2x4xf32>
  %k = graph.weight 1 "k" : tensor<6x3x3x3xf32>
  // CHECK: pads_begin = array<i64: 1, 1>
  %1 = "graph.convolution"(%image, %k) {operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>, strides = array<i64: 2, 2>,
    dilations = array<i64: 1, 1>, pads_begin = array<i64: 1, 1>, pads_end = array<i64: 1, 1>}
    : (tensor<1x3x8x8xf32>, tensor<6x3x3x3xf32>) -> tensor<1x6x4x4xf32>
  return %0, %1 : tensor<5x2x4xf32>, tensor<1x6x4x4xf32>
}

// CHECK-LABEL: func.func @movement
func.func @movement(%x: tensor<2x3x4xf32>, %i: tensor<5xi64>) -> tensor<5x3x8xf32> {
  // CHECK: graph.transpose %{{.*}} by [2, 1, 0] :
  %0 = graph.transpose %x by [2, 1, 0] : tensor<2x3x4xf32> -> tensor<4x3x2xf32>
  // CHECK: graph.gather %{{.*}}, %{{.*}} along 0 :
  %1 = graph.gather %0, %i along 0 : (tensor<4x3x2xf32>, tensor<5xi64>) -> tensor<5x3x2xf32>
  // CHECK: graph.concat %{{.*}}, %{{.*}} along 2 :
  %2 = graph.concat %1, %1 along 2 : (tensor<5x3x2xf32>, tensor<5x3x2xf32>) -> tensor<5x3x4xf32>
  // CHECK: graph.pad <edge> %{{.*}} {high = array<i64: 0, 0, 2>, low = array<i64: 0, 0, 2>} :
  %3 = graph.pad <edge> %2 {low = array<i64: 0, 0, 2>, high = array<i64: 0, 0, 2>} : (tensor<5x3x4xf32>) -> tensor<5x3x8xf32>
  return %3 : tensor<5x3x8xf32>
}

// CHECK-LABEL: func.func @regions
func.func @regions(%x: tensor<4xf32>, %c: tensor<i1>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  // CHECK: graph.fusion(%{{.*}}) : (tensor<4xf32>) -> tensor<4xf32> {
  %0 = graph.fusion (%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>):
    %e = graph.exp %a : tensor<4xf32> -> tensor<4xf32>
    graph.yield %e : tensor<4xf32>
  }
  // CHECK: graph.if %{{.*}} : (tensor<i1>) -> tensor<4xf32> {
  %1 = graph.if %c : (tensor<i1>) -> tensor<4xf32> {
    graph.yield %x : tensor<4xf32>
  } else {
    graph.yield %0 : tensor<4xf32>
  }
  %2 = "graph.loop"(%c, %x) <{max_trips = 3}> ({
  ^bb0(%n: tensor<i64>, %v: tensor<4xf32>):
    %s = graph.add %v, %v : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    graph.yield %c, %s : tensor<i1>, tensor<4xf32>
  }) : (tensor<i1>, tensor<4xf32>) -> tensor<4xf32>
  return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @host
func.func @host(%x: tensor<4xf32>) -> tensor<1x?xi64, #graph.bounds<[1, 4]>> {
  // CHECK: graph.host_call "non_zero"(%{{.*}}) {{.*}} : (tensor<4xf32>) -> tensor<1x?xi64, #graph.bounds<[1, 4]>>
  %0 = graph.host_call "non_zero"(%x) {settings = {}, present = array<i64: 1>} : (tensor<4xf32>) -> tensor<1x?xi64, #graph.bounds<[1, 4]>>
  return %0 : tensor<1x?xi64, #graph.bounds<[1, 4]>>
}
