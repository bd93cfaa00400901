// random_normal, random_uniform, bernoulli, multinomial, dropout: the same numbers for the same seed, on every machine.
#include <cmath>
#include <optional>
#include <random>
#include <utility>

#include "runtime/host/elements.h"
#include "runtime/host/families.h"
#include "runtime/host/shapes.h"

namespace plimsoll::runtime {
namespace {

// The draws of numpy.random.RandomState(int(seed)), which ONNX's reference implementation takes: the Mersenne twister,
// 53 bits a draw, normals by Marsaglia's polar method.
class Generator {
 public:
  explicit Generator(HostCallContext& c) : twister_(SeedOf(c)) {}

  // In [0, 1).
  double Uniform() {
    const uint64_t high = twister_() >> 5, low = twister_() >> 6;
    return static_cast<double>(high << 26 | low) * 0x1p-53;
  }
  double Normal() {
    if (spare_) return *std::exchange(spare_, std::nullopt);
    double x = 0, y = 0, square = 0;
    do {
      x = 2 * Uniform() - 1;
      y = 2 * Uniform() - 1;
      square = x * x + y * y;
    } while (square >= 1 || square == 0);
    const double factor = std::sqrt(-2 * std::log(square) / square);
    spare_ = factor * x;
    return factor * y;
  }

 private:
  // An attribute that is a float for most operators, an integer for Dropout.
  static uint32_t SeedOf(HostCallContext& c) {
    const double seed = c.Float("seed", static_cast<double>(c.Int("seed", 0)));
    return static_cast<uint32_t>(std::fmod(std::isfinite(seed) ? std::abs(seed) : 0, 4294967296.0));
  }

  std::mt19937 twister_;
  std::optional<double> spare_;
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
  if (x.rank() != 2 || y.rank() != 2 || y.dims[0] != x.dims[0])
    return BadShape("multinomial: [batch, classes] expected");
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

// data, [ratio], [training_mode] -> result, [mask]. Source: ONNX Dropout-12.
absl::Status Dropout(HostCallContext& c) {
  if (absl::Status status = c.Expect(1, 1); !status.ok()) return status;
  const HostTensor& x = c.input(0);
  double ratio = 0.5, training = 0;
  for (int i = 1; i <= 2; ++i) {
    if (!c.has_input(i)) continue;
    auto given = Scalar(c.input(i));
    if (!given.ok()) return given.status();
    (i == 1 ? ratio : training) = *given;
  }
  if (!(ratio >= 0 && ratio < 1)) return BadShape("dropout: the ratio must be in [0, 1)");
  auto values = ToDoubles(x);
  if (!values.ok()) return values.status();
  if (c.has_output(1) && (c.output(1).dtype != plan::BOOL || c.output(1).count() != x.count()))
    return BadShape("dropout: the mask has another type");
  const bool drops = training != 0 && ratio > 0;
  const double scale = drops ? 1 / (1 - ratio) : 1;
  Generator generator(c);
  for (size_t i = 0; i < values->size(); ++i) {
    const bool kept = !drops || generator.Uniform() >= ratio;
    (*values)[i] = kept ? (*values)[i] * scale : 0;
    if (c.has_output(1)) c.output(1).as<uint8_t>()[i] = kept;
  }
  return FromDoubles(*values, c.output(0));
}

constexpr NamedHostFunction kFunctions[] = {
    {"bernoulli", &Bernoulli},
    {"dropout", &Dropout},
    {"multinomial", &Multinomial},
    {"random_normal", &RandomNormal},
    {"random_normal_like", &RandomNormal},
    {"random_uniform", &RandomUniform},
    {"random_uniform_like", &RandomUniform},
};

}  // namespace

absl::Span<const NamedHostFunction> RandomFunctions() { return kFunctions; }

}  // namespace plimsoll::runtime
