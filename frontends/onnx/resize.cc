// Resize and Upsample.
#include <cmath>
#include <numeric>

#include "frontends/onnx/host.h"
#include "frontends/onnx/node.h"

namespace plimsoll::onnx_frontend {
namespace {

void Emit(NodeContext& c, Value x, const Dims& shape, std::vector<double> scales, const std::string& mode, std::string coordinates,
          const std::string& nearest) {
  if (coordinates == "align_corners") {
    // ONNX's length of the result is scale times size before rounding; where that is no integer: index / scale with a scale
    // that says the same.
    std::vector<double> same = scales;
    bool exact = true, expressible = true;
    for (int64_t d = 0; d < c.Rank(x); ++d) {
      const double length = scales[d] * static_cast<double>(c.Dim(x, d));
      exact = exact && std::abs(length - static_cast<double>(shape[d])) < 1e-6;
      expressible = expressible && (length > 1 || scales[d] == 1);
      if (c.Dim(x, d) > 1 && scales[d] != 1) same[d] = (length - 1) / static_cast<double>(c.Dim(x, d) - 1);
    }
    if (!exact && expressible) {
      scales = same;
      coordinates = "asymmetric";
    }
  }
  c.SetOutput(0, c.Make<graph::ResizeOp>({x},
      {c.Attr("mode", mode), c.Attr("coordinates", coordinates), c.Attr("nearest", nearest),
       c.Attr("scales", c.builder().getDenseF64ArrayAttr(scales)), c.Attr("cubic_coefficient", c.Float("cubic_coeff_a", -0.75)),
       c.Attr("exclude_outside", c.Flag("exclude_outside", false))},
      c.TensorOf(shape, c.Element(x))));
}

Dims Scaled(NodeContext& c, Value x, const std::vector<double>& scales) {
  Check(static_cast<int64_t>(scales.size()) == c.Rank(x), "scales must have one element a dimension");
  Dims shape;
  for (int64_t d = 0; d < c.Rank(x); ++d) {
    const double size = std::floor(static_cast<double>(c.Dim(x, d)) * scales[d]);
    Check(scales[d] > 0 && size < 1e15, "a scale is out of range");
    shape.push_back(static_cast<int64_t>(size));
  }
  return shape;
}

std::string ModeName(const std::string& mode) {
  if (mode == "nearest" || mode == "linear" || mode == "cubic") return mode;
  if (mode == "bilinear" || mode == "trilinear") return "linear";
  FailUnsupported(absl::StrCat("mode '", mode, "'"));
}

// Upsample, and Resize-10.
void Upsample(NodeContext& c) {
  Value x = c.Input(0);
  std::vector<double> scales;
  if (const onnx::AttributeProto* attribute = c.Attribute("scales")) {
    scales.assign(attribute->floats().begin(), attribute->floats().end());
  } else {
    scales = c.ConstantFloats(1);
  }
  Emit(c, x, Scaled(c, x, scales), scales, ModeName(c.String("mode", "nearest")), "asymmetric", "floor");
}

// The operand's dims that are resized: attribute axes, or all.
Dims AxesOf(NodeContext& c, int64_t rank) {
  Dims axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  if (std::optional<Dims> given = c.Ints("axes")) axes = *given;
  for (int64_t& axis : axes) axis = c.Axis(axis, rank);
  return axes;
}

void Resize(NodeContext& c) {
  if (c.opset() < 11) return Upsample(c);
  Value x = c.Input(0);
  const int64_t rank = c.Rank(x);
  const std::string coordinates = c.String("coordinate_transformation_mode", "half_pixel");
  if (coordinates == "tf_crop_and_resize" || c.Flag("antialias", false)) {
    if (c.HasInput(2)) c.ConstantFloats(2);
    if (c.HasInput(3)) c.ConstantIntegers(3);
    return HostCall(c, "resize");
  }
  const Dims axes = AxesOf(c, rank);
  Dims shape = c.Shape(x);
  std::vector<double> scales(rank, 1);
  const bool has_scales = c.HasInput(2) && c.Count(c.Input(2)) > 0, has_sizes = c.HasInput(3) && c.Count(c.Input(3)) > 0;
  if (has_sizes) {
    const Dims sizes = c.ConstantIntegers(3);
    Check(sizes.size() == axes.size(), "sizes must have one element an axis");
    const std::string policy = c.String("keep_aspect_ratio_policy", "stretch");
    double common = policy == "not_larger" ? 1e300 : 0;
    for (size_t i = 0; i < axes.size(); ++i) {
      Check(sizes[i] >= 0 && c.Dim(x, axes[i]) > 0, "a size is out of range");
      scales[axes[i]] = static_cast<double>(sizes[i]) / static_cast<double>(c.Dim(x, axes[i]));
      shape[axes[i]] = sizes[i];
      common = policy == "not_larger" ? std::min(common, scales[axes[i]]) : std::max(common, scales[axes[i]]);
    }
    if (policy != "stretch") {
      for (int64_t axis : axes) {
        shape[axis] = static_cast<int64_t>(std::floor(common * static_cast<double>(c.Dim(x, axis)) + 0.5));
        scales[axis] = common;
      }
    }
  } else if (has_scales) {
    const std::vector<double> given = c.ConstantFloats(2);
    Check(given.size() == axes.size(), "scales must have one element an axis");
    for (size_t i = 0; i < axes.size(); ++i) scales[axes[i]] = given[i];
    shape = Scaled(c, x, scales);
  } else {
    FailMalformed("neither scales nor sizes are given");
  }
  Emit(c, x, shape, scales, ModeName(c.String("mode", "nearest")), coordinates, c.String("nearest_mode", "round_prefer_floor"));
}

}  // namespace

void RegisterResize(Registry& r) {
  r.Add("Resize", Resize);
  r.Add("Upsample", Upsample);
}

}  // namespace plimsoll::onnx_frontend
