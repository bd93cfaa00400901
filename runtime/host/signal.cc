// dft, stft, mel_weight_matrix, det.
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "runtime/host/elements.h"
#include "runtime/host/families.h"
#include "runtime/host/shapes.h"

namespace plimsoll::runtime {
namespace {

using Complex = std::complex<double>;

// X[k] = sum of x[t] exp(-+ 2 pi i t k / n): by halves where n is even, else directly.
std::vector<Complex> Transform(const std::vector<Complex>& x, bool inverse) {
  const size_t n = x.size();
  std::vector<Complex> result(n);
  if (n == 0) return result;
  const double turn = (inverse ? 2 : -2) * std::numbers::pi / static_cast<double>(n);
  if (n % 2 != 0) {
    for (size_t k = 0; k < n; ++k) {
      for (size_t t = 0; t < n; ++t) result[k] += x[t] * std::polar(1.0, turn * static_cast<double>(t * k % n));
    }
    return result;
  }
  std::vector<Complex> even(n / 2), odd(n / 2);
  for (size_t i = 0; i < n / 2; ++i) {
    even[i] = x[2 * i];
    odd[i] = x[2 * i + 1];
  }
  even = Transform(even, inverse);
  odd = Transform(odd, inverse);
  for (size_t k = 0; k < n / 2; ++k) {
    const Complex rotated = std::polar(1.0, turn * static_cast<double>(k)) * odd[k];
    result[k] = even[k] + rotated;
    result[k + n / 2] = even[k] - rotated;
  }
  return result;
}

// Input: x [.., 1 or 2], the last dimension real or (real, imaginary); optional length and axis.
absl::Status Dft(HostCallContext& c) {
  if (absl::Status status = c.Expect(1, 1); !status.ok()) return status;
  const HostTensor &x = c.input(0), &y = c.output(0);
  int64_t axis_value = c.Int("axis", -2);  // an attribute before version 20, an input since
  if (c.has_input(2)) {
    auto given = Scalar(c.input(2));
    if (!given.ok()) return given.status();
    axis_value = static_cast<int64_t>(*given);
  }
  auto axis = Axis(axis_value, x.rank());
  if (!axis.ok()) return axis.status();
  const int64_t parts = x.rank() > 0 ? x.dims.back() : 0;
  if (x.rank() < 2 || *axis == x.rank() - 1 || parts < 1 || parts > 2) {
    return BadShape("dft: [.., 1 or 2] and an axis before the last expected");
  }
  const bool inverse = c.Int("inverse", 0) != 0, onesided = c.Int("onesided", 0) != 0;
  const AxisView view = ViewAlong(x.dims, *axis);
  int64_t length = inverse && onesided ? 2 * (view.size - 1) : view.size;
  if (c.has_input(1)) {
    auto given = Scalar(c.input(1));
    if (!given.ok()) return given.status();
    length = static_cast<int64_t>(*given);
  }
  if (length < 1 || length > (int64_t{1} << 28)) return absl::InvalidArgumentError(absl::StrCat("dft of length ", length));
  const int64_t bins = onesided && !inverse ? length / 2 + 1 : length;
  Dims dims = x.dims;
  dims[*axis] = bins;
  dims.back() = onesided && inverse ? 1 : 2;
  if (absl::Status status = c.SetDims(0, dims); !status.ok()) return status;
  auto data = ToDoubles(x);
  if (!data.ok()) return data.status();
  const int64_t inner = view.inner / parts, out_parts = dims.back();
  std::vector<double> result(static_cast<size_t>(Product(dims)));
  for (int64_t outer = 0; outer < view.outer; ++outer) {
    for (int64_t i = 0; i < inner; ++i) {
      std::vector<Complex> signal(static_cast<size_t>(length));
      for (int64_t t = 0; t < std::min(length, view.size); ++t) {
        const double* value = data->data() + ((outer * view.size + t) * inner + i) * parts;
        signal[t] = Complex(value[0], parts == 2 ? value[1] : 0);
      }
      if (inverse && onesided) {  // the other half mirrors the first
        for (int64_t t = length / 2 + 1; t < length; ++t) signal[t] = std::conj(signal[length - t]);
      }
      const std::vector<Complex> spectrum = Transform(signal, inverse);
      for (int64_t k = 0; k < bins; ++k) {
        const Complex value = inverse ? spectrum[k] / static_cast<double>(length) : spectrum[k];
        double* to = result.data() + ((outer * bins + k) * inner + i) * out_parts;
        to[0] = value.real();
        if (out_parts == 2) to[1] = value.imag();
      }
    }
  }
  return FromDoubles(result, y);
}

// Inputs: signal [batch, length, 1 or 2], step, optional window, optional frame length.
absl::Status Stft(HostCallContext& c) {
  if (absl::Status status = c.Expect(2, 1); !status.ok()) return status;
  const HostTensor &x = c.input(0), &y = c.output(0);
  if (x.rank() < 2 || x.rank() > 3 || (x.rank() == 3 && (x.dims[2] < 1 || x.dims[2] > 2))) {
    return BadShape("stft: a signal [batch, length, 1 or 2] expected");
  }
  const int64_t batch = x.dims[0], samples = x.dims[1], parts = x.rank() == 3 ? x.dims[2] : 1;
  auto step = Scalar(c.input(1));
  if (!step.ok()) return step.status();
  std::vector<double> window;
  int64_t length = samples;
  if (c.has_input(2)) {
    auto values = ToDoubles(c.input(2));
    if (!values.ok()) return values.status();
    window = *std::move(values);
    length = static_cast<int64_t>(window.size());
  }
  if (c.has_input(3)) {
    auto given = Scalar(c.input(3));
    if (!given.ok()) return given.status();
    length = static_cast<int64_t>(*given);
  }
  if (*step < 1 || length < 1 || length > samples) return BadShape("stft: a step or frame length out of range");
  if (window.empty()) window.assign(static_cast<size_t>(length), 1);
  const int64_t hop = static_cast<int64_t>(*step), frames = (samples - length) / hop + 1;
  const int64_t bins = c.Int("onesided", 1) != 0 ? length / 2 + 1 : length;
  if (absl::Status status = c.SetDims(0, {batch, frames, bins, 2}); !status.ok()) return status;
  auto data = ToDoubles(x);
  if (!data.ok()) return data.status();
  std::vector<double> result;
  result.reserve(static_cast<size_t>(y.count()));
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t frame = 0; frame < frames; ++frame) {
      std::vector<Complex> signal(static_cast<size_t>(length));
      for (int64_t t = 0; t < std::min<int64_t>(length, static_cast<int64_t>(window.size())); ++t) {
        const double* value = data->data() + (b * samples + frame * hop + t) * parts;
        signal[t] = window[t] * Complex(value[0], parts == 2 ? value[1] : 0);
      }
      const std::vector<Complex> spectrum = Transform(signal, /*inverse=*/false);
      for (int64_t k = 0; k < bins; ++k) result.insert(result.end(), {spectrum[k].real(), spectrum[k].imag()});
    }
  }
  return FromDoubles(result, y);
}

absl::Status MelWeightMatrix(HostCallContext& c) {
  if (absl::Status status = c.Expect(5, 1); !status.ok()) return status;
  double in[5];  // mel bins, dft length, sample rate, lowest and highest frequency
  for (int i = 0; i < 5; ++i) {
    auto value = Scalar(c.input(i));
    if (!value.ok()) return value.status();
    in[i] = *value;
  }
  if (!(in[0] >= 0 && in[0] < 1e6) || !(in[1] >= 0 && in[1] < 1e8) || !(in[2] > 0)) {
    return BadShape("mel_weight_matrix: sizes out of range");
  }
  const int64_t mels = static_cast<int64_t>(in[0]), bins = static_cast<int64_t>(in[1]) / 2 + 1;
  if (absl::Status status = c.SetDims(0, {bins, mels}); !status.ok()) return status;
  const double low = 2595 * std::log10(1 + in[3] / 700), high = 2595 * std::log10(1 + in[4] / 700);
  std::vector<int64_t> edges;
  for (int64_t i = 0; i < mels + 2; ++i) {
    const double mel = static_cast<double>(i) * (high - low) / static_cast<double>(mels + 2) + low;
    const double edge = std::floor((in[1] + 1) * (700 * (std::pow(10, mel / 2595) - 1)) / in[2]);
    if (!(edge >= 0 && edge < static_cast<double>(bins))) return BadShape("mel_weight_matrix: a frequency beyond the spectrum");
    edges.push_back(static_cast<int64_t>(edge));
  }
  std::vector<double> result(static_cast<size_t>(bins * mels));
  for (int64_t i = 0; i < mels; ++i) {
    const int64_t left = edges[i], center = edges[i + 1], right = edges[i + 2];
    if (center == left) result[center * mels + i] = 1;
    for (int64_t j = left; center > left && j <= center; ++j) {
      result[j * mels + i] = static_cast<double>(j - left) / static_cast<double>(center - left);
    }
    for (int64_t j = center; j < right; ++j) {
      result[j * mels + i] = static_cast<double>(right - j) / static_cast<double>(right - center);
    }
  }
  return FromDoubles(result, c.output(0));
}

absl::Status Det(HostCallContext& c) {
  if (absl::Status status = c.Expect(1, 1); !status.ok()) return status;
  const HostTensor& x = c.input(0);
  if (x.rank() < 2 || x.dims[x.rank() - 1] != x.dims[x.rank() - 2]) return BadShape("det: square matrices expected");
  const int64_t n = x.dims.back();
  if (absl::Status status = c.SetDims(0, Dims(x.dims.begin(), x.dims.end() - 2)); !status.ok()) return status;
  auto data = ToDoubles(x);
  if (!data.ok()) return data.status();
  std::vector<double> result;
  const int64_t matrices = Product(x.dims, 0, x.dims.size() - 2);
  for (int64_t m = 0; m < matrices; ++m) {
    double* a = data->data() + m * n * n;
    double det = 1;
    for (int64_t k = 0; k < n; ++k) {  // elimination with row pivots
      int64_t pivot = k;
      for (int64_t i = k + 1; i < n; ++i) {
        if (std::abs(a[i * n + k]) > std::abs(a[pivot * n + k])) pivot = i;
      }
      if (pivot != k) {
        for (int64_t j = 0; j < n; ++j) std::swap(a[k * n + j], a[pivot * n + j]);
        det = -det;
      }
      det *= a[k * n + k];
      if (a[k * n + k] == 0) break;
      for (int64_t i = k + 1; i < n; ++i) {
        const double factor = a[i * n + k] / a[k * n + k];
        for (int64_t j = k; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
      }
    }
    result.push_back(det);
  }
  return FromDoubles(result, c.output(0));
}

constexpr NamedHostFunction kFunctions[] = {
    {"det", &Det},
    {"dft", &Dft},
    {"mel_weight_matrix", &MelWeightMatrix},
    {"stft", &Stft},
};

}  // namespace

absl::Span<const NamedHostFunction> SignalFunctions() { return kFunctions; }

}  // namespace plimsoll::runtime
