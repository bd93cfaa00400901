#include "runtime/library/cudnn/testing/convolution_sums.h"

#include <algorithm>
#include <array>

namespace plimsoll::runtime::cudnn::emulated {
namespace {

using backend::DescriptorType;
using Space = std::array<int64_t, 3>;

// Spatial numbers as of three dims, with `otherwise` for those that are not there.
Space Spatial(const Dims& dims, size_t first, int64_t otherwise) {
  Space space = {otherwise, otherwise, otherwise};
  std::copy(dims.begin() + static_cast<int64_t>(first), dims.end(),
            space.end() - static_cast<int64_t>(dims.size() - first));
  return space;
}

// Calls visit(x, w, y) with the indices of the elements of every product of the convolution.
template <typename Visit>
void ForEachProduct(const ConvolutionParameters& convolution, const Dims& x_dims, const Dims& w_dims,
                    const Dims& y_dims, Visit visit) {
  const Space x = Spatial(x_dims, 2, 1), w = Spatial(w_dims, 2, 1), y = Spatial(y_dims, 2, 1);
  const Space pads = Spatial(convolution.pads_begin, 0, 0), strides = Spatial(convolution.strides, 0, 1),
              dilations = Spatial(convolution.dilations, 0, 1);
  const int64_t x_count = x[0] * x[1] * x[2], w_count = w[0] * w[1] * w[2], y_count = y[0] * y[1] * y[2];
  const int64_t channels = w_dims[1], per_group = w_dims[0] / (x_dims[1] / channels);
  // Where a tap of the window falls in the source, along one dim; below 0: beside it.
  auto source = [&](int i, int64_t at, int64_t tap) {
    const int64_t index = at * strides[i] - pads[i] + tap * dilations[i];
    return index < x[i] ? index : -1;
  };
  for (int64_t position = 0; position < y_count; ++position) {
    const int64_t y0 = position / (y[1] * y[2]), y1 = position / y[2] % y[1], y2 = position % y[2];
    for (int64_t tap = 0; tap < w_count; ++tap) {
      const int64_t x0 = source(0, y0, tap / (w[1] * w[2])), x1 = source(1, y1, tap / w[2] % w[1]),
                    x2 = source(2, y2, tap % w[2]);
      if (x0 < 0 || x1 < 0 || x2 < 0) continue;
      const int64_t under = (x0 * x[1] + x1) * x[2] + x2;
      for (int64_t n = 0; n < y_dims[0]; ++n) {
        for (int64_t k = 0; k < y_dims[1]; ++k) {
          for (int64_t c = 0; c < channels; ++c) {
            visit((n * x_dims[1] + k / per_group * channels + c) * x_count + under, (k * channels + c) * w_count + tap,
                  (n * y_dims[1] + k) * y_count + position);
          }
        }
      }
    }
  }
}

}  // namespace

std::vector<double> ConvolutionSums(const Operation& operation, const std::vector<double>& first,
                                    const std::vector<double>& second) {
  std::vector<double> sums(Count(operation.y.dims), 0.0);
  const Dims &x = operation.x.dims, &b = operation.b->dims, &y = operation.y.dims;
  switch (operation.kind) {
    case DescriptorType::kConvolutionBackwardData:
      ForEachProduct(operation.convolution, y, b, x,
                     [&](int64_t dx, int64_t w, int64_t dy) { sums[dx] += first[dy] * second[w]; });
      break;
    case DescriptorType::kConvolutionBackwardFilter:
      ForEachProduct(operation.convolution, x, y, b,
                     [&](int64_t in, int64_t dw, int64_t dy) { sums[dw] += first[in] * second[dy]; });
      break;
    default:
      ForEachProduct(operation.convolution, x, b, y,
                     [&](int64_t in, int64_t w, int64_t out) { sums[out] += first[in] * second[w]; });
  }
  return sums;
}

}  // namespace plimsoll::runtime::cudnn::emulated
