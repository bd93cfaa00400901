#include "runtime/host/shapes.h"

#include "absl/strings/str_cat.h"
#include "runtime/host/elements.h"

namespace plimsoll::runtime {

int64_t Product(const Dims& dims, size_t begin, size_t end) {
  int64_t product = 1;
  for (size_t i = begin; i < end; ++i) product *= dims[i];
  return product;
}

Dims RowMajor(const Dims& dims) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t i = dims.size(); i-- > 0; stride *= dims[i]) strides[i] = stride;
  return strides;
}

bool Advance(Dims& index, const Dims& dims) {
  for (size_t i = dims.size(); i-- > 0;) {
    if (++index[i] < dims[i]) return true;
    index[i] = 0;
  }
  return false;
}

absl::StatusOr<int64_t> Axis(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    return absl::InvalidArgumentError(absl::StrCat("axis ", axis, " of a tensor of rank ", rank));
  }
  return axis < 0 ? axis + rank : axis;
}

int64_t IndexAt(const HostTensor& tensor, int64_t i) {
  return tensor.dtype == plan::I32 ? tensor.as<int32_t>()[i] : tensor.as<int64_t>()[i];
}

absl::Status ExpectIndices(const HostTensor& tensor) {
  if (tensor.dtype == plan::I32 || tensor.dtype == plan::I64) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("indices of type ", plan::Name(tensor.dtype)));
}

absl::StatusOr<int64_t> Checked(int64_t index, int64_t size) {
  if (index < -size || index >= size) {
    return absl::InvalidArgumentError(absl::StrCat("index ", index, " is outside of a dimension of ", size));
  }
  return index < 0 ? index + size : index;
}

absl::StatusOr<double> Scalar(const HostTensor& tensor) {
  if (tensor.count() != 1) return absl::InvalidArgumentError("a tensor of one element was expected");
  double value = 0;
  absl::Status status = ForNumbers(tensor.dtype, [&](auto tag) {
    value = static_cast<double>(*tensor.as<typename decltype(tag)::type>());
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return value;
}

absl::StatusOr<std::vector<double>> ToDoubles(const HostTensor& tensor) {
  std::vector<double> values(static_cast<size_t>(tensor.count()));
  absl::Status status = ForNumbers(tensor.dtype, [&](auto tag) {
    const auto* data = tensor.as<typename decltype(tag)::type>();
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(data[i]);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return values;
}

absl::Status FromDoubles(const std::vector<double>& values, const HostTensor& tensor) {
  if (static_cast<int64_t>(values.size()) != tensor.count()) return BadShape("a result has another size than its output");
  return ForNumbers(tensor.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto* data = tensor.as<T>();
    for (size_t i = 0; i < values.size(); ++i) data[i] = T(static_cast<Compute<T>>(values[i]));
    return absl::OkStatus();
  });
}

AxisView ViewAlong(const Dims& dims, int64_t axis) {
  return {Product(dims, 0, static_cast<size_t>(axis)), dims[axis], Product(dims, static_cast<size_t>(axis) + 1, dims.size())};
}

}  // namespace plimsoll::runtime
