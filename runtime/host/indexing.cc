// gather_nd, scatter_elements, scatter_nd, tensor_scatter.
#include <algorithm>
#include <cstring>

#include "runtime/host/elements.h"
#include "runtime/host/families.h"
#include "runtime/host/shapes.h"

namespace plimsoll::runtime {
namespace {

size_t ElementBytes(const HostTensor& tensor) { return static_cast<size_t>(plan::ElementSize(tensor.dtype)); }

void CopyWhole(const HostTensor& from, const HostTensor& to) {
  const size_t bytes = static_cast<size_t>(from.count()) * ElementBytes(from);
  if (from.data != to.data && bytes > 0) std::memmove(to.data, from.data, bytes);
}

// Puts `count` elements of `updates`, from element `from` on, to elements from `to` on of `output`.
using Put = void (*)(const HostTensor& output, int64_t to, const HostTensor& updates, int64_t from, int64_t count);

template <typename T, typename Reduce>
void PutReduced(const HostTensor& output, int64_t to, const HostTensor& updates, int64_t from, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    T& element = output.as<T>()[to + i];
    element = T(static_cast<Compute<T>>(
        Reduce()(static_cast<Compute<T>>(element), static_cast<Compute<T>>(updates.as<T>()[from + i]))));
  }
}

void PutBytes(const HostTensor& output, int64_t to, const HostTensor& updates, int64_t from, int64_t count) {
  const size_t size = ElementBytes(output);
  std::memcpy(output.data + static_cast<size_t>(to) * size, updates.data + static_cast<size_t>(from) * size,
              static_cast<size_t>(count) * size);
}

struct Plus { template <typename T> T operator()(T a, T b) const { return static_cast<T>(a + b); } };
struct Times { template <typename T> T operator()(T a, T b) const { return static_cast<T>(a * b); } };
struct Most { template <typename T> T operator()(T a, T b) const { return std::max(a, b); } };
struct Least { template <typename T> T operator()(T a, T b) const { return std::min(a, b); } };

absl::StatusOr<Put> PutOf(const std::string& reduction, plan::DataType dtype) {
  if (reduction == "none") return Put(&PutBytes);
  Put put = nullptr;
  absl::Status status = ForNumbers(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (reduction == "add") put = &PutReduced<T, Plus>;
    if (reduction == "mul") put = &PutReduced<T, Times>;
    if (reduction == "max") put = &PutReduced<T, Most>;
    if (reduction == "min") put = &PutReduced<T, Least>;
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  if (put == nullptr) return absl::InvalidArgumentError(absl::StrCat("no reduction '", reduction, "'"));
  return put;
}

absl::Status ScatterElements(HostCallContext& c) {
  if (absl::Status status = c.Expect(3, 1); !status.ok()) return status;
  const HostTensor &data = c.input(0), &indices = c.input(1), &updates = c.input(2), &output = c.output(0);
  auto axis = Axis(c.Int("axis", 0), data.rank());
  if (!axis.ok()) return axis.status();
  if (absl::Status status = ExpectIndices(indices); !status.ok()) return status;
  auto put = PutOf(c.String("reduction", "none"), data.dtype);
  if (!put.ok()) return put.status();
  if (indices.dims != updates.dims || indices.rank() != data.rank() || updates.dtype != data.dtype) {
    return BadShape("scatter_elements: indices, updates and data differ in rank, shape or type");
  }
  for (int i = 0; i < data.rank(); ++i) {
    if (i != *axis && indices.dims[i] > data.dims[i]) return BadShape("scatter_elements: indices exceed data");
  }
  if (absl::Status status = c.SetDims(0, data.dims); !status.ok()) return status;
  CopyWhole(data, output);
  if (indices.count() == 0) return absl::OkStatus();
  const Dims strides = RowMajor(data.dims);
  Dims index(indices.dims.size(), 0);
  int64_t from = 0;
  do {
    auto at = Checked(IndexAt(indices, from), data.dims[*axis]);
    if (!at.ok()) return at.status();
    int64_t to = 0;
    for (size_t i = 0; i < index.size(); ++i) {
      to += (static_cast<int64_t>(i) == *axis ? *at : index[i]) * strides[i];
    }
    (*put)(output, to, updates, from++, 1);
  } while (Advance(index, indices.dims));
  return absl::OkStatus();
}

// The first element of the slice that index tuple number `tuple` of `depth` numbers names, in dims[first, first+depth).
absl::StatusOr<int64_t> SliceStart(const HostTensor& indices, int64_t tuple, int64_t depth, const Dims& dims,
                                   size_t first, const Dims& strides) {
  int64_t start = 0;
  for (int64_t k = 0; k < depth; ++k) {
    auto at = Checked(IndexAt(indices, tuple * depth + k), dims[first + k]);
    if (!at.ok()) return at.status();
    start += *at * strides[first + k];
  }
  return start;
}

absl::Status ScatterNd(HostCallContext& c) {
  if (absl::Status status = c.Expect(3, 1); !status.ok()) return status;
  const HostTensor &data = c.input(0), &indices = c.input(1), &updates = c.input(2), &output = c.output(0);
  if (absl::Status status = ExpectIndices(indices); !status.ok()) return status;
  auto put = PutOf(c.String("reduction", "none"), data.dtype);
  if (!put.ok()) return put.status();
  if (indices.rank() < 1 || indices.dims.back() > data.rank() || updates.dtype != data.dtype) {
    return BadShape("scatter_nd: indices reach deeper than data, or types differ");
  }
  const int64_t depth = indices.dims.back();
  const int64_t tuples = Product(indices.dims, 0, indices.dims.size() - 1);
  const int64_t slice = Product(data.dims, static_cast<size_t>(depth), data.dims.size());
  if (updates.count() != tuples * slice) return BadShape("scatter_nd: updates do not match indices and data");
  if (absl::Status status = c.SetDims(0, data.dims); !status.ok()) return status;
  CopyWhole(data, output);
  const Dims strides = RowMajor(data.dims);
  for (int64_t i = 0; i < tuples; ++i) {
    auto start = SliceStart(indices, i, depth, data.dims, 0, strides);
    if (!start.ok()) return start.status();
    if (slice > 0) (*put)(output, *start, updates, i * slice, slice);
  }
  return absl::OkStatus();
}

absl::Status GatherNd(HostCallContext& c) {
  if (absl::Status status = c.Expect(2, 1); !status.ok()) return status;
  const HostTensor &data = c.input(0), &indices = c.input(1), &output = c.output(0);
  if (absl::Status status = ExpectIndices(indices); !status.ok()) return status;
  const int64_t batch_dims = c.Int("batch_dims", 0);
  if (indices.rank() < 1 || batch_dims < 0 || batch_dims >= indices.rank() ||
      batch_dims + indices.dims.back() > data.rank()) {
    return BadShape("gather_nd: indices reach deeper than data");
  }
  const size_t first = static_cast<size_t>(batch_dims);
  for (size_t i = 0; i < first; ++i) {
    if (indices.dims[i] != data.dims[i]) return BadShape("gather_nd: batch dimensions differ");
  }
  const int64_t depth = indices.dims.back();
  const int64_t batches = Product(data.dims, 0, first);
  const int64_t tuples = Product(indices.dims, first, indices.dims.size() - 1);
  const int64_t slice = Product(data.dims, first + static_cast<size_t>(depth), data.dims.size());
  const int64_t batch_stride = Product(data.dims, first, data.dims.size());
  Dims dims(indices.dims.begin(), indices.dims.end() - 1);
  dims.insert(dims.end(), data.dims.begin() + batch_dims + depth, data.dims.end());
  if (absl::Status status = c.SetDims(0, dims); !status.ok()) return status;
  const Dims strides = RowMajor(data.dims);
  for (int64_t i = 0; i < batches * tuples; ++i) {
    auto start = SliceStart(indices, i, depth, data.dims, first, strides);
    if (!start.ok()) return start.status();
    if (slice > 0) PutBytes(output, i * slice, data, i / tuples * batch_stride + *start, slice);
  }
  return absl::OkStatus();
}

// Writes `update` into a cache along the sequence axis, at write_indices[batch].
absl::Status TensorScatter(HostCallContext& c) {
  if (absl::Status status = c.Expect(2, 1); !status.ok()) return status;
  const HostTensor &cache = c.input(0), &update = c.input(1), &output = c.output(0);
  auto axis = Axis(c.Int("axis", -2), cache.rank());
  if (!axis.ok()) return axis.status();
  if (*axis == 0 || update.rank() != cache.rank() || update.dtype != cache.dtype) {
    return BadShape("tensor_scatter: update and cache differ in rank or type, or the axis is the batch");
  }
  for (int i = 0; i < cache.rank(); ++i) {
    if (i != *axis && update.dims[i] != cache.dims[i]) return BadShape("tensor_scatter: update and cache differ in shape");
  }
  const bool indexed = c.has_input(2);
  if (indexed) {
    if (absl::Status status = ExpectIndices(c.input(2)); !status.ok()) return status;
    if (c.input(2).count() != cache.dims[0]) return BadShape("tensor_scatter: one write index a batch is expected");
  }
  const bool circular = c.String("mode", "linear") == "circular";
  if (absl::Status status = c.SetDims(0, cache.dims); !status.ok()) return status;
  CopyWhole(cache, output);
  const AxisView to = ViewAlong(cache.dims, *axis), from = ViewAlong(update.dims, *axis);
  if (update.count() == 0) return absl::OkStatus();
  const int64_t rows_per_batch = to.outer / cache.dims[0];
  for (int64_t outer = 0; outer < to.outer; ++outer) {
    const int64_t start = indexed ? IndexAt(c.input(2), outer / rows_per_batch) : 0;
    if (start < 0) return BadShape("tensor_scatter: a negative write index");
    for (int64_t i = 0; i < from.size; ++i) {
      const int64_t at = circular ? (start + i) % to.size : start + i;
      if (at >= to.size) return BadShape("tensor_scatter: the update reaches beyond the cache");
      PutBytes(output, (outer * to.size + at) * to.inner, update, (outer * from.size + i) * from.inner, to.inner);
    }
  }
  return absl::OkStatus();
}

constexpr NamedHostFunction kFunctions[] = {
    {"gather_nd", &GatherNd},
    {"scatter_elements", &ScatterElements},
    {"scatter_nd", &ScatterNd},
    {"tensor_scatter", &TensorScatter},
};

}  // namespace

absl::Span<const NamedHostFunction> IndexingFunctions() { return kFunctions; }

}  // namespace plimsoll::runtime
