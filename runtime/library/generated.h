// What generated CUDA kernels compute of the library operations: by their types alone, whatever the sizes and strides.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "ir/plan/library.pb.h"
#include "ir/plan/plan.pb.h"

namespace plimsoll::runtime {

inline constexpr int64_t kFewQueries = 4;  // of attention: up to here each is a block's own

// OK where there is a kernel for operands of these types: matmul and convolution of f32, f64, f16, bf16, and of 8-bit
// integers to 32 bits; pooling of the former; recurrent nets; packing. Attention: where one kernel gains over products
// and a softmax on the target. Attention's gradient: of f32, f16 and bf16, mixed or not, heads of up to 256 elements.
// kUnimplemented for others, which the compiler says otherwise (products as multiplications and sums, poolings in f32).
absl::Status CheckGenerated(const plan::LibraryOp& op, const plan::Target& target);

}  // namespace plimsoll::runtime
