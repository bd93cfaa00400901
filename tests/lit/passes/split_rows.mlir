// RUN: plimsoll-opt %s -plimsoll-split-rows="multiprocessors=108 bytes-per-second=1.555e12" -split-input-file | FileCheck %s

// A sum over everything: of 512 parts, then of these.
// CHECK-LABEL: func.func @sum
// CHECK-NEXT: %[[V:.*]] = graph.reshape %arg0 : tensor<1024x65536xf32> -> tensor<512x131072xf32>
// CHECK-NEXT: %[[P:.*]] = graph.reduce <sum> %[[V]] over [1] keep true : tensor<512x131072xf32> -> tensor<512x1xf32>
// CHECK-NEXT: %[[S:.*]] = graph.reduce <sum> %[[P]] over [0] keep true : tensor<512x1xf32> -> tensor<1x1xf32>
// CHECK-NEXT: %[[R:.*]] = graph.reshape %[[S]] : tensor<1x1xf32> -> tensor<f32>
// CHECK-NEXT: return %[[R]]
func.func @sum(%x: tensor<1024x65536xf32>) -> tensor<f32> {
  %0 = graph.reduce <sum> %x over [0, 1] keep false : tensor<1024x65536xf32> -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

// Halves are summed in f32, the parts too; the root is of the whole sum.
// CHECK-LABEL: func.func @l2
// CHECK: graph.cast %{{.*}} : tensor<[[S:[0-9x]*]]xf16> -> tensor<[[S]]xf32>
// CHECK: graph.reduce <sum_square> {{.*}}xf32>
// CHECK: graph.reduce <sum> {{.*}}xf32>
// CHECK: graph.sqrt {{.*}}xf32>
// CHECK: graph.cast {{.*}}xf32> -> {{.*}}xf16>
func.func @l2(%x: tensor<2x1048576xf16>) -> tensor<2xf16> {
  %0 = graph.reduce <l2> %x over [1] keep false : tensor<2x1048576xf16> -> tensor<2xf16>
  return %0 : tensor<2xf16>
}

// -----

// A prime length: the last part is shorter, and all parts begin aligned.
// CHECK-LABEL: func.func @prime
// CHECK: graph.slice %arg0 {sizes = array<i64: [[M:[0-9]*]]>, starts = array<i64: 0>
// CHECK: graph.reshape {{.*}} : tensor<[[M]]xf32> -> tensor<[[N:[0-9]*]]x{{.*}}xf32>
// CHECK: graph.reduce <max> {{.*}} -> tensor<[[N]]x1xf32>
// CHECK: graph.slice %arg0 {sizes = array<i64: [[T:[0-9]*]]>, starts = array<i64: [[M]]>
// CHECK: graph.reduce <max> %{{.*}} over [1] keep true : tensor<1x[[T]]xf32>
// CHECK: graph.concat
// CHECK: graph.reduce <max> %{{.*}} over [0]
func.func @prime(%x: tensor<1000003xf32>) -> tensor<f32> {
  %0 = graph.reduce <max> %x over [0] keep false : tensor<1000003xf32> -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

// Batch statistics: the longest of the reduced dims is cut, and memory is read along its parts.
// CHECK-LABEL: func.func @batch
// CHECK: %[[V:.*]] = graph.reshape %arg0 : tensor<16x8x112x112xf32> -> tensor<16x8x[[P:[0-9]*]]x[[Q:[0-9]*]]xf32>
// CHECK: graph.reduce <sum> %[[V]] over [0, 3] keep true : tensor<16x8x[[P]]x[[Q]]xf32> -> tensor<1x8x[[P]]x1xf32>
// CHECK: graph.reduce <sum> %{{.*}} over [2] keep true : tensor<1x8x[[P]]x1xf32> -> tensor<1x8x1x1xf32>
// CHECK: graph.div
func.func @batch(%x: tensor<16x8x112x112xf32>) -> tensor<8xf32> {
  %0 = graph.reduce <mean> %x over [0, 2, 3] keep false : tensor<16x8x112x112xf32> -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// Mean and squared deviations of each part; the parts' means count into the whole's deviations.
// CHECK-LABEL: func.func @group_norm
// CHECK: %[[V:.*]] = graph.reshape %arg0 : tensor<1x320x64x64xf32> -> tensor<32x10x4096xf32>
// CHECK: %[[MEANS:.*]] = graph.reduce <mean> %[[V]] over [2]
// CHECK: %[[D:.*]] = graph.sub %[[V]], %[[MEANS]]
// CHECK: %[[INSIDE:.*]] = graph.reduce <sum_square> %[[D]] over [2]
// CHECK: %[[MEAN:.*]] = graph.reduce <mean> %[[MEANS]] over [1]
// CHECK: %[[APART:.*]] = graph.sub %[[MEANS]], %[[MEAN]]
// CHECK: %[[SQUARES:.*]] = graph.mul %[[APART]], %[[APART]]
// CHECK: %[[BETWEEN:.*]] = graph.mul %[[SQUARES]],
// CHECK: %[[ALL:.*]] = graph.add %[[INSIDE]], %[[BETWEEN]]
// CHECK: graph.reduce <sum> %[[ALL]] over [1]
// CHECK: graph.rsqrt
// CHECK: graph.sub %arg0,
// CHECK-NOT: graph.group_norm
func.func @group_norm(%x: tensor<1x320x64x64xf32>, %s: tensor<320xf32>, %b: tensor<320xf32>) -> tensor<1x320x64x64xf32> {
  %0 = graph.group_norm %x, %s, %b {groups = 32 : i64, epsilon = 1.0e-5 : f64} : (tensor<1x320x64x64xf32>, tensor<320xf32>, tensor<320xf32>) -> tensor<1x320x64x64xf32>
  return %0 : tensor<1x320x64x64xf32>
}

// -----

// Sums of exponentials by the parts' own largest elements, 0 for parts of -inf alone.
// CHECK-LABEL: func.func @softmax
// CHECK: %[[MOST:.*]] = graph.reduce <max> %[[V:.*]] over [2]
// CHECK: %[[NOTHING:.*]] = graph.is_inf %[[MOST]] {positive = false}
// CHECK: %[[SHIFT:.*]] = graph.select %[[NOTHING]], %{{.*}}, %[[MOST]]
// CHECK: graph.sub %[[V]], %[[SHIFT]]
// CHECK: %[[ALL:.*]] = graph.reduce <max> %[[MOST]] over [1]
// CHECK: %[[LESS:.*]] = graph.sub %[[MOST]], %[[ALL]]
// CHECK: %[[W:.*]] = graph.exp %[[LESS]]
// CHECK: graph.mul %{{.*}}, %[[W]]
func.func @softmax(%x: tensor<4x128256xf32>) -> tensor<4x128256xf32> {
  %0 = graph.softmax %x {axis = 1 : i64} : tensor<4x128256xf32> -> tensor<4x128256xf32>
  return %0 : tensor<4x128256xf32>
}

// -----

// CHECK-LABEL: func.func @argmax
// CHECK: %[[I:.*]] = graph.arg_reduce %[[V:.*]] {axis = 2 : i64, keep_dims = true, largest = true, last = false}
// CHECK: %[[B:.*]] = graph.gather_elements %[[V]], %[[I]] along 2
// CHECK: %[[P:.*]] = graph.arg_reduce %[[B]] {axis = 1 : i64
// CHECK: graph.gather_elements %[[I]], %[[P]] along 1
func.func @argmax(%x: tensor<2x128256xf32>) -> tensor<2xi64> {
  %0 = graph.arg_reduce %x {largest = true, axis = 1 : i64, keep_dims = false, last = false} : tensor<2x128256xf32> -> tensor<2xi64>
  return %0 : tensor<2xi64>
}

// -----

// Where everything is reduced, an exchange of dims is of no matter.
// CHECK-LABEL: func.func @transposed
// CHECK-NEXT: graph.reshape %arg0
// CHECK-NEXT: graph.reduce <max>
func.func @transposed(%x: tensor<4096x1024xf32>) -> tensor<f32> {
  %0 = graph.transpose %x by [1, 0] : tensor<4096x1024xf32> -> tensor<1024x4096xf32>
  %1 = graph.reduce <max> %0 over [0, 1] keep false : tensor<1024x4096xf32> -> tensor<f32>
  return %1 : tensor<f32>
}

// -----

// Enough rows, short rows, integers that need not hold the number of elements, and what load computes stay.
// CHECK-LABEL: func.func @left
// CHECK-NEXT: graph.reduce <sum> %arg0 over [1]
// CHECK-NEXT: graph.reduce <sum> %arg1 over [1]
// CHECK-NEXT: graph.reduce <mean> %arg2 over [0]
// CHECK-NEXT: graph.weight
// CHECK-NEXT: graph.reduce <sum> %{{.*}} over [0]
// CHECK-NEXT: return
func.func @left(%many: tensor<256x65536xf32>, %short: tensor<8x4096xf32>, %bytes: tensor<4194304xi8>) -> (tensor<256xf32>, tensor<8xf32>, tensor<i8>, tensor<f32>) {
  %0 = graph.reduce <sum> %many over [1] keep false : tensor<256x65536xf32> -> tensor<256xf32>
  %1 = graph.reduce <sum> %short over [1] keep false : tensor<8x4096xf32> -> tensor<8xf32>
  %2 = graph.reduce <mean> %bytes over [0] keep false : tensor<4194304xi8> -> tensor<i8>
  %w = graph.weight 0 "w" : tensor<4194304xf32>
  %3 = graph.reduce <sum> %w over [0] keep false : tensor<4194304xf32> -> tensor<f32>
  return %0, %1, %2, %3 : tensor<256xf32>, tensor<8xf32>, tensor<i8>, tensor<f32>
}
