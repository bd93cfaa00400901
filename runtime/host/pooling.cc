// max_pool_with_indices, max_unpool, col2_im: windows whose positions are data or add up.
#include <algorithm>
#include <cstring>
#include <vector>

#include "runtime/host/elements.h"
#include "runtime/host/families.h"
#include "runtime/host/shapes.h"

namespace plimsoll::runtime {
namespace {

struct Window {
  Dims kernel, strides, dilations, pads;  // pads: begins, then ends
};

absl::StatusOr<Window> WindowOf(const HostCallContext& c, const Dims& kernel) {
  const size_t n = kernel.size();
  Window w{kernel, c.Ints("strides", Dims(n, 1)), c.Ints("dilations", Dims(n, 1)), c.Ints("pads", Dims(2 * n, 0))};
  if (w.strides.empty()) w.strides.assign(n, 1);
  if (w.dilations.empty()) w.dilations.assign(n, 1);
  if (w.pads.empty()) w.pads.assign(2 * n, 0);
  bool sound = w.strides.size() == n && w.dilations.size() == n && w.pads.size() == 2 * n;
  for (size_t i = 0; sound && i < n; ++i) sound = w.strides[i] >= 1 && w.dilations[i] >= 1 && w.kernel[i] >= 1;
  if (!sound) return BadShape("a window whose strides, dilations or pads do not match its kernel");
  return w;
}

// ONNX's auto_pad, given the sizes that it has led to.
void ApplyAutoPad(const std::string& auto_pad, const Dims& in, const Dims& out, Window& w) {
  if (auto_pad.rfind("SAME", 0) != 0) return;
  for (size_t i = 0; i < in.size(); ++i) {
    const int64_t reach = (w.kernel[i] - 1) * w.dilations[i] + 1;
    const int64_t total = std::max<int64_t>(0, (out[i] - 1) * w.strides[i] + reach - in[i]);
    w.pads[i] = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
  }
}

absl::Status MaxPoolWithIndices(HostCallContext& c) {
  if (absl::Status status = c.Expect(1, 2); !status.ok()) return status;
  const HostTensor &x = c.input(0), &y = c.output(0), &indices = c.output(1);
  auto window = WindowOf(c, c.Ints("kernel_shape", {}));
  if (!window.ok()) return window.status();
  Window& w = *window;
  if (x.rank() != static_cast<int>(w.kernel.size()) + 2 || y.rank() != x.rank() || indices.dims != y.dims) {
    return BadShape("max_pool: the kernel does not match the input");
  }
  const Dims in(x.dims.begin() + 2, x.dims.end()), out(y.dims.begin() + 2, y.dims.end());
  ApplyAutoPad(c.String("auto_pad", "NOTSET"), in, out, w);
  const bool column_major = c.Int("storage_order", 0) != 0;
  const Dims strides = RowMajor(in);
  Dims index_strides = strides;
  if (column_major) {
    int64_t stride = 1;
    for (size_t i = 0; i < in.size(); stride *= in[i], ++i) index_strides[i] = stride;
  }
  const int64_t planes = x.dims[0] * x.dims[1], size = Product(in), out_size = Product(out);
  if (planes * out_size == 0) return absl::OkStatus();
  return ForNumbers(x.dtype, [&](auto tag) -> absl::Status {
    using T = typename decltype(tag)::type;
    for (int64_t plane = 0; plane < planes; ++plane) {
      const T* from = x.as<T>() + plane * size;
      Dims at(out.size(), 0);
      int64_t to = plane * out_size;
      do {
        int64_t best = -1, best_index = 0;
        Dims tap(w.kernel.size(), 0);
        do {
          int64_t offset = 0, index = 0;
          bool inside = true;
          for (size_t i = 0; i < in.size(); ++i) {
            const int64_t p = at[i] * w.strides[i] - w.pads[i] + tap[i] * w.dilations[i];
            inside &= p >= 0 && p < in[i];
            offset += p * strides[i];
            index += p * index_strides[i];
          }
          if (!inside) continue;
          if (best < 0 || static_cast<Compute<T>>(from[offset]) > static_cast<Compute<T>>(from[best])) {
            best = offset;
            best_index = index;
          }
        } while (Advance(tap, w.kernel));
        if (best < 0) return BadShape("max_pool: a window that lies in the padding");
        y.as<T>()[to] = from[best];
        indices.as<int64_t>()[to++] = plane * size + best_index;
      } while (Advance(at, out));
    }
    return absl::OkStatus();
  });
}

// Inputs X, indices, and the output's shape where it is larger than the window says.
absl::Status MaxUnpool(HostCallContext& c) {
  if (absl::Status status = c.Expect(2, 1); !status.ok()) return status;
  const HostTensor &x = c.input(0), &indices = c.input(1), &y = c.output(0);
  auto window = WindowOf(c, c.Ints("kernel_shape", {}));
  if (!window.ok()) return window.status();
  if (x.rank() != static_cast<int>(window->kernel.size()) + 2 || indices.dims != x.dims || indices.dtype != plan::I64 ||
      y.rank() != x.rank()) {
    return BadShape("max_unpool: X and indices of one shape, with two dimensions more than the kernel, expected");
  }
  // The shape that the indices refer to.
  Dims shape{x.dims[0], x.dims[1]};
  for (size_t i = 0; i < window->kernel.size(); ++i) {
    shape.push_back((x.dims[i + 2] - 1) * window->strides[i] - window->pads[i] -
                    window->pads[i + window->kernel.size()] + window->kernel[i]);
  }
  for (int i = 0; i < x.rank(); ++i) {
    if (shape[i] < 0 || shape[i] > y.dims[i]) return BadShape("max_unpool: the output is smaller than what is unpooled");
  }
  const size_t element = static_cast<size_t>(plan::ElementSize(x.dtype));
  std::memset(y.data, 0, static_cast<size_t>(y.count()) * element);
  const Dims strides = RowMajor(y.dims);
  const int64_t count = x.count(), room = Product(shape);
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = indices.as<int64_t>()[i];
    if (rest < 0 || rest >= room) {
      return absl::InvalidArgumentError(absl::StrCat("max_unpool: index ", rest, " is outside of ", room, " elements"));
    }
    int64_t to = 0;
    for (size_t d = shape.size(); d-- > 0; rest /= shape[d]) to += rest % shape[d] * strides[d];
    std::memcpy(y.data + static_cast<size_t>(to) * element, x.data + static_cast<size_t>(i) * element, element);
  }
  return absl::OkStatus();
}

// Inputs: columns [n, channels * kernel, blocks], image shape, block shape.
absl::Status Col2Im(HostCallContext& c) {
  if (absl::Status status = c.Expect(3, 1); !status.ok()) return status;
  const HostTensor &x = c.input(0), &y = c.output(0);
  Dims image, kernel;
  for (int i = 1; i < 3; ++i) {
    if (absl::Status status = ExpectIndices(c.input(i)); !status.ok()) return status;
    for (int64_t d = 0; d < c.input(i).count(); ++d) (i == 1 ? image : kernel).push_back(IndexAt(c.input(i), d));
  }
  auto window = WindowOf(c, kernel);
  if (!window.ok()) return window.status();
  const Window& w = *window;
  if (x.rank() != 3 || image.size() != kernel.size()) return BadShape("col2_im: columns [n, c * kernel, blocks] expected");
  const int64_t taps = Product(kernel);
  Dims blocks, dims{x.dims[0], x.dims[1] / taps};
  for (size_t i = 0; i < image.size(); ++i) {
    const int64_t room = image[i] + w.pads[i] + w.pads[i + image.size()] - (w.dilations[i] * (kernel[i] - 1) + 1);
    if (room < 0) return BadShape("col2_im: the block is larger than the image");
    blocks.push_back(room / w.strides[i] + 1);
  }
  if (x.dims[1] % taps != 0 || Product(blocks) != x.dims[2]) return BadShape("col2_im: the columns do not match the image");
  dims.insert(dims.end(), image.begin(), image.end());
  if (absl::Status status = c.SetDims(0, dims); !status.ok()) return status;
  const int64_t planes = dims[0] * dims[1], size = Product(image), positions = x.dims[2];
  const Dims strides = RowMajor(image);
  auto data = ToDoubles(x);
  if (!data.ok()) return data.status();
  std::vector<double> result(static_cast<size_t>(planes * size));
  for (int64_t plane = 0; plane < planes; ++plane) {
    Dims tap(kernel.size(), 0);
    for (int64_t k = 0; k < taps; ++k, Advance(tap, kernel)) {
      Dims block(blocks.size(), 0);
      for (int64_t b = 0; b < positions; ++b, Advance(block, blocks)) {
        int64_t to = 0;
        bool inside = true;
        for (size_t i = 0; i < image.size(); ++i) {
          const int64_t p = block[i] * w.strides[i] - w.pads[i] + tap[i] * w.dilations[i];
          inside &= p >= 0 && p < image[i];
          to += p * strides[i];
        }
        if (inside) result[plane * size + to] += (*data)[(plane * taps + k) * positions + b];
      }
    }
  }
  return FromDoubles(result, y);
}

constexpr NamedHostFunction kFunctions[] = {
    {"col2_im", &Col2Im},
    {"max_pool_with_indices", &MaxPoolWithIndices},
    {"max_unpool", &MaxUnpool},
};

}  // namespace

absl::Span<const NamedHostFunction> PoolingFunctions() { return kFunctions; }

}  // namespace plimsoll::runtime
