#include "runtime/collective/reduction.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "runtime/host/elements.h"

namespace plimsoll::runtime::collective {
namespace {

constexpr int64_t kChunk = 512;  // of elements: on the stack, in the first cache

// Integers are added as unsigned ones, which wrap.
template <typename T, typename = void>
struct Sum {
  using type = Compute<T>;
};
template <typename T>
struct Sum<T, std::enable_if_t<std::is_integral_v<T>>> {
  using type = std::make_unsigned_t<T>;
};

template <typename T>
T Largest(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return std::fmax(a, b);
  return std::max(a, b);
}
template <typename T>
T Least(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return std::fmin(a, b);
  return std::min(a, b);
}

template <typename T, typename Value, typename Combine, typename Finish>
void ReduceAs(absl::Span<const void* const> sources, absl::Span<void* const> destinations, int64_t count,
              Combine combine, Finish finish) {
  Value chunk[kChunk];
  for (int64_t begin = 0; begin < count; begin += kChunk) {
    const int64_t size = std::min(kChunk, count - begin);
    const T* first = static_cast<const T*>(sources[0]) + begin;
    for (int64_t i = 0; i < size; ++i) chunk[i] = static_cast<Value>(first[i]);
    for (size_t s = 1; s < sources.size(); ++s) {
      const T* source = static_cast<const T*>(sources[s]) + begin;
      for (int64_t i = 0; i < size; ++i) chunk[i] = combine(chunk[i], static_cast<Value>(source[i]));
    }
    for (int64_t i = 0; i < size; ++i) chunk[i] = finish(chunk[i]);
    for (void* destination : destinations) {
      T* to = static_cast<T*>(destination) + begin;
      for (int64_t i = 0; i < size; ++i) to[i] = static_cast<T>(chunk[i]);
    }
  }
}

}  // namespace

void Reduce(plan::DataType dtype, plan::Collective::Reduction reduction, absl::Span<const void* const> sources,
            absl::Span<void* const> destinations, int64_t count) {
  const absl::Status known = ForNumbers(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using Added = typename Sum<T>::type;
    using Compared = Compute<T>;
    const auto as_is = [](auto value) { return value; };
    switch (reduction) {
      case plan::Collective::MAX:
        ReduceAs<T, Compared>(sources, destinations, count, Largest<Compared>, as_is);
        break;
      case plan::Collective::MIN:
        ReduceAs<T, Compared>(sources, destinations, count, Least<Compared>, as_is);
        break;
      default: {
        const auto add = [](Added a, Added b) { return static_cast<Added>(a + b); };
        if (reduction == plan::Collective::AVERAGE) {
          const auto n = static_cast<Added>(sources.size());
          ReduceAs<T, Added>(sources, destinations, count, add, [n](Added sum) { return static_cast<Added>(sum / n); });
        } else {
          ReduceAs<T, Added>(sources, destinations, count, add, as_is);
        }
      }
    }
    return absl::OkStatus();
  });
  known.IgnoreError();
}

}  // namespace plimsoll::runtime::collective
