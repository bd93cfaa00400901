// RUN: plimsoll-opt %s -plimsoll-select | FileCheck %s

// CHECK-LABEL: func.func @dot
// CHECK: "graph.dot_general"
// CHECK-SAME: plimsoll.workspace_bytes = 0 : i64
func.func @dot(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) -> tensor<4x8xf32> {
  %0 = "graph.dot_general"(%x, %w) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0>}> : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
