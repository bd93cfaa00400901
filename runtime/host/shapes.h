// Index arithmetic and operand reading that the host functions share.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/host/host_function.h"

namespace plimsoll::runtime {

using Dims = std::vector<int64_t>;

// Product of dims[begin, end).
int64_t Product(const Dims& dims, size_t begin, size_t end);
inline int64_t Product(const Dims& dims) { return Product(dims, 0, dims.size()); }
Dims RowMajor(const Dims& dims);

// Next index in row-major order; false after the last one. Not for shapes of no elements.
bool Advance(Dims& index, const Dims& dims);

// A negative axis counts from the end. kInvalidArgument outside [-rank, rank).
absl::StatusOr<int64_t> Axis(int64_t axis, int rank);

// Element i of an i32 or i64 tensor as an index.
int64_t IndexAt(const HostTensor& tensor, int64_t i);
absl::Status ExpectIndices(const HostTensor& tensor);
// A negative index counts from the end. kInvalidArgument outside [-size, size).
absl::StatusOr<int64_t> Checked(int64_t index, int64_t size);

// The single element of a number tensor, as a double.
absl::StatusOr<double> Scalar(const HostTensor& tensor);
// All elements of a float tensor, as doubles.
absl::StatusOr<std::vector<double>> ToDoubles(const HostTensor& tensor);
absl::Status FromDoubles(const std::vector<double>& values, const HostTensor& tensor);

// A tensor seen as [outer, size of an axis, inner].
struct AxisView {
  int64_t outer = 1, size = 1, inner = 1;
};
AxisView ViewAlong(const Dims& dims, int64_t axis);

inline absl::Status BadShape(const char* what) { return absl::InvalidArgumentError(what); }

}  // namespace plimsoll::runtime
