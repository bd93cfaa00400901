// RUN: plimsoll-opt %s -canonicalize | FileCheck %s

// Integers wrap around; -128 / -1 is -128.
// CHECK-LABEL: func.func @wraparound
// CHECK-DAG: dense<[-128, 44]> : tensor<2xi8>
// CHECK-DAG: dense<[-128, -33]> : tensor<2xi8>
func.func @wraparound() -> (tensor<2xi8>, tensor<2xi8>) {
  %a = graph.constant dense<[127, 100]> : tensor<2xi8>
  %b = graph.constant dense<[1, -56]> : tensor<2xi8>
  %c = graph.constant dense<[-128, 100]> : tensor<2xi8>
  %d = graph.constant dense<[-1, -3]> : tensor<2xi8>
  %0 = graph.add %a, %b : (tensor<2xi8>, tensor<2xi8>) -> tensor<2xi8>
  %1 = graph.div %c, %d : (tensor<2xi8>, tensor<2xi8>) -> tensor<2xi8>
  return %0, %1 : tensor<2xi8>, tensor<2xi8>
}

// A division by zero stays.
// CHECK-LABEL: func.func @by_zero
// CHECK: graph.div
func.func @by_zero() -> tensor<i32> {
  %a = graph.constant dense<1> : tensor<i32>
  %z = graph.constant dense<0> : tensor<i32>
  %0 = graph.div %a, %z : (tensor<i32>, tensor<i32>) -> tensor<i32>
  return %0 : tensor<i32>
}

// What an importer evaluates: the shape [2, 3] * [4, 1], gathered, concatenated.
// CHECK-LABEL: func.func @shapes
// CHECK: %[[S:.*]] = graph.constant dense<[3, 8, -1]> : tensor<3xi64>
// CHECK: return %[[S]]
func.func @shapes() -> tensor<3xi64> {
  %a = graph.constant dense<[2, 3]> : tensor<2xi64>
  %b = graph.constant dense<[4, 1]> : tensor<2xi64>
  %i = graph.constant dense<[1, -2]> : tensor<2xi64>
  %m = graph.constant dense<-1> : tensor<1xi64>
  %0 = graph.mul %a, %b : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  %1 = graph.gather %0, %i along 0 : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  %2 = graph.concat %1, %m along 0 : (tensor<2xi64>, tensor<1xi64>) -> tensor<3xi64>
  return %2 : tensor<3xi64>
}

// CHECK-LABEL: func.func @identities
// CHECK-SAME: (%[[X:.*]]: tensor<2x3xf32>, %[[Y:.*]]: tensor<2x3xi32>)
// CHECK: %[[Z:.*]] = graph.constant dense<0.0{{.*}}>
// CHECK: %[[KEPT:.*]] = graph.add %[[X]], %[[Z]]
// CHECK: return %[[X]], %[[X]], %[[Y]], %[[X]], %[[KEPT]]
func.func @identities(%x: tensor<2x3xf32>, %y: tensor<2x3xi32>)
    -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xi32>, tensor<2x3xf32>, tensor<2x3xf32>) {
  %0 = graph.reshape %x : tensor<2x3xf32> -> tensor<6xf32>
  %1 = graph.reshape %0 : tensor<6xf32> -> tensor<3x2xf32>
  %2 = graph.reshape %1 : tensor<3x2xf32> -> tensor<2x3xf32>
  %3 = graph.transpose %x by [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  %4 = graph.transpose %3 by [1, 0] : tensor<3x2xf32> -> tensor<2x3xf32>
  %zi = graph.constant dense<0> : tensor<i32>
  %5 = graph.add %y, %zi : (tensor<2x3xi32>, tensor<i32>) -> tensor<2x3xi32>
  %6 = graph.neg %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %7 = graph.neg %6 : tensor<2x3xf32> -> tensor<2x3xf32>
  // x + 0.0 is not x: -0.0 + 0.0 is 0.0.
  %zf = graph.constant dense<0.0> : tensor<f32>
  %8 = graph.add %x, %zf : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  return %2, %4, %5, %7, %8 : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xi32>, tensor<2x3xf32>, tensor<2x3xf32>
}

// CHECK-LABEL: func.func @transposes
// CHECK: graph.transpose %{{.*}} by [2, 0, 1] : tensor<2x3x4xf32> -> tensor<4x2x3xf32>
// CHECK-NEXT: return
func.func @transposes(%x: tensor<2x3x4xf32>) -> tensor<4x2x3xf32> {
  %0 = graph.transpose %x by [1, 0, 2] : tensor<2x3x4xf32> -> tensor<3x2x4xf32>
  %1 = graph.transpose %0 by [2, 1, 0] : tensor<3x2x4xf32> -> tensor<4x2x3xf32>
  return %1 : tensor<4x2x3xf32>
}

// A result of more than 65536 elements is left to the plan.
// CHECK-LABEL: func.func @large
// CHECK: graph.expand
func.func @large() -> tensor<65537xf32> {
  %a = graph.constant dense<1.0> : tensor<1xf32>
  %0 = graph.expand %a : tensor<1xf32> -> tensor<65537xf32>
  return %0 : tensor<65537xf32>
}
