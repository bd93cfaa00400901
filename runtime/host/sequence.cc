// reverse_sequence, cum_sum, cum_prod: along one axis.
#include <cstring>

#include "runtime/host/elements.h"
#include "runtime/host/families.h"
#include "runtime/host/shapes.h"

namespace plimsoll::runtime {
namespace {

absl::Status ReverseSequence(HostCallContext& c) {
  if (absl::Status status = c.Expect(2, 1); !status.ok()) return status;
  const HostTensor &x = c.input(0), &lengths = c.input(1);
  const int64_t batch_axis = c.Int("batch_axis", 1), time_axis = c.Int("time_axis", 0);
  if (x.rank() < 2 || batch_axis + time_axis != 1 || batch_axis * time_axis != 0) {
    return BadShape("reverse_sequence: batch and time are the first two axes");
  }
  if (absl::Status status = ExpectIndices(lengths); !status.ok()) return status;
  const int64_t batches = x.dims[batch_axis], times = x.dims[time_axis];
  if (lengths.count() != batches) return BadShape("reverse_sequence: one length a batch is expected");
  if (absl::Status status = c.SetDims(0, x.dims); !status.ok()) return status;
  const size_t bytes = static_cast<size_t>(plan::ElementSize(x.dtype) * Product(x.dims, 2, x.dims.size()));
  for (int64_t b = 0; b < batches; ++b) {
    const int64_t length = IndexAt(lengths, b);
    if (length < 0 || length > times) return BadShape("reverse_sequence: a length outside of the time axis");
    for (int64_t t = 0; t < times && bytes > 0; ++t) {
      const int64_t from_t = t < length ? length - 1 - t : t;
      const int64_t to = batch_axis == 0 ? b * times + t : t * batches + b;
      const int64_t from = batch_axis == 0 ? b * times + from_t : from_t * batches + b;
      std::memcpy(c.output(0).data + static_cast<size_t>(to) * bytes, x.data + static_cast<size_t>(from) * bytes, bytes);
    }
  }
  return absl::OkStatus();
}

template <bool kProduct>
absl::Status Cumulative(HostCallContext& c) {
  if (absl::Status status = c.Expect(2, 1); !status.ok()) return status;
  const HostTensor& x = c.input(0);
  if (absl::Status status = ExpectIndices(c.input(1)); !status.ok()) return status;
  if (c.input(1).count() != 1) return BadShape("a cumulative operation has one axis");
  auto axis = Axis(IndexAt(c.input(1), 0), x.rank());
  if (!axis.ok()) return axis.status();
  if (absl::Status status = c.SetDims(0, x.dims); !status.ok()) return status;
  const bool exclusive = c.Int("exclusive", 0) != 0, reverse = c.Int("reverse", 0) != 0;
  const AxisView view = ViewAlong(x.dims, *axis);
  return ForNumbers(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t outer = 0; outer < view.outer; ++outer) {
      for (int64_t inner = 0; inner < view.inner; ++inner) {
        auto total = static_cast<Compute<T>>(kProduct ? 1 : 0);
        for (int64_t i = 0; i < view.size; ++i) {
          const int64_t at = (outer * view.size + (reverse ? view.size - 1 - i : i)) * view.inner + inner;
          const auto value = static_cast<Compute<T>>(x.as<T>()[at]);
          const auto next = static_cast<Compute<T>>(kProduct ? total * value : total + value);
          c.output(0).template as<T>()[at] = T(exclusive ? total : next);
          total = next;
        }
      }
    }
    return absl::OkStatus();
  });
}

constexpr NamedHostFunction kFunctions[] = {
    {"cum_prod", &Cumulative<true>},
    {"cum_sum", &Cumulative<false>},
    {"cumsum", &Cumulative<false>},
    {"reverse_sequence", &ReverseSequence},
};

}  // namespace

absl::Span<const NamedHostFunction> SequenceFunctions() { return kFunctions; }

}  // namespace plimsoll::runtime
