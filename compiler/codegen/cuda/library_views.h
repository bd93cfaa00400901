// How library operations' tensors are seen by the device library's kernels: dims sorted onto axes, strides, widths of
// accesses.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compiler/codegen/cuda/device/description.h"
#include "ir/plan/library.pb.h"

namespace plimsoll::codegen {

// dims and strides of a tensor that is not packed, padded with leading dims of 1 to `rank`.
struct Tensor {
  plan::DataType dtype = plan::DATA_TYPE_UNDEFINED;
  std::vector<int64_t> dims, strides;
  int64_t elements() const;
};
// kInvalidArgument: strides that do not match the dims, negative sizes, a higher rank. kUnimplemented: packed, or more
// elements along a dim than 2^31.
absl::StatusOr<Tensor> TensorOf(const plan::MemoryDesc& desc, int rank = 0);

bool IsFloat(plan::DataType type);
bool IsInteger(plan::DataType type);
int BytesOf(plan::DataType type);

// What a kernel sums in: "f32", "f64", "u32", "u64". kUnimplemented for other types, or mixed ones.
absl::StatusOr<std::string> SumType(absl::Span<const plan::DataType> types);

// One axis of a description under construction and the strides of everything that runs along it.
struct AxisStrides {
  device::Axis* axis;
  std::vector<long long*> strides;  // arrays of kDims
  std::vector<int*> window_dims;    // dims that windows look at: these stay
};
// Appends a dim of `extent`; the arrays get `strides` in their order. kUnimplemented: there are kDims already.
absl::Status AddDim(AxisStrides& axis, int64_t extent, absl::Span<const int64_t> strides);
// Drops dims of one element, joins those that follow each other everywhere, and counts. kUnimplemented: 2^31 positions.
absl::Status Close(AxisStrides& axis);

// How many neighbouring positions of the axis one access may take: a power of two of at most `most` and 16 bytes.
// `others`: the tensor's strides along its other axes (multiples keep the address aligned).
int WidthAlong(const device::Axis& axis, const long long* strides, int bytes, int most,
               absl::Span<const std::pair<const device::Axis*, const long long*>> others,
               absl::Span<const device::Window> windows = {});

// The largest address of a tensor, in elements.
int64_t Span(const device::Axis& axis, const long long* strides);

// The strides of `tensor` broadcast to `dims`: 0 where it has one element. kInvalidArgument: it does not broadcast.
absl::StatusOr<std::vector<int64_t>> BroadcastStrides(const Tensor& tensor, absl::Span<const int64_t> dims,
                                                      const char* what);

// The epilogue of a contraction under construction: its views and the operands they belong to.
struct EpilogueBuilder {
  device::Epilogue* epilogue;
  std::vector<device::View*> views;           // bias, post-op operands, destination
  std::vector<std::vector<int64_t>> strides;  // of each, by the destination's dims
  int operands = 0;                           // all of the operation's
};
using PostOps = google::protobuf::RepeatedPtrField<plan::PostOp>;
// `first`: the number of the operand behind a and b; `zeros`: zero points, which come between the bias and the
// post-ops. `bias`: null if there is none.
absl::StatusOr<EpilogueBuilder> BuildEpilogue(const plan::MemoryDesc* bias, const PostOps& post_ops,
                                              const Tensor& destination, int first, int zeros, bool floating,
                                              device::Epilogue* epilogue);

// A window's way along one spatial dim: position p of the source is seen from position o of the destination at kernel
// element k where p * divisor = o * outer + k * inner + constant.
struct SpatialDim {
  int64_t outer = 1, inner = 1, constant = 0, divisor = 1, limit = 0, kernel = 1, result = 0;
  // One element that lies inside wherever it is: no window is needed.
  bool plain() const { return kernel == 1 && constant == 0 && divisor == 1 && (result - 1) * outer < limit; }
};
using Int64s = google::protobuf::RepeatedField<int64_t>;
// kInvalidArgument: lists of another length, strides or dilations below 1. kUnimplemented: positions beyond 31 bits.
absl::StatusOr<std::vector<SpatialDim>> SpatialDims(const Tensor& source, const Tensor& destination,
                                                    absl::Span<const int64_t> kernel, const Int64s& strides,
                                                    const Int64s& dilations, const Int64s& pads_begin,
                                                    const Int64s& pads_end, bool transposed);
device::Window WindowOf(const SpatialDim& dim, int64_t stride);

}  // namespace plimsoll::codegen
