// What the kernels of attention and of its gradient have in common.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compiler/codegen/cuda/library_kernel.h"

namespace plimsoll::codegen {

inline int64_t Tiles(int64_t count, int64_t size) { return (count + size - 1) / size; }

// How many neighbours along the last of four dims one access of at most 16 bytes may take.
int WidthOf(absl::Span<const int64_t> dims, absl::Span<const int64_t> strides, plan::DataType type, int most = 16);

// The description but for what the kernel is chosen by. kInvalidArgument: shapes that do not agree; kUnimplemented:
// types that there are no kernels for.
absl::StatusOr<device::Attention> DescribeAttention(const plan::Attention& op);
// kUnimplemented: heads of more elements than there are kernels for.
absl::Status CheckHeadSizes(const device::Attention& attention);

// The type that tensor cores take the operands as: halves of one type that come in pairs, f32 too where it may be
// rounded to TF32; empty: none.
std::string TensorTypeOf(const device::Attention& attention, const CudaTarget& target);

}  // namespace plimsoll::codegen
