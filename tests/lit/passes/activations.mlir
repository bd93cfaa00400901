// RUN: plimsoll-opt %s -plimsoll-simplify | FileCheck %s

// As PyTorch writes it.
// CHECK-LABEL: func.func @gelu_erf
// CHECK-SAME: (%[[X:.*]]: tensor<2x8xf32>)
// CHECK-NEXT: %[[Y:.*]] = graph.activation <gelu_erf> %[[X]]
// CHECK-NEXT: return %[[Y]]
func.func @gelu_erf(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %root = graph.constant dense<1.41421354> : tensor<f32>
  %one = graph.constant dense<1.0> : tensor<f32>
  %half = graph.constant dense<0.5> : tensor<f32>
  %0 = graph.div %x, %root : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %1 = graph.erf %0 : tensor<2x8xf32> -> tensor<2x8xf32>
  %2 = graph.add %1, %one : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %3 = graph.mul %x, %2 : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %4 = graph.mul %3, %half : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  return %4 : tensor<2x8xf32>
}

// In halves the constants are rounded; here the product is associated the other way, and the last step divides.
// CHECK-LABEL: func.func @gelu_erf_halves
// CHECK-SAME: (%[[X:.*]]: tensor<8xf16>)
// CHECK-NEXT: %[[Y:.*]] = graph.activation <gelu_erf> %[[X]]
// CHECK-NEXT: return %[[Y]]
func.func @gelu_erf_halves(%x: tensor<8xf16>) -> tensor<8xf16> {
  %root = graph.constant dense<0.70703> : tensor<f16>
  %one = graph.constant dense<1.0> : tensor<1xf16>
  %two = graph.constant dense<2.0> : tensor<f16>
  %0 = graph.mul %root, %x : (tensor<f16>, tensor<8xf16>) -> tensor<8xf16>
  %1 = graph.erf %0 : tensor<8xf16> -> tensor<8xf16>
  %2 = graph.add %one, %1 : (tensor<1xf16>, tensor<8xf16>) -> tensor<8xf16>
  %3 = graph.mul %2, %x : (tensor<8xf16>, tensor<8xf16>) -> tensor<8xf16>
  %4 = graph.div %3, %two : (tensor<8xf16>, tensor<f16>) -> tensor<8xf16>
  return %4 : tensor<8xf16>
}

// GPT-2's: the cube is a power.
// CHECK-LABEL: func.func @gelu_tanh
// CHECK-SAME: (%[[X:.*]]: tensor<8xf32>)
// CHECK-NEXT: %[[Y:.*]] = graph.activation <gelu_tanh> %[[X]]
// CHECK-NEXT: return %[[Y]]
func.func @gelu_tanh(%x: tensor<8xf32>) -> tensor<8xf32> {
  %three = graph.constant dense<3.0> : tensor<f32>
  %c = graph.constant dense<0.044715> : tensor<f32>
  %root = graph.constant dense<0.797884583> : tensor<f32>
  %one = graph.constant dense<1.0> : tensor<f32>
  %half = graph.constant dense<0.5> : tensor<f32>
  %0 = graph.mul %x, %half : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %1 = graph.pow %x, %three : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %2 = graph.mul %1, %c : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %3 = graph.add %x, %2 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %4 = graph.mul %3, %root : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %5 = graph.tanh %4 : tensor<8xf32> -> tensor<8xf32>
  %6 = graph.add %5, %one : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %7 = graph.mul %0, %6 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %7 : tensor<8xf32>
}

// Hugging Face's fast form: sqrt(2 / pi) x (1 + 0.044715 x x).
// CHECK-LABEL: func.func @gelu_fast
// CHECK-SAME: (%[[X:.*]]: tensor<8xf32>)
// CHECK-NEXT: %[[Y:.*]] = graph.activation <gelu_tanh> %[[X]]
// CHECK-NEXT: return %[[Y]]
func.func @gelu_fast(%x: tensor<8xf32>) -> tensor<8xf32> {
  %c = graph.constant dense<0.044715> : tensor<f32>
  %root = graph.constant dense<0.7978846> : tensor<f32>
  %one = graph.constant dense<1.0> : tensor<f32>
  %half = graph.constant dense<0.5> : tensor<f32>
  %0 = graph.mul %x, %half : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %1 = graph.mul %x, %root : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %2 = graph.mul %x, %c : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %3 = graph.mul %2, %x : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %4 = graph.add %3, %one : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %5 = graph.mul %1, %4 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %6 = graph.tanh %5 : tensor<8xf32> -> tensor<8xf32>
  %7 = graph.add %6, %one : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %8 = graph.mul %0, %7 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %8 : tensor<8xf32>
}

// CHECK-LABEL: func.func @gates
// CHECK-SAME: (%[[X:.*]]: tensor<8xf32>)
// CHECK-NEXT: %[[A:.*]] = graph.activation <silu> %[[X]] {alpha = 1.000000e+00 : f64}
// CHECK-NEXT: %[[B:.*]] = graph.activation <silu> %[[A]] {alpha = 1.702{{.*}} : f64}
// CHECK-NEXT: %[[C:.*]] = graph.activation <mish> %[[B]]
// CHECK-NEXT: %[[D:.*]] = graph.activation <hard_swish> %[[C]]
// CHECK-NEXT: %[[E:.*]] = graph.activation <hard_swish> %[[D]]
// CHECK-NEXT: return %[[E]]
func.func @gates(%x: tensor<8xf32>) -> tensor<8xf32> {
  %quick = graph.constant dense<1.702> : tensor<f32>
  %three = graph.constant dense<3.0> : tensor<f32>
  %six = graph.constant dense<6.0> : tensor<f32>
  %0 = graph.activation <sigmoid> %x : tensor<8xf32> -> tensor<8xf32>
  %a = graph.mul %x, %0 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %1 = graph.mul %a, %quick : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %2 = graph.activation <sigmoid> %1 : tensor<8xf32> -> tensor<8xf32>
  %b = graph.mul %2, %a : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %3 = graph.activation <softplus> %b : tensor<8xf32> -> tensor<8xf32>
  %4 = graph.tanh %3 : tensor<8xf32> -> tensor<8xf32>
  %c = graph.mul %b, %4 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %5 = graph.activation <hard_sigmoid> %c {alpha = 0.16666667 : f64, beta = 0.5 : f64} : tensor<8xf32> -> tensor<8xf32>
  %d = graph.mul %c, %5 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %6 = graph.add %d, %three : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %7 = graph.activation <clip> %6 {alpha = 0.0 : f64, beta = 6.0 : f64} : tensor<8xf32> -> tensor<8xf32>
  %8 = graph.mul %d, %7 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %e = graph.div %8, %six : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  return %e : tensor<8xf32>
}

// A gate of another tensor, another constant, a sum that is used twice, and a product of integers stay.
// CHECK-LABEL: func.func @others
// CHECK: graph.activation <sigmoid>
// CHECK: graph.erf
// CHECK: graph.erf
// CHECK-NOT: gelu
// CHECK: return
func.func @others(%x: tensor<8xf32>, %z: tensor<8xf32>, %i: tensor<8xi32>)
    -> (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xi32>) {
  %root = graph.constant dense<0.70710678> : tensor<f32>
  %almost = graph.constant dense<0.7072> : tensor<f32>
  %one = graph.constant dense<1.0> : tensor<f32>
  %half = graph.constant dense<0.5> : tensor<f32>
  %0 = graph.activation <sigmoid> %z : tensor<8xf32> -> tensor<8xf32>
  %a = graph.mul %x, %0 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %1 = graph.mul %x, %almost : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %2 = graph.erf %1 : tensor<8xf32> -> tensor<8xf32>
  %3 = graph.add %2, %one : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %4 = graph.mul %x, %3 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %b = graph.mul %4, %half : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %5 = graph.mul %x, %root : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %6 = graph.erf %5 : tensor<8xf32> -> tensor<8xf32>
  %c = graph.add %6, %one : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %7 = graph.mul %x, %c : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %d = graph.mul %7, %half : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %e = graph.mul %i, %i : (tensor<8xi32>, tensor<8xi32>) -> tensor<8xi32>
  return %a, %b, %c, %d, %e : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xi32>
}
