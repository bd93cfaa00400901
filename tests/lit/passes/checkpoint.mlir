// RUN: plimsoll-opt %s -split-input-file -verify-diagnostics -plimsoll-checkpoint="budget-bytes=12400" | FileCheck %s

// The large value is made again after the other one is gone, with its view; the small ones stay.
// CHECK-LABEL: func.func @again
// CHECK: %[[A:.*]] = graph.expand %arg0
// CHECK-NOT: plimsoll.recomputed
// CHECK: %[[S:.*]] = graph.reduce <sum> %[[A]]
// CHECK: %[[B:.*]] = graph.expand %[[S]]
// CHECK: %[[T:.*]] = graph.reduce <sum> %[[B]]
// CHECK: %[[C:.*]] = graph.expand %arg0 {plimsoll.recomputed}
// CHECK: %[[V:.*]] = graph.reshape %[[C]]
// CHECK: graph.reduce <max> %[[V]]
func.func @again(%x: tensor<1xf32>) -> (tensor<1xf32>, tensor<1xf32>) {
  %a = graph.expand %x : tensor<1xf32> -> tensor<2048xf32>
  %v = graph.reshape %a : tensor<2048xf32> -> tensor<2x1024xf32>
  %s = graph.reduce <sum> %a over [0] keep true : tensor<2048xf32> -> tensor<1xf32>
  %b = graph.expand %s : tensor<1xf32> -> tensor<3072xf32>
  %t = graph.reduce <sum> %b over [0] keep true : tensor<3072xf32> -> tensor<1xf32>
  %m = graph.reduce <max> %v over [0, 1] keep false : tensor<2x1024xf32> -> tensor<f32>
  %n = graph.reshape %m : tensor<f32> -> tensor<1xf32>
  return %n, %t : tensor<1xf32>, tensor<1xf32>
}

// -----

// Views of what is made again that only the copy is read through go; so do views that nothing reads.
// CHECK-LABEL: func.func @dead_views
// CHECK: graph.expand %arg0
// CHECK-NOT: graph.reshape
// CHECK: graph.expand %arg0 {plimsoll.recomputed}
// CHECK: graph.reshape
// CHECK: graph.reshape
// CHECK: graph.reduce <max>
// CHECK: graph.reshape
// CHECK-NOT: graph.reshape
// CHECK: return
func.func @dead_views(%x: tensor<1xf32>) -> (tensor<1xf32>, tensor<1xf32>) {
  %a = graph.expand %x : tensor<1xf32> -> tensor<2048xf32>
  %v = graph.reshape %a : tensor<2048xf32> -> tensor<2x1024xf32>
  %w = graph.reshape %v : tensor<2x1024xf32> -> tensor<4x512xf32>
  %u = graph.reshape %v : tensor<2x1024xf32> -> tensor<8x256xf32>
  %s = graph.reduce <sum> %a over [0] keep true : tensor<2048xf32> -> tensor<1xf32>
  %b = graph.expand %s : tensor<1xf32> -> tensor<3072xf32>
  %t = graph.reduce <sum> %b over [0] keep true : tensor<3072xf32> -> tensor<1xf32>
  %m = graph.reduce <max> %w over [0, 1] keep false : tensor<4x512xf32> -> tensor<f32>
  %n = graph.reshape %m : tensor<f32> -> tensor<1xf32>
  return %n, %t : tensor<1xf32>, tensor<1xf32>
}

// -----

// What fits is left alone.
// CHECK-LABEL: func.func @fits
// CHECK-NOT: plimsoll.recomputed
func.func @fits(%x: tensor<1xf32>) -> tensor<1xf32> {
  %a = graph.expand %x : tensor<1xf32> -> tensor<2048xf32>
  %s = graph.reduce <sum> %a over [0] keep true : tensor<2048xf32> -> tensor<1xf32>
  return %s : tensor<1xf32>
}

// -----

func.func @too_large(%x: tensor<1xf32>) -> tensor<1xf32> {
  // expected-error @+1 {{infeasible: the largest inputs, output and workspace of one node}}
  %a = graph.expand %x : tensor<1xf32> -> tensor<4096xf32>
  %s = graph.reduce <sum> %a over [0] keep true : tensor<4096xf32> -> tensor<1xf32>
  return %s : tensor<1xf32>
}
