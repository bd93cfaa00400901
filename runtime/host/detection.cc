// non_max_suppression, roi_align, max_roi_pool.
#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/host/elements.h"
#include "runtime/host/families.h"
#include "runtime/host/shapes.h"

namespace plimsoll::runtime {
namespace {

struct Box {
  double y1, x1, y2, x2;  // ordered
  double area() const { return (y2 - y1) * (x2 - x1); }
};

Box BoxOf(const double* v, bool center) {
  if (center) return {v[1] - v[3] / 2, v[0] - v[2] / 2, v[1] + v[3] / 2, v[0] + v[2] / 2};
  return {std::min(v[0], v[2]), std::min(v[1], v[3]), std::max(v[0], v[2]), std::max(v[1], v[3])};
}

bool Overlap(const Box& a, const Box& b, double threshold) {
  const double height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  const double width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  if (height <= 0 || width <= 0 || a.area() <= 0 || b.area() <= 0) return false;
  const double both = height * width;
  return both / (a.area() + b.area() - both) > threshold;
}

absl::Status NonMaxSuppression(HostCallContext& c) {
  if (absl::Status status = c.Expect(2, 1); !status.ok()) return status;
  const HostTensor &boxes = c.input(0), &scores = c.input(1);
  if (boxes.rank() != 3 || scores.rank() != 3 || boxes.dims[2] != 4 || boxes.dims[0] != scores.dims[0] ||
      boxes.dims[1] != scores.dims[2]) {
    return BadShape("non_max_suppression: boxes [batch, n, 4] and scores [batch, classes, n] expected");
  }
  double settings[3] = {0, 0, -INFINITY};  // boxes a class, overlap, score
  for (int i = 0; i < 3; ++i) {
    if (!c.has_input(2 + i) || c.input(2 + i).count() == 0) continue;
    auto value = Scalar(c.input(2 + i));
    if (!value.ok()) return value.status();
    settings[i] = *value;
  }
  auto box_values = ToDoubles(boxes);
  if (!box_values.ok()) return box_values.status();
  auto score_values = ToDoubles(scores);
  if (!score_values.ok()) return score_values.status();
  const bool center = c.Int("center_point_box", 0) != 0;
  const int64_t n = boxes.dims[1], classes = scores.dims[1];
  std::vector<int64_t> selected;
  std::vector<int64_t> order;
  std::vector<Box> kept;
  for (int64_t batch = 0; batch < boxes.dims[0]; ++batch) {
    for (int64_t k = 0; k < classes; ++k) {
      const double* score = score_values->data() + (batch * classes + k) * n;
      order.clear();
      for (int64_t i = 0; i < n; ++i) {
        if (score[i] > settings[2]) order.push_back(i);
      }
      std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return score[a] > score[b]; });
      kept.clear();
      for (int64_t i : order) {
        if (static_cast<double>(kept.size()) >= settings[0]) break;
        const Box box = BoxOf(box_values->data() + (batch * n + i) * 4, center);
        if (std::any_of(kept.begin(), kept.end(), [&](const Box& other) { return Overlap(box, other, settings[1]); })) {
          continue;
        }
        kept.push_back(box);
        selected.insert(selected.end(), {batch, k, i});
      }
    }
  }
  if (absl::Status status = c.SetDims(0, {static_cast<int64_t>(selected.size()) / 3, 3}); !status.ok()) return status;
  std::copy(selected.begin(), selected.end(), c.output(0).as<int64_t>());
  return absl::OkStatus();
}

// The weighted corners of a bilinear sample, summed or the largest of them.
double RoiSample(const double* image, int64_t height, int64_t width, double y, double x, bool average) {
  if (y < -1 || y > static_cast<double>(height) || x < -1 || x > static_cast<double>(width)) return 0;
  y = std::max(y, 0.0);
  x = std::max(x, 0.0);
  int64_t y_low = static_cast<int64_t>(y), x_low = static_cast<int64_t>(x), y_high = y_low + 1, x_high = x_low + 1;
  if (y_low >= height - 1) {
    y_high = y_low = height - 1;
    y = static_cast<double>(y_low);
  }
  if (x_low >= width - 1) {
    x_high = x_low = width - 1;
    x = static_cast<double>(x_low);
  }
  const double ly = y - static_cast<double>(y_low), lx = x - static_cast<double>(x_low);
  const double corners[4] = {
      (1 - ly) * (1 - lx) * image[y_low * width + x_low], (1 - ly) * lx * image[y_low * width + x_high],
      ly * (1 - lx) * image[y_high * width + x_low], ly * lx * image[y_high * width + x_high]};
  return average ? corners[0] + corners[1] + corners[2] + corners[3] : *std::max_element(corners, corners + 4);
}

absl::Status RoiAlign(HostCallContext& c) {
  if (absl::Status status = c.Expect(3, 1); !status.ok()) return status;
  const HostTensor &x = c.input(0), &rois = c.input(1), &batches = c.input(2);
  if (x.rank() != 4 || rois.rank() != 2 || rois.dims[1] != 4 || batches.count() != rois.dims[0]) {
    return BadShape("roi_align: X [n, c, h, w], rois [r, 4] and batch_indices [r] expected");
  }
  if (absl::Status status = ExpectIndices(batches); !status.ok()) return status;
  const int64_t channels = x.dims[1], height = x.dims[2], width = x.dims[3], out_h = c.Int("output_height", 1);
  const int64_t out_w = c.Int("output_width", 1), ratio = c.Int("sampling_ratio", 0);
  // Before version 16 the operator had no such attribute, and no shift by half a pixel.
  const bool half_pixel = c.String("coordinate_transformation_mode", "output_half_pixel") == "half_pixel";
  const bool average = c.String("mode", "avg") != "max";
  const double scale = c.Float("spatial_scale", 1), shift = half_pixel ? 0.5 : 0;
  if (absl::Status status = c.SetDims(0, {rois.dims[0], channels, out_h, out_w}); !status.ok()) return status;
  auto image = ToDoubles(x);
  if (!image.ok()) return image.status();
  auto boxes = ToDoubles(rois);
  if (!boxes.ok()) return boxes.status();
  std::vector<double> result;
  for (int64_t r = 0; r < rois.dims[0]; ++r) {
    const int64_t batch = IndexAt(batches, r);
    if (batch < 0 || batch >= x.dims[0]) return BadShape("roi_align: a batch index outside of X");
    const double* box = boxes->data() + 4 * r;
    const double start_w = box[0] * scale - shift, start_h = box[1] * scale - shift;
    double roi_w = box[2] * scale - shift - start_w, roi_h = box[3] * scale - shift - start_h;
    if (!half_pixel) {
      roi_w = std::max(roi_w, 1.0);
      roi_h = std::max(roi_h, 1.0);
    }
    const double bin_h = roi_h / static_cast<double>(out_h), bin_w = roi_w / static_cast<double>(out_w);
    const double grid_h = ratio > 0 ? static_cast<double>(ratio) : std::ceil(bin_h);
    const double grid_w = ratio > 0 ? static_cast<double>(ratio) : std::ceil(bin_w);
    if (!(grid_h < 1e6) || !(grid_w < 1e6)) return BadShape("roi_align: a region of more than a million samples");
    for (int64_t channel = 0; channel < channels; ++channel) {
      const double* plane = image->data() + (batch * channels + channel) * height * width;
      for (int64_t bin = 0; bin < out_h * out_w; ++bin) {
        const double from_h = start_h + static_cast<double>(bin / out_w) * bin_h;
        const double from_w = start_w + static_cast<double>(bin % out_w) * bin_w;
        double value = 0;
        bool first = true;
        for (double iy = 0; iy < grid_h; ++iy) {
          for (double ix = 0; ix < grid_w; ++ix) {
            const double sample = RoiSample(plane, height, width, from_h + (iy + 0.5) * bin_h / grid_h,
                                            from_w + (ix + 0.5) * bin_w / grid_w, average);
            value = average ? value + sample : first ? sample : std::max(value, sample);
            first = false;
          }
        }
        result.push_back(average ? value / std::max(grid_h * grid_w, 1.0) : value);
      }
    }
  }
  return FromDoubles(result, c.output(0));
}

absl::Status MaxRoiPool(HostCallContext& c) {
  if (absl::Status status = c.Expect(2, 1); !status.ok()) return status;
  const HostTensor &x = c.input(0), &rois = c.input(1);
  const Dims pooled = c.Ints("pooled_shape", {});
  if (x.rank() != 4 || rois.rank() != 2 || rois.dims[1] != 5 || pooled.size() != 2) {
    return BadShape("max_roi_pool: X [n, c, h, w], rois [r, 5] and two pooled sizes expected");
  }
  if (absl::Status status = c.SetDims(0, {rois.dims[0], x.dims[1], pooled[0], pooled[1]}); !status.ok()) return status;
  auto image = ToDoubles(x);
  if (!image.ok()) return image.status();
  auto boxes = ToDoubles(rois);
  if (!boxes.ok()) return boxes.status();
  const double scale = c.Float("spatial_scale", 1);
  const int64_t channels = x.dims[1], height = x.dims[2], width = x.dims[3];
  std::vector<double> result;
  for (int64_t r = 0; r < rois.dims[0]; ++r) {
    const double* box = boxes->data() + 5 * r;
    if (!(box[0] >= 0) || box[0] >= static_cast<double>(x.dims[0])) return BadShape("max_roi_pool: a batch index outside of X");
    const int64_t batch = static_cast<int64_t>(box[0]);
    const double start_w = std::round(box[1] * scale), start_h = std::round(box[2] * scale);
    const double bin_w = std::max(std::round(box[3] * scale) - start_w + 1, 1.0) / static_cast<double>(pooled[1]);
    const double bin_h = std::max(std::round(box[4] * scale) - start_h + 1, 1.0) / static_cast<double>(pooled[0]);
    auto bound = [](double value, int64_t size) {
      return static_cast<int64_t>(std::clamp(value, 0.0, static_cast<double>(size)));
    };
    for (int64_t channel = 0; channel < channels; ++channel) {
      const double* plane = image->data() + (batch * channels + channel) * height * width;
      for (int64_t ph = 0; ph < pooled[0]; ++ph) {
        for (int64_t pw = 0; pw < pooled[1]; ++pw) {
          const int64_t h_begin = bound(std::floor(static_cast<double>(ph) * bin_h) + start_h, height);
          const int64_t h_end = bound(std::ceil(static_cast<double>(ph + 1) * bin_h) + start_h, height);
          const int64_t w_begin = bound(std::floor(static_cast<double>(pw) * bin_w) + start_w, width);
          const int64_t w_end = bound(std::ceil(static_cast<double>(pw + 1) * bin_w) + start_w, width);
          double value = h_begin < h_end && w_begin < w_end ? -INFINITY : 0;
          for (int64_t h = h_begin; h < h_end; ++h) {
            for (int64_t w = w_begin; w < w_end; ++w) value = std::max(value, plane[h * width + w]);
          }
          result.push_back(value);
        }
      }
    }
  }
  return FromDoubles(result, c.output(0));
}

constexpr NamedHostFunction kFunctions[] = {
    {"max_roi_pool", &MaxRoiPool},
    {"non_max_suppression", &NonMaxSuppression},
    {"roi_align", &RoiAlign},
};

}  // namespace

absl::Span<const NamedHostFunction> DetectionFunctions() { return kFunctions; }

}  // namespace plimsoll::runtime
