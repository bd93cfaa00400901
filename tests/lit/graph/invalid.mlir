// RUN: plimsoll-opt %s -split-input-file -verify-diagnostics

func.func @s5(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @+2 {{(S5) axis 1 is out of range for a tensor of rank 1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.softmax %x {axis = 1} : tensor<2xf32> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

func.func @s4(%x: tensor<?xf32, #graph.bounds<[4]>>) -> tensor<2xf32> {
  // expected-error @+2 {{(S4) an operand's dimensions are known only at run time}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.softmax %x {axis = 0} : tensor<?xf32, #graph.bounds<[4]>> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

func.func @b1(%x: tensor<2xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @+2 {{(B1) shapes [2] and [3] do not broadcast}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.add %x, %y : (tensor<2xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

func.func @result(%x: tensor<2xf32>) -> tensor<3xf32> {
  // expected-error @+2 {{failed to infer returned types}}
  // expected-error @+1 {{inferred type(s) 'tensor<2xf32>' are incompatible with return type(s) of operation 'tensor<3xf32>'}}
  %0 = graph.exp %x : tensor<2xf32> -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

func.func @e1(%x: tensor<2xi32>) -> tensor<2xi32> {
  // expected-error @+2 {{(E1) not defined for elements of type 'i32'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.exp %x : tensor<2xi32> -> tensor<2xi32>
  return %0 : tensor<2xi32>
}

// -----

func.func @e2(%x: tensor<2xi32>, %y: tensor<2xui32>) -> tensor<2xi32> {
  // expected-error @+2 {{(E2) operands with elements of type 'i32' and 'ui32'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.add %x, %y : (tensor<2xi32>, tensor<2xui32>) -> tensor<2xi32>
  return %0 : tensor<2xi32>
}

// -----

func.func @e3(%x: tensor<2xi32>) -> tensor<2xi32> {
  // expected-error @+2 {{(E3) a condition with elements of type 'i32'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.select %x, %x, %x : (tensor<2xi32>, tensor<2xi32>, tensor<2xi32>) -> tensor<2xi32>
  return %0 : tensor<2xi32>
}

// -----

func.func @e4(%x: tensor<2xi32>) -> tensor<3xf32> {
  // expected-error @+1 {{(E4) from 'tensor<2xi32>' to 'tensor<3xf32>' would change the shape}}
  %0 = graph.cast %x : tensor<2xi32> -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

func.func @m1(%x: tensor<2x3xf32>) -> tensor<5xf32> {
  // expected-error @+1 {{(M1) from 'tensor<2x3xf32>' to 'tensor<5xf32>' changes the number of elements}}
  %0 = graph.reshape %x : tensor<2x3xf32> -> tensor<5xf32>
  return %0 : tensor<5xf32>
}

// -----

func.func @m2(%x: tensor<2x3xf32>) -> tensor<2x2xf32> {
  // expected-error @+2 {{(M2) [0, 0] is no permutation}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.transpose %x by [0, 0] : tensor<2x3xf32> -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}

// -----

func.func @m3(%x: tensor<2xf32>) -> tensor<2x3xf32> {
  // expected-error @+1 {{(M3) 'tensor<2xf32>' does not broadcast to 'tensor<2x3xf32>'}}
  %0 = graph.expand %x : tensor<2xf32> -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

func.func @m5(%x: tensor<4xf32>) -> tensor<2xf32> {
  // expected-error @+2 {{(M5) start 2, size 2 and stride 9223372036854775807 leave dimension 0 of size 4}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.slice %x {starts = array<i64: 2>, sizes = array<i64: 2>, strides = array<i64: 9223372036854775807>} : tensor<4xf32> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

func.func @m8(%x: tensor<2xf32>) -> tensor<4xf32> {
  // expected-error @+2 {{(M8) padding of 2 in dimension 0 of size 2 has nothing to repeat}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.pad <reflect> %x {low = array<i64: 2>, high = array<i64: 0>} : (tensor<2xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @d2(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error @+2 {{(D2) the contracted dimensions differ: 3 and 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = "graph.dot_general"(%x, %y) {operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

func.func @d6(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  // expected-error @+1 {{(D6) the post operation has no operand}}
  %0 = "graph.dot_general"(%x, %x) {operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>, post_ops = [{kind = "binary", function = "add"}]} : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}

// -----

func.func @w3(%x: tensor<1x3x2x2xf32>, %w: tensor<6x3x3x3xf32>) -> tensor<1x6x0x0xf32> {
  // expected-error @+2 {{(W3) a window of 3 does not fit into dimension 0 of size 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = "graph.convolution"(%x, %w) {operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>, strides = array<i64: 1, 1>,
    dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>}
    : (tensor<1x3x2x2xf32>, tensor<6x3x3x3xf32>) -> tensor<1x6x0x0xf32>
  return %0 : tensor<1x6x0x0xf32>
}

// -----

func.func @f3(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{(F3) the block does not yield the results}}
  %0 = graph.fusion (%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>):
    graph.yield
  }
  return %0 : tensor<4xf32>
}

// -----

func.func @c1(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{(C1) the condition is 'tensor<4xf32>'}}
  %0 = graph.if %x : (tensor<4xf32>) -> tensor<4xf32> {
    graph.yield %x : tensor<4xf32>
  } else {
    graph.yield %x : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}

// -----

func.func @c5(%x: tensor<4xf32>, %c: tensor<i1>) -> tensor<4xf32> {
  // expected-error @+1 {{(C5) the block does not yield a condition and the carried values}}
  %0 = "graph.loop"(%c, %x) <{max_trips = 3}> ({
  ^bb0(%n: tensor<i64>, %v: tensor<4xf32>):
    graph.yield %v, %c : tensor<4xf32>, tensor<i1>
  }) : (tensor<i1>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @h2(%x: tensor<4xf32>) -> tensor<?xi64> {
  // expected-error @+1 {{(H2) the result has no bound on its size: 'tensor<?xi64>'}}
  %0 = graph.host_call "unique"(%x) {settings = {}, present = array<i64: 1>} : (tensor<4xf32>) -> tensor<?xi64>
  return %0 : tensor<?xi64>
}

// -----

func.func @a1(%q: tensor<1x2x5x8xf32>, %k: tensor<1x2x7x8xf16>, %v: tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32> {
  // expected-error @+2 {{(A1) expected q, k and v of rank 4 and one type of floats, found 'tensor<1x2x7x8xf16>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = "graph.attention"(%q, %k, %v) <{scale = 1.0 : f64, sequence_first = array<i1: false, false, false, false>}> : (tensor<1x2x5x8xf32>, tensor<1x2x7x8xf16>, tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32>
  return %0 : tensor<1x2x5x4xf32>
}

// -----

func.func @a2(%q: tensor<1x3x5x8xf32>, %k: tensor<1x2x7x8xf32>, %v: tensor<1x2x7x4xf32>) -> tensor<1x3x5x4xf32> {
  // expected-error @+2 {{(A2) q, k and v do not fit}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = "graph.attention"(%q, %k, %v) <{scale = 1.0 : f64, sequence_first = array<i1: false, false, false, false>}> : (tensor<1x3x5x8xf32>, tensor<1x2x7x8xf32>, tensor<1x2x7x4xf32>) -> tensor<1x3x5x4xf32>
  return %0 : tensor<1x3x5x4xf32>
}

// -----

// Beside halves a mask may be f32, not the other half.
func.func @a3(%q: tensor<1x2x5x8xf16>, %k: tensor<1x2x7x8xf16>, %v: tensor<1x2x7x4xf16>, %mask: tensor<5x7xbf16>) -> tensor<1x2x5x4xf16> {
  // expected-error @+2 {{(A3) the mask 'tensor<5x7xbf16>' does not broadcast to the scores, or is neither of the operands' type nor f32}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = "graph.attention"(%q, %k, %v, %mask) <{scale = 1.0 : f64, sequence_first = array<i1: false, false, false, false>}> : (tensor<1x2x5x8xf16>, tensor<1x2x7x8xf16>, tensor<1x2x7x4xf16>, tensor<5x7xbf16>) -> tensor<1x2x5x4xf16>
  return %0 : tensor<1x2x5x4xf16>
}

// -----

func.func @a4(%q: tensor<1x2x5x8xf32>, %k: tensor<1x2x7x8xf32>, %v: tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32> {
  // expected-error @+2 {{(A4) expected sequence_first of q, k, v and the result, found 2 entries}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = "graph.attention"(%q, %k, %v) <{scale = 1.0 : f64, sequence_first = array<i1: false, false>}> : (tensor<1x2x5x8xf32>, tensor<1x2x7x8xf32>, tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32>
  return %0 : tensor<1x2x5x4xf32>
}

// -----

func.func @a5(%q: tensor<1x2x5x8xf32>, %k: tensor<1x2x7x8xf32>, %v: tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32> {
  // expected-error @+2 {{(A5) parts of 0 keys}}
  // expected-error @+1 {{failed to infer returned types}}
  %0:2 = "graph.attention"(%q, %k, %v) <{scale = 1.0 : f64, keys_of_part = 0 : i64}> : (tensor<1x2x5x8xf32>, tensor<1x2x7x8xf32>, tensor<1x2x7x4xf32>) -> (tensor<1x2x5x4xf32>, tensor<1x2x5x1xf32>)
  return %0#0 : tensor<1x2x5x4xf32>
}
