// RUN: plimsoll-opt %s -plimsoll-split-keys -split-input-file | FileCheck %s

// One query to many keys: parts of the keys, in f32, weighted by their shares of the sum of exponentials.
// CHECK-LABEL: func.func @decode
// CHECK: %[[PARTS:.*]], %[[STATS:.*]] = "graph.attention"(%arg0, %arg1, %arg2, %arg3) <{keys_of_part = [[KEYS:[0-9]+]] : i64, {{.*}}zero_if_nan = true}> : {{.*}} -> (tensor<[[P:[0-9]+]]x8x1x128xf32>, tensor<[[P]]x8x1x1xf32>)
// CHECK: %[[S:.*]] = graph.reshape %[[STATS]] : {{.*}} -> tensor<[[P]]x8xf32>
// CHECK: %[[SHARES:.*]] = graph.softmax %[[S]] {axis = 0 : i64
// CHECK-NOT: is_nan
// CHECK: %[[O:.*]] = graph.reshape %[[PARTS]] : {{.*}} -> tensor<[[P]]x8x128xf32>
// CHECK: %[[W:.*]] = graph.reshape %[[SHARES]] : {{.*}} -> tensor<[[P]]x8x1xf32>
// CHECK: %[[M:.*]] = graph.mul %[[O]], %[[W]]
// CHECK: %[[SUM:.*]] = graph.reduce <sum> %[[M]] over [0]
// CHECK: %[[C:.*]] = graph.cast %[[SUM]] : tensor<8x128xf32> -> tensor<8x128xf16>
// CHECK: %[[R:.*]] = graph.reshape %[[C]] : tensor<8x128xf16> -> tensor<1x8x1x128xf16>
// CHECK: return %[[R]]
func.func @decode(%q: tensor<1x8x1x128xf16>, %k: tensor<1x2x65536x128xf16>, %v: tensor<1x2x65536x128xf16>, %mask: tensor<65536xf16>) -> tensor<1x8x1x128xf16> {
  %0 = "graph.attention"(%q, %k, %v, %mask) <{scale = 0.125 : f64}> : (tensor<1x8x1x128xf16>, tensor<1x2x65536x128xf16>, tensor<1x2x65536x128xf16>, tensor<65536xf16>) -> tensor<1x8x1x128xf16>
  return %0 : tensor<1x8x1x128xf16>
}

// -----

// A row of which nothing may be seen stays zeros; the result's exchange of heads and queries comes last.
// CHECK-LABEL: func.func @exchanged
// CHECK: sequence_first = array<i1: true, true, true, false>
// CHECK: %[[SHARES:.*]] = graph.softmax
// CHECK: %[[NAN:.*]] = graph.is_nan %[[SHARES]]
// CHECK: graph.select %[[NAN]]
// CHECK: graph.transpose {{.*}} by [0, 2, 1, 3] : tensor<1x2x3x64xf32> -> tensor<1x3x2x64xf32>
func.func @exchanged(%q: tensor<1x3x2x64xf32>, %k: tensor<1x30000x2x64xf32>, %v: tensor<1x30000x2x64xf32>) -> tensor<1x3x2x64xf32> {
  %0 = "graph.attention"(%q, %k, %v) <{scale = 0.125 : f64, sequence_first = array<i1: true, true, true, true>, zero_if_nan = true}> : (tensor<1x3x2x64xf32>, tensor<1x30000x2x64xf32>, tensor<1x30000x2x64xf32>) -> tensor<1x3x2x64xf32>
  return %0 : tensor<1x3x2x64xf32>
}

// -----

// Few keys, and rows enough for every multiprocessor.
// CHECK-LABEL: func.func @whole
// CHECK-NOT: keys_of_part
func.func @whole(%q: tensor<1x8x1x64xf32>, %k: tensor<1x8x100x64xf32>, %q2: tensor<64x16x1x64xf16>, %k2: tensor<64x16x9000x64xf16>) -> (tensor<1x8x1x64xf32>, tensor<64x16x1x64xf16>) {
  %0 = "graph.attention"(%q, %k, %k) <{scale = 1.0 : f64}> : (tensor<1x8x1x64xf32>, tensor<1x8x100x64xf32>, tensor<1x8x100x64xf32>) -> tensor<1x8x1x64xf32>
  %1 = "graph.attention"(%q2, %k2, %k2) <{scale = 1.0 : f64}> : (tensor<64x16x1x64xf16>, tensor<64x16x9000x64xf16>, tensor<64x16x9000x64xf16>) -> tensor<64x16x1x64xf16>
  return %0, %1 : tensor<1x8x1x64xf32>, tensor<64x16x1x64xf16>
}
