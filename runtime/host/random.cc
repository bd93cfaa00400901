// random_normal, random_uniform, bernoulli, multinomial: the same numbers for the same seed, on every machine.
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

#include "runtime/host/elements.h"
#include "runtime/host/families.h"
#include "runtime/host/shapes.h"

namespace plimsoll::runtime {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014): one word of state, defined bit by bit, unlike the standard's distributions.
class Generator {
 public:
  explicit Generator(HostCallContext& c) : state_(std::bit_cast<uint64_t>(c.Float("seed", 0))) {}

  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  // In [0, 1).
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  // By Box and Muller.
  double Normal() {
    const double radius = std::sqrt(-2 * std::log(1 - Uniform()));
    return radius * std::cos(2 * std::numbers::pi * Uniform());
  }

 private:
  uint64_t state_;
};

template <typename Draw>
absl::Status FillWith(HostCallContext& c, Draw&& draw) {
  if (absl::Status status = c.Expect(0, 1); !status.ok()) return status;
  const HostTensor& y = c.output(0);
  return ForFloats(y.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const int64_t count = y.count();
    for (int64_t i = 0; i < count; ++i) y.as<T>()[i] = T(static_cast<Compute<T>>(draw()));
    return absl::OkStatus();
  });
}

absl::Status RandomNormal(HostCallContext& c) {
  Generator generator(c);
  const double mean = c.Float("mean", 0), scale = c.Float("scale", 1);
  return FillWith(c, [&] { return mean + scale * generator.Normal(); });
}

absl::Status RandomUniform(HostCallContext& c) {
  Generator generator(c);
  const double low = c.Float("low", 0), high = c.Float("high", 1);
  return FillWith(c, [&] { return low + (high - low) * generator.Uniform(); });
}

absl::Status Bernoulli(HostCallContext& c) {
  if (absl::Status status = c.Expect(1, 1); !status.ok()) return status;
  auto probabilities = ToDoubles(c.input(0));
  if (!probabilities.ok()) return probabilities.status();
  if (absl::Status status = c.SetDims(0, c.input(0).dims); !status.ok()) return status;
  Generator generator(c);
  for (double& value : *probabilities) value = generator.Uniform() < value ? 1 : 0;
  return FromDoubles(*probabilities, c.output(0));
}

// Input: [batch, classes] of log-probabilities, not normalized. Output: [batch, sample_size].
absl::Status Multinomial(HostCallContext& c) {
  if (absl::Status status = c.Expect(1, 1); !status.ok()) return status;
  const HostTensor &x = c.input(0), &y = c.output(0);
  if (x.rank() != 2 || y.rank() != 2 || y.dims[0] != x.dims[0]) return BadShape("multinomial: [batch, classes] expected");
  const int64_t classes = x.dims[1], samples = y.dims[1];
  auto logits = ToDoubles(x);
  if (!logits.ok()) return logits.status();
  if (classes == 0 && y.count() > 0) return BadShape("multinomial: no classes to draw from");
  Generator generator(c);
  std::vector<double> drawn;
  for (int64_t b = 0; b < x.dims[0]; ++b) {
    const double* row = logits->data() + b * classes;
    double most = -INFINITY, total = 0;
    for (int64_t i = 0; i < classes; ++i) most = std::max(most, row[i]);
    for (int64_t i = 0; i < classes; ++i) total += std::exp(row[i] - most);
    for (int64_t s = 0; s < samples; ++s) {
      double left = generator.Uniform() * total;
      int64_t pick = 0;
      for (; pick + 1 < classes; ++pick) {
        left -= std::exp(row[pick] - most);
        if (left < 0) break;
      }
      drawn.push_back(static_cast<double>(pick));
    }
  }
  return FromDoubles(drawn, y);
}

constexpr NamedHostFunction kFunctions[] = {
    {"bernoulli", &Bernoulli},
    {"multinomial", &Multinomial},
    {"random_normal", &RandomNormal},
    {"random_normal_like", &RandomNormal},
    {"random_uniform", &RandomUniform},
    {"random_uniform_like", &RandomUniform},
};

}  // namespace

absl::Span<const NamedHostFunction> RandomFunctions() { return kFunctions; }

}  // namespace plimsoll::runtime
