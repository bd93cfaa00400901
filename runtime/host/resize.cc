// resize, with every mode of the operator: one axis after the other, each output a weighted sum along the axis.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "runtime/host/elements.h"
#include "runtime/host/families.h"
#include "runtime/host/shapes.h"

namespace plimsoll::runtime {
namespace {

struct Settings {
  std::string mode, coordinates, nearest;
  double cubic_a, extrapolation;
  bool antialias, exclude_outside;
};

// Where output position `y` lies on the input's axis.
double Source(const Settings& s, double y, double scale, double in, double out, double roi_begin, double roi_end) {
  const double exact = scale * in;  // the output's size before it was rounded
  if (s.coordinates == "align_corners") return exact == 1 ? 0 : y * (in - 1) / (exact - 1);
  if (s.coordinates == "asymmetric") return y / scale;
  if (s.coordinates == "tf_crop_and_resize") {
    const double range = (roi_end - roi_begin) * (in - 1);
    return roi_begin * (in - 1) + (exact == 1 ? range / 2 : y * range / (exact - 1));
  }
  if (s.coordinates == "pytorch_half_pixel" && exact == 1) return -0.5;
  double x = (y + 0.5) / scale - 0.5;
  if (s.coordinates == "half_pixel_symmetric") x += in / 2 * (1 - out / exact);
  return x;
}

// Weights of the inputs around a source position whose fraction, in (0, 1], is `ratio`: an even number of them.
std::vector<double> Weights(const Settings& s, double ratio, double scale) {
  if (s.mode == "nearest") {
    if (ratio == 1) return {0, 1};
    const bool up = s.nearest == "ceil"                ? true
                    : s.nearest == "floor"             ? false
                    : s.nearest == "round_prefer_ceil" ? ratio >= 0.5
                                                       : ratio > 0.5;
    return {up ? 0.0 : 1.0, up ? 1.0 : 0.0};
  }
  const bool cubic = s.mode == "cubic";
  const double a = s.cubic_a;
  auto kernel = [&](double x) {
    x = std::abs(x);
    if (!cubic) return std::max(0.0, 1 - x);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0.0;
  };
  const double support = cubic ? 2 : 1;
  const double squeeze = s.antialias ? std::min(scale, 1.0) : 1;
  const int64_t start = static_cast<int64_t>(std::floor(-support / squeeze)) + 1;
  std::vector<double> weights;
  for (int64_t i = start; i < 2 - start; ++i) weights.push_back(kernel(squeeze * (static_cast<double>(i) - ratio)));
  if (s.antialias) {
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (double& weight : weights) weight /= total;
  }
  return weights;
}

std::vector<double> ResizeAxis(const Settings& s, const std::vector<double>& data, const AxisView& view, int64_t out,
                               double scale, double roi_begin, double roi_end) {
  std::vector<double> result(static_cast<size_t>(view.outer * out * view.inner));
  const double in = static_cast<double>(view.size);
  for (int64_t y = 0; y < out; ++y) {
    double x = Source(s, static_cast<double>(y), scale, in, static_cast<double>(out), roi_begin, roi_end);
    const bool extrapolated = s.coordinates == "tf_crop_and_resize" && (x < 0 || x > in - 1);
    x = std::clamp(std::isfinite(x) ? x : 0.0, -1e9, 1e9);
    const double base = std::floor(x);
    const double ratio = x == base ? 1 : x - base;
    std::vector<double> weights = Weights(s, ratio, scale);
    const int64_t half = static_cast<int64_t>(weights.size()) / 2;
    const int64_t first = static_cast<int64_t>(base) - half + (x == base ? 0 : 1);
    if (s.exclude_outside) {
      double total = 0;
      for (size_t i = 0; i < weights.size(); ++i) {
        const int64_t at = first + static_cast<int64_t>(i);
        if (at < 0 || at >= view.size) weights[i] = 0;
        total += weights[i];
      }
      for (double& weight : weights) weight /= total;
    }
    for (int64_t outer = 0; outer < view.outer; ++outer) {
      double* to = result.data() + (outer * out + y) * view.inner;
      for (size_t i = 0; i < weights.size() && !extrapolated; ++i) {
        if (weights[i] == 0) continue;
        const int64_t at = std::clamp<int64_t>(first + static_cast<int64_t>(i), 0, view.size - 1);
        const double* from = data.data() + (outer * view.size + at) * view.inner;
        for (int64_t inner = 0; inner < view.inner; ++inner) to[inner] += weights[i] * from[inner];
      }
      if (extrapolated) std::fill(to, to + view.inner, s.extrapolation);
    }
  }
  return result;
}

// Inputs X, roi, scales, sizes; the output's sizes are the plan's.
absl::Status Resize(HostCallContext& c) {
  if (absl::Status status = c.Expect(1, 1); !status.ok()) return status;
  const HostTensor &x = c.input(0), &y = c.output(0);
  if (y.rank() != x.rank()) return BadShape("resize: input and output differ in rank");
  if (y.count() == 0) return absl::OkStatus();
  if (x.count() == 0) return BadShape("resize: an image of no elements");
  const Settings s{c.String("mode", "nearest"),
                   c.String("coordinate_transformation_mode", "half_pixel"),
                   c.String("nearest_mode", "round_prefer_floor"),
                   c.Float("cubic_coeff_a", -0.75),
                   c.Float("extrapolation_value", 0),
                   c.Int("antialias", 0) != 0,
                   c.Int("exclude_outside", 0) != 0};
  Dims axes = c.Ints("axes", {});
  if (axes.empty()) {
    for (int i = 0; i < x.rank(); ++i) axes.push_back(i);
  }
  std::vector<double> lists[3];  // roi, scales, sizes
  for (int i = 0; i < 3; ++i) {
    if (!c.has_input(i + 1) || c.input(i + 1).count() == 0) continue;
    auto list = ToDoubles(c.input(i + 1));
    if (!list.ok()) return list.status();
    lists[i] = *std::move(list);
    if (lists[i].size() != axes.size() * (i == 0 ? 2 : 1)) return BadShape("resize: roi, scales or sizes do not match axes");
  }
  const std::string policy = c.String("keep_aspect_ratio_policy", "stretch");
  double common = 0;  // the scale of all axes, where the aspect ratio is kept
  for (size_t i = 0; i < axes.size(); ++i) {
    auto axis = Axis(axes[i], x.rank());
    if (!axis.ok()) return axis.status();
    axes[i] = *axis;
    if (policy == "stretch" || lists[2].empty()) continue;
    const double scale = lists[2][i] / static_cast<double>(x.dims[*axis]);
    common = common == 0 ? scale : policy == "not_larger" ? std::min(common, scale) : std::max(common, scale);
  }
  auto data = ToDoubles(x);
  if (!data.ok()) return data.status();
  Dims dims = x.dims;
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t out = y.dims[axes[i]];
    double scale = static_cast<double>(out) / static_cast<double>(dims[axes[i]]);
    if (!lists[1].empty()) scale = lists[1][i];
    if (common > 0) scale = common;
    if (!(scale > 0)) return BadShape("resize: a scale that is not above zero");
    const bool cropped = s.coordinates == "tf_crop_and_resize" && !lists[0].empty();
    if (scale == 1 && out == dims[axes[i]] && s.coordinates != "tf_crop_and_resize") continue;
    *data = ResizeAxis(s, *data, ViewAlong(dims, axes[i]), out, scale, cropped ? lists[0][i] : 0,
                       cropped ? lists[0][i + axes.size()] : 1);
    dims[axes[i]] = out;
  }
  if (dims != y.dims) return BadShape("resize: the output differs on an axis that is not resized");
  // Integers are what the exact value is cut to, within their range.
  if (x.dtype == plan::U8) {
    for (double& value : *data) value = std::clamp(value, 0.0, 255.0);
  } else if (x.dtype == plan::I8) {
    for (double& value : *data) value = std::clamp(value, -128.0, 127.0);
  }
  return FromDoubles(*data, y);
}

constexpr NamedHostFunction kFunctions[] = {{"resize", &Resize}};

}  // namespace

absl::Span<const NamedHostFunction> ResizeFunctions() { return kFunctions; }

}  // namespace plimsoll::runtime
