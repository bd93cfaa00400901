// plan::MemoryDesc to oneDNN's descriptors.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "dnnl.hpp"
#include "ir/plan/library.pb.h"

namespace plimsoll::runtime::onednn {

using Dims = std::vector<int64_t>;  // dnnl::memory::dims

// kUnimplemented for element types that oneDNN lacks.
absl::StatusOr<dnnl::memory::data_type> DataTypeOf(plan::DataType dtype);

Dims DimsOf(const plan::MemoryDesc& desc);
Dims DenseStrides(const Dims& dims);
// desc.strides, or the dense row-major ones where it has none. kInvalidArgument for negative sizes or strides, or
// strides of another rank.
absl::StatusOr<Dims> StridesOf(const plan::MemoryDesc& desc);
int64_t ElementCount(const Dims& dims);

// The tensor where it lies, with leading dimensions of size 1 up to `rank` (0: its own rank).
absl::StatusOr<dnnl::memory::desc> PlainDesc(const plan::MemoryDesc& desc, int rank = 0);
// The same shape in any layout that the library likes.
dnnl::memory::desc AnyLayout(const dnnl::memory::desc& desc);

bool HasZeroElements(const plan::MemoryDesc& desc);

}  // namespace plimsoll::runtime::onednn
