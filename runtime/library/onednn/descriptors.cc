#include "runtime/library/onednn/descriptors.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::onednn {

absl::StatusOr<dnnl::memory::data_type> DataTypeOf(plan::DataType dtype) {
  switch (dtype) {
    case plan::F32: return dnnl::memory::data_type::f32;
    case plan::BF16: return dnnl::memory::data_type::bf16;
    case plan::F16: return dnnl::memory::data_type::f16;
    case plan::I32: return dnnl::memory::data_type::s32;
    case plan::I8: return dnnl::memory::data_type::s8;
    case plan::U8: return dnnl::memory::data_type::u8;
    default: return absl::UnimplementedError(absl::StrCat("oneDNN has no element type ", plan::DataType_Name(dtype)));
  }
}

Dims DimsOf(const plan::MemoryDesc& desc) { return Dims(desc.dims().begin(), desc.dims().end()); }

Dims DenseStrides(const Dims& dims) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<int64_t>(dims[i], 1);
  }
  return strides;
}

absl::StatusOr<Dims> StridesOf(const plan::MemoryDesc& desc) {
  for (int64_t dim : desc.dims()) {
    if (dim < 0) return absl::InvalidArgumentError(absl::StrCat("a memory description has the size ", dim));
  }
  if (desc.strides().empty()) return DenseStrides(DimsOf(desc));
  if (desc.strides_size() != desc.dims_size()) {
    return absl::InvalidArgumentError(absl::StrCat("a memory description has ", desc.dims_size(), " dims and ",
                                                   desc.strides_size(), " strides"));
  }
  for (int64_t stride : desc.strides()) {
    if (stride < 0) return absl::InvalidArgumentError(absl::StrCat("a memory description has the stride ", stride));
  }
  Dims strides(desc.strides().begin(), desc.strides().end());
  for (size_t i = strides.size(); i-- > 0;) {  // oneDNN refuses 0 even where the stride means nothing
    if (strides[i] != 0 || desc.dims(static_cast<int>(i)) > 1) continue;
    strides[i] = i + 1 < strides.size() ? strides[i + 1] * std::max<int64_t>(1, desc.dims(static_cast<int>(i) + 1)) : 1;
  }
  return strides;
}

int64_t ElementCount(const Dims& dims) {
  int64_t count = 1;
  for (int64_t dim : dims) count *= dim;
  return count;
}

absl::StatusOr<dnnl::memory::desc> PlainDesc(const plan::MemoryDesc& desc, int rank) {
  auto dtype = DataTypeOf(desc.dtype());
  if (!dtype.ok()) return dtype.status();
  auto strides = StridesOf(desc);
  if (!strides.ok()) return strides.status();
  Dims dims = DimsOf(desc);
  if (rank == 0) rank = static_cast<int>(dims.size());
  if (static_cast<int>(dims.size()) > rank) {
    return absl::InvalidArgumentError(
        absl::StrCat("a memory description of rank ", dims.size(), " where at most ", rank, " is possible"));
  }
  const int64_t outer = dims.empty() ? 1 : std::max<int64_t>(1, dims[0]) * std::max<int64_t>(1, (*strides)[0]);
  while (static_cast<int>(dims.size()) < rank) {
    dims.insert(dims.begin(), 1);
    strides->insert(strides->begin(), outer);
  }
  return dnnl::memory::desc(dims, *dtype, *strides);
}

dnnl::memory::desc AnyLayout(const dnnl::memory::desc& desc) {
  return dnnl::memory::desc(desc.get_dims(), desc.get_data_type(), dnnl::memory::format_tag::any);
}

bool HasZeroElements(const plan::MemoryDesc& desc) {
  return std::any_of(desc.dims().begin(), desc.dims().end(), [](int64_t dim) { return dim == 0; });
}

}  // namespace plimsoll::runtime::onednn
