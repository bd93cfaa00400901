// RUN: plimsoll-opt %s -plimsoll-schedule | FileCheck %s

// Each large value is reduced before the next one is made.
// CHECK-LABEL: func.func @branches
// CHECK: graph.expand
// CHECK-NOT: graph.expand
// CHECK: graph.reduce
// CHECK: graph.expand
// CHECK-NOT: graph.expand
// CHECK: graph.reduce
// CHECK: graph.expand
// CHECK-NOT: graph.expand
// CHECK: graph.reduce
func.func @branches(%x: tensor<1xf32>) -> tensor<1xf32> {
  %a = graph.expand %x : tensor<1xf32> -> tensor<1024xf32>
  %b = graph.expand %x : tensor<1xf32> -> tensor<2048xf32>
  %c = graph.expand %x : tensor<1xf32> -> tensor<4096xf32>
  %d = graph.reduce <sum> %a over [0] keep true : tensor<1024xf32> -> tensor<1xf32>
  %e = graph.reduce <sum> %b over [0] keep true : tensor<2048xf32> -> tensor<1xf32>
  %f = graph.reduce <sum> %c over [0] keep true : tensor<4096xf32> -> tensor<1xf32>
  %g = graph.add %d, %e : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  %h = graph.add %g, %f : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  return %h : tensor<1xf32>
}
