// top_k, non_zero, unique, compress: which elements there are.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "runtime/host/elements.h"
#include "runtime/host/families.h"
#include "runtime/host/shapes.h"

namespace plimsoll::runtime {
namespace {

// A total order: NaN comes after all numbers.
template <typename T>
bool Less(const T& a, const T& b) {
  const auto x = static_cast<Compute<T>>(a), y = static_cast<Compute<T>>(b);
  if constexpr (std::is_floating_point_v<Compute<T>>) {
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
  }
  return x < y;
}

absl::Status TopK(HostCallContext& c) {
  if (absl::Status status = c.Expect(1, 2); !status.ok()) return status;
  const HostTensor& x = c.input(0);
  auto axis = Axis(c.Int("axis", -1), x.rank());
  if (!axis.ok()) return axis.status();
  int64_t k = c.Int("k", c.output(0).dims[*axis]);
  if (c.has_input(1)) {
    auto given = Scalar(c.input(1));
    if (!given.ok()) return given.status();
    k = static_cast<int64_t>(*given);
  }
  if (k < 0 || k > x.dims[*axis]) {
    return absl::InvalidArgumentError(absl::StrCat("top_k: ", k, " of ", x.dims[*axis], " elements"));
  }
  Dims dims = x.dims;
  dims[*axis] = k;
  for (int i = 0; i < 2; ++i) {
    if (absl::Status status = c.SetDims(i, dims); !status.ok()) return status;
  }
  const bool largest = c.Int("largest", 1) != 0;
  const AxisView view = ViewAlong(x.dims, *axis);
  return ForNumbers(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    std::vector<int64_t> order(static_cast<size_t>(view.size));
    for (int64_t outer = 0; outer < view.outer; ++outer) {
      for (int64_t inner = 0; inner < view.inner; ++inner) {
        const T* data = x.as<T>() + outer * view.size * view.inner + inner;
        auto value = [&](int64_t i) -> const T& { return data[i * view.inner]; };
        std::iota(order.begin(), order.end(), 0);
        std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t a, int64_t b) {
          if (largest ? Less(value(b), value(a)) : Less(value(a), value(b))) return true;
          if (largest ? Less(value(a), value(b)) : Less(value(b), value(a))) return false;
          return a < b;
        });
        for (int64_t i = 0; i < k; ++i) {
          const int64_t to = (outer * k + i) * view.inner + inner;
          c.output(0).as<T>()[to] = value(order[i]);
          c.output(1).as<int64_t>()[to] = order[i];
        }
      }
    }
    return absl::OkStatus();
  });
}

absl::Status NonZero(HostCallContext& c) {
  if (absl::Status status = c.Expect(1, 1); !status.ok()) return status;
  const HostTensor& x = c.input(0);
  std::vector<int64_t> found;
  absl::Status status = ForNumbers(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const int64_t count = x.count();
    for (int64_t i = 0; i < count; ++i) {
      if (static_cast<Compute<T>>(x.as<T>()[i]) != 0) found.push_back(i);
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  const int64_t n = static_cast<int64_t>(found.size());
  if (status = c.SetDims(0, {x.rank(), n}); !status.ok()) return status;
  for (int64_t i = 0; i < n; ++i) {
    int64_t rest = found[i];
    for (int d = x.rank() - 1; d >= 0; --d) {
      c.output(0).as<int64_t>()[d * n + i] = rest % x.dims[d];
      rest /= x.dims[d];
    }
  }
  return absl::OkStatus();
}

absl::Status Unique(HostCallContext& c) {
  if (absl::Status status = c.Expect(1, 1); !status.ok()) return status;
  const HostTensor& x = c.input(0);
  const bool flat = !c.has_attribute("axis");
  AxisView view{1, x.count(), 1};
  if (!flat) {
    auto axis = Axis(c.Int("axis", 0), x.rank());
    if (!axis.ok()) return axis.status();
    view = ViewAlong(x.dims, *axis);
  }
  // Items are the slices along the axis.
  std::vector<int64_t> order(static_cast<size_t>(view.size));
  std::iota(order.begin(), order.end(), 0);
  std::vector<int64_t> first, inverse(order.size()), counts;  // by unique item
  absl::Status status = ForNumbers(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto compare = [&](int64_t a, int64_t b) {
      for (int64_t outer = 0; outer < view.outer; ++outer) {
        for (int64_t inner = 0; inner < view.inner; ++inner) {
          const T& u = x.as<T>()[(outer * view.size + a) * view.inner + inner];
          const T& v = x.as<T>()[(outer * view.size + b) * view.inner + inner];
          if (Less(u, v)) return -1;
          if (Less(v, u)) return 1;
        }
      }
      return 0;
    };
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return compare(a, b) < 0; });
    for (size_t i = 0; i < order.size(); ++i) {
      if (i == 0 || compare(order[i - 1], order[i]) != 0) {
        first.push_back(order[i]);
        counts.push_back(0);
      }
      inverse[order[i]] = static_cast<int64_t>(first.size()) - 1;
      ++counts.back();
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  if (c.Int("sorted", 1) == 0) {  // in the order of first occurrence
    std::vector<int64_t> by_first(first.size()), rank(first.size());
    std::iota(by_first.begin(), by_first.end(), 0);
    std::sort(by_first.begin(), by_first.end(), [&](int64_t a, int64_t b) { return first[a] < first[b]; });
    std::vector<int64_t> first_then, counts_then;
    for (size_t i = 0; i < by_first.size(); ++i) {
      rank[by_first[i]] = static_cast<int64_t>(i);
      first_then.push_back(first[by_first[i]]);
      counts_then.push_back(counts[by_first[i]]);
    }
    first = first_then;
    counts = counts_then;
    for (int64_t& item : inverse) item = rank[item];
  }
  const int64_t n = static_cast<int64_t>(first.size());
  Dims dims = flat ? Dims{n} : x.dims;
  if (!flat) dims[*Axis(c.Int("axis", 0), x.rank())] = n;
  if (status = c.SetDims(0, dims); !status.ok()) return status;
  const size_t bytes = static_cast<size_t>(plan::ElementSize(x.dtype) * view.inner);
  for (int64_t outer = 0; outer < view.outer && bytes > 0; ++outer) {
    for (int64_t i = 0; i < n; ++i) {
      std::memcpy(c.output(0).data + static_cast<size_t>(outer * n + i) * bytes,
                  x.data + static_cast<size_t>(outer * view.size + first[i]) * bytes, bytes);
    }
  }
  const std::vector<int64_t>* others[] = {&first, &inverse, &counts};
  for (int i = 0; i < 3; ++i) {
    if (!c.has_output(i + 1)) continue;
    if (status = c.SetDims(i + 1, {static_cast<int64_t>(others[i]->size())}); !status.ok()) return status;
    std::copy(others[i]->begin(), others[i]->end(), c.output(i + 1).as<int64_t>());
  }
  return absl::OkStatus();
}

absl::Status Compress(HostCallContext& c) {
  if (absl::Status status = c.Expect(2, 1); !status.ok()) return status;
  const HostTensor &x = c.input(0), &condition = c.input(1);
  const bool flat = !c.has_attribute("axis");
  AxisView view{1, x.count(), 1};
  int64_t at = 0;
  if (!flat) {
    auto axis = Axis(c.Int("axis", 0), x.rank());
    if (!axis.ok()) return axis.status();
    at = *axis;
    view = ViewAlong(x.dims, at);
  }
  if (condition.dtype != plan::BOOL || condition.count() > view.size) return BadShape("compress: a condition too long");
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < condition.count(); ++i) {
    if (condition.as<uint8_t>()[i] != 0) kept.push_back(i);
  }
  const int64_t n = static_cast<int64_t>(kept.size());
  Dims dims = flat ? Dims{n} : x.dims;
  if (!flat) dims[at] = n;
  if (absl::Status status = c.SetDims(0, dims); !status.ok()) return status;
  const size_t bytes = static_cast<size_t>(plan::ElementSize(x.dtype) * view.inner);
  for (int64_t outer = 0; outer < view.outer && bytes > 0; ++outer) {
    for (int64_t i = 0; i < n; ++i) {
      std::memcpy(c.output(0).data + static_cast<size_t>(outer * n + i) * bytes,
                  x.data + static_cast<size_t>(outer * view.size + kept[i]) * bytes, bytes);
    }
  }
  return absl::OkStatus();
}

constexpr NamedHostFunction kFunctions[] = {
    {"compress", &Compress},
    {"non_zero", &NonZero},
    {"top_k", &TopK},
    {"unique", &Unique},
};

}  // namespace

absl::Span<const NamedHostFunction> SelectionFunctions() { return kFunctions; }

}  // namespace plimsoll::runtime
