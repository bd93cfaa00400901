// grid_sample, deform_conv: interpolation at places that are data.
#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/host/elements.h"
#include "runtime/host/families.h"
#include "runtime/host/shapes.h"

namespace plimsoll::runtime {
namespace {

enum class Padding { kZeros, kBorder, kReflection };

struct Plane {
  const double* data;
  Dims dims, strides;
  Padding padding;
  bool align_corners;

  double Low() const { return align_corners ? 0 : -0.5; }
  double High(size_t d) const { return static_cast<double>(dims[d]) - (align_corners ? 1 : 0.5); }
};

// Reflects by the near border until inside.
double Reflect(double x, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  if (x >= low && x <= high) return x;
  const double beyond = x < low ? low - x : x - high;
  const double turns = std::floor(beyond / range);
  const double rest = beyond - turns * range;
  const bool even = std::fmod(turns, 2) == 0;
  return (x < low) == even ? low + rest : high - rest;
}

// The position along dimension d that stands for i; -1: outside, zero.
int64_t Inside(const Plane& plane, size_t d, int64_t i) {
  const int64_t size = plane.dims[d];
  if (i >= 0 && i < size) return i;
  switch (plane.padding) {
    case Padding::kZeros: return -1;
    case Padding::kBorder: return std::clamp<int64_t>(i, 0, size - 1);
    default:
      return std::clamp<int64_t>(static_cast<int64_t>(Reflect(static_cast<double>(i), plane.Low(), plane.High(d))), 0,
                                 size - 1);
  }
}

int Coefficients(double t, bool cubic, double* weights) {
  if (!cubic) {
    weights[0] = 1 - t;
    weights[1] = t;
    return 2;
  }
  constexpr double a = -0.75;
  auto near = [](double x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  auto far = [](double x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
  weights[0] = far(t + 1);
  weights[1] = near(t);
  weights[2] = near(1 - t);
  weights[3] = far(2 - t);
  return 4;
}

double Interpolate(const Plane& plane, const std::vector<double>& at, size_t d, int64_t offset, bool cubic) {
  if (d == plane.dims.size()) return plane.data[offset];
  const double base = std::floor(at[d]);
  double weights[4];
  const int count = Coefficients(at[d] - base, cubic, weights);
  double sum = 0;
  for (int i = 0; i < count; ++i) {
    const int64_t position = Inside(plane, d, static_cast<int64_t>(base) + i - (cubic ? 1 : 0));
    if (position >= 0 && weights[i] != 0) {
      sum += weights[i] * Interpolate(plane, at, d + 1, offset + position * plane.strides[d], cubic);
    }
  }
  return sum;
}

absl::Status GridSample(HostCallContext& c) {
  if (absl::Status status = c.Expect(2, 1); !status.ok()) return status;
  const HostTensor &x = c.input(0), &grid = c.input(1);
  const size_t spatial = static_cast<size_t>(x.rank()) - 2;
  if (x.rank() < 3 || grid.rank() != x.rank() || grid.dims.back() != static_cast<int64_t>(spatial) ||
      grid.dims[0] != x.dims[0]) {
    return BadShape("grid_sample: X [n, c, d1..dk] and grid [n, o1..ok, k] expected");
  }
  const std::string mode = c.String("mode", "linear"), padding = c.String("padding_mode", "zeros");
  const bool nearest = mode == "nearest", cubic = mode == "bicubic" || mode == "cubic";
  Plane plane;
  plane.dims.assign(x.dims.begin() + 2, x.dims.end());
  plane.strides = RowMajor(plane.dims);
  plane.padding = padding == "border" ? Padding::kBorder : padding == "reflection" ? Padding::kReflection : Padding::kZeros;
  plane.align_corners = c.Int("align_corners", 0) != 0;
  Dims dims{x.dims[0], x.dims[1]};
  dims.insert(dims.end(), grid.dims.begin() + 1, grid.dims.end() - 1);
  if (absl::Status status = c.SetDims(0, dims); !status.ok()) return status;
  if (Product(dims) == 0) return absl::OkStatus();
  if (x.count() == 0) return BadShape("grid_sample: an image of no elements");
  auto image = ToDoubles(x);
  if (!image.ok()) return image.status();
  auto places = ToDoubles(grid);
  if (!places.ok()) return places.status();
  const int64_t points = Product(grid.dims, 1, grid.dims.size() - 1), size = Product(plane.dims);
  std::vector<double> result(static_cast<size_t>(Product(dims)));
  std::vector<double> at(spatial);
  for (int64_t n = 0; n < x.dims[0]; ++n) {
    for (int64_t p = 0; p < points; ++p) {
      for (size_t d = 0; d < spatial; ++d) {
        // The grid's last dimension is in reverse order: x, y, z.
        const double place = (*places)[static_cast<size_t>((n * points + p + 1)) * spatial - 1 - d];
        const double length = static_cast<double>(plane.dims[d]);
        double v = plane.align_corners ? (place + 1) / 2 * (length - 1) : ((place + 1) * length - 1) / 2;
        if (!std::isfinite(v)) v = -1;
        v = std::clamp(v, -1e15, 1e15);
        if (nearest) v = std::nearbyint(v);
        if (v < plane.Low() || v > plane.High(d)) {
          if (plane.padding == Padding::kBorder) v = std::clamp(v, 0.0, length - 1);
          if (plane.padding == Padding::kReflection) v = Reflect(v, plane.Low(), plane.High(d));
        }
        at[d] = nearest ? std::trunc(v) : v;
      }
      for (int64_t channel = 0; channel < x.dims[1]; ++channel) {
        plane.data = image->data() + (n * x.dims[1] + channel) * size;
        result[static_cast<size_t>((n * x.dims[1] + channel) * points + p)] = Interpolate(plane, at, 0, 0, cubic);
      }
    }
  }
  return FromDoubles(result, c.output(0));
}

// Inputs X [n, c, h, w], W [oc, c / group, kh, kw], offset [n, og * kh * kw * 2, oh, ow], B [oc], mask.
absl::Status DeformConv(HostCallContext& c) {
  if (absl::Status status = c.Expect(3, 1); !status.ok()) return status;
  const HostTensor &x = c.input(0), &w = c.input(1), &offset = c.input(2), &y = c.output(0);
  if (x.rank() != 4) return absl::UnimplementedError("deform_conv of other than two spatial dimensions");
  const Dims dilations = c.Ints("dilations", {1, 1}), pads = c.Ints("pads", {0, 0, 0, 0}), strides = c.Ints("strides", {1, 1});
  const int64_t group = c.Int("group", 1), offset_group = c.Int("offset_group", 1);
  if (w.rank() != 4 || offset.rank() != 4 || y.rank() != 4 || dilations.size() != 2 || pads.size() != 4 ||
      strides.size() != 2 || group < 1 || offset_group < 1 || x.dims[1] != w.dims[1] * group ||
      w.dims[0] % group != 0 || x.dims[1] % offset_group != 0) {
    return BadShape("deform_conv: operands of four dimensions with matching channels expected");
  }
  const int64_t kh = w.dims[2], kw = w.dims[3], oh = offset.dims[2], ow = offset.dims[3], channels = x.dims[1];
  if (offset.dims[0] != x.dims[0] || offset.dims[1] != offset_group * kh * kw * 2) return BadShape("deform_conv: offset");
  if (c.has_input(3) && c.input(3).count() != w.dims[0]) return BadShape("deform_conv: bias");
  if (c.has_input(4) && c.input(4).count() != x.dims[0] * offset_group * kh * kw * oh * ow) return BadShape("deform_conv: mask");
  if (absl::Status status = c.SetDims(0, {x.dims[0], w.dims[0], oh, ow}); !status.ok()) return status;
  std::vector<double> values[5];
  for (int i = 0; i < 5; ++i) {
    if (!c.has_input(i)) continue;
    auto read = ToDoubles(c.input(i));
    if (!read.ok()) return read.status();
    values[i] = *std::move(read);
  }
  Plane plane;
  plane.dims = {x.dims[2], x.dims[3]};
  plane.strides = {x.dims[3], 1};
  plane.padding = Padding::kZeros;
  plane.align_corners = true;
  std::vector<double> at(2), result(static_cast<size_t>(y.count()));
  for (int64_t n = 0; n < x.dims[0]; ++n) {
    for (int64_t channel = 0; channel < channels; ++channel) {
      plane.data = values[0].data() + (n * channels + channel) * x.dims[2] * x.dims[3];
      const int64_t g = channel / w.dims[1], og = channel / (channels / offset_group), per_group = w.dims[0] / group;
      for (int64_t k = 0; k < kh * kw; ++k) {
        for (int64_t p = 0; p < oh * ow; ++p) {
          const int64_t tap = (n * offset_group + og) * kh * kw + k;
          at[0] = static_cast<double>(p / ow * strides[0] - pads[0] + k / kw * dilations[0]) +
                  values[2][static_cast<size_t>(2 * tap * oh * ow + p)];
          at[1] = static_cast<double>(p % ow * strides[1] - pads[1] + k % kw * dilations[1]) +
                  values[2][static_cast<size_t>((2 * tap + 1) * oh * ow + p)];
          if (!(std::abs(at[0]) < 1e15) || !(std::abs(at[1]) < 1e15)) continue;
          double sample = Interpolate(plane, at, 0, 0, /*cubic=*/false);
          if (!values[4].empty()) sample *= values[4][static_cast<size_t>(tap * oh * ow + p)];
          for (int64_t o = g * per_group; o < (g + 1) * per_group; ++o) {
            result[static_cast<size_t>((n * w.dims[0] + o) * oh * ow + p)] +=
                sample * values[1][static_cast<size_t>((o * w.dims[1] + channel % w.dims[1]) * kh * kw + k)];
          }
        }
      }
    }
    for (int64_t i = 0; i < w.dims[0] * oh * ow && !values[3].empty(); ++i) {
      result[static_cast<size_t>(n * w.dims[0] * oh * ow + i)] += values[3][static_cast<size_t>(i / (oh * ow))];
    }
  }
  return FromDoubles(result, y);
}

constexpr NamedHostFunction kFunctions[] = {{"deform_conv", &DeformConv}, {"grid_sample", &GridSample}};

}  // namespace

absl::Span<const NamedHostFunction> SamplingFunctions() { return kFunctions; }

}  // namespace plimsoll::runtime
