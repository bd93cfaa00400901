// bit_cast, round_to_power_of_two: elements by their bits.
#include <bit>
#include <cmath>
#include <cstring>

#include "runtime/host/elements.h"
#include "runtime/host/families.h"
#include "runtime/host/shapes.h"

namespace plimsoll::runtime {
namespace {

// ONNX BitCast: the same bytes as another type of the same width.
absl::Status BitCast(HostCallContext& c) {
  if (absl::Status status = c.Expect(1, 1); !status.ok()) return status;
  const HostTensor &x = c.input(0), &y = c.output(0);
  const int64_t bytes = x.count() * plan::ElementSize(x.dtype);
  if (bytes != y.count() * plan::ElementSize(y.dtype)) return BadShape("bit_cast: the types differ in width");
  if (bytes > 0) std::memcpy(y.data, x.data, static_cast<size_t>(bytes));
  if (y.dtype == plan::BOOL) {
    for (int64_t i = 0; i < bytes; ++i) y.as<uint8_t>()[i] = y.as<uint8_t>()[i] != 0;
  }
  return absl::OkStatus();
}

// ONNX Cast to FLOAT8E8M0: the power of two next to an f32 (round_mode up, down, nearest), the sign dropped; NaN for
// what is not finite. Powers of two are bf16 here: 2^-127 to 2^127. Source: onnx.numpy_helper.to_float8e8m0.
absl::Status RoundToPowerOfTwo(HostCallContext& c) {
  if (absl::Status status = c.Expect(1, 1); !status.ok()) return status;
  const HostTensor &x = c.input(0), &y = c.output(0);
  if (x.dtype != plan::F32 || y.dtype != plan::BF16 || x.count() != y.count())
    return BadShape("round_to_power_of_two: f32 to bf16 expected");
  const std::string mode = c.String("round_mode", "up");
  const bool saturate = c.Int("saturate", 1) != 0;
  for (int64_t i = 0; i < x.count(); ++i) {
    const uint32_t bits = std::bit_cast<uint32_t>(x.as<float>()[i]);
    uint32_t exponent = bits >> 23 & 255;
    const uint32_t fraction = bits & 0x7fffff;
    if (exponent < 255) {
      // To nearest, a tie goes up, but for that between zero's exponent and the next.
      const bool up = mode == "up"        ? fraction > 0
                      : mode == "nearest" ? fraction > 0x400000 || (fraction == 0x400000 && exponent > 0)
                                          : false;
      if (up && !(saturate && exponent == 254)) ++exponent;
    }
    y.as<uint16_t>()[i] = static_cast<uint16_t>(exponent == 255 ? 0x7fc0 : exponent == 0 ? 0x0040 : exponent << 7);
  }
  return absl::OkStatus();
}

constexpr NamedHostFunction kFunctions[] = {
    {"bit_cast", &BitCast},
    {"round_to_power_of_two", &RoundToPowerOfTwo},
};

}  // namespace

absl::Span<const NamedHostFunction> ConversionFunctions() { return kFunctions; }

}  // namespace plimsoll::runtime
