#include "runtime/library/cudnn/testing/emulated_convolution.h"

#include <cstring>

namespace plimsoll::runtime::cudnn {

double Work::Weight(int64_t k, int64_t c, const std::vector<int>& at) const {
  int64_t index = k;
  if (w.format == kChannelsFirst) index = index * w.dims[1] + c;
  for (size_t i = 0; i < at.size(); ++i) index = index * w.dims[i + 2] + at[i];
  if (w.format == kChannelsLast) index = index * w.dims[1] + c;
  const double value = nvidia::LoadElement(PlanType(w.type), w_data, index);
  return Rounded(value);
}

double Work::Rounded(double value) const {
  return w.type == kFloat && convolution.math_type != kFmaMath ? nvidia::RoundToTf32(value) : value;
}

int64_t Work::At(const TensorStruct& tensor, int n, int c, const std::vector<int>& at) {
  int64_t index = static_cast<int64_t>(n) * tensor.strides[0] + static_cast<int64_t>(c) * tensor.strides[1];
  for (size_t i = 0; i < at.size(); ++i) index += static_cast<int64_t>(at[i]) * tensor.strides[i + 2];
  return index;
}

bool Work::Next(std::vector<int>& at, const int* dims) {
  for (size_t i = at.size(); i-- > 0;) {
    if (++at[i] < dims[i]) return true;
    at[i] = 0;
  }
  return false;
}

void Work::Forward() const {
  Scratch();
  const int spatial = static_cast<int>(x.dims.size()) - 2, group = w.dims[0] / convolution.groups;
  for (int n = 0; n < y.dims[0]; ++n) {
    for (int k = 0; k < y.dims[1]; ++k) {
      std::vector<int> out(spatial, 0);
      do {
        double sum = 0;
        std::vector<int> tap(spatial, 0);
        do {
          std::vector<int> in(spatial);
          bool inside = true;
          for (int i = 0; i < spatial; ++i) {
            in[i] = out[i] * convolution.strides[i] - convolution.pads[i] + tap[i] * convolution.dilations[i];
            inside &= in[i] >= 0 && in[i] < x.dims[i + 2];
          }
          if (!inside) continue;
          for (int c = 0; c < w.dims[1]; ++c) {
            sum += Weight(k, c, tap) *
                   Rounded(nvidia::LoadElement(PlanType(x.type), x_data, At(x, n, k / group * w.dims[1] + c, in)));
          }
        } while (Next(tap, w.dims.data() + 2));
        Store(y, y_data, n, k, out, sum);
      } while (Next(out, y.dims.data() + 2));
    }
  }
}

void Work::BackwardData() const {
  Scratch();
  const int spatial = static_cast<int>(x.dims.size()) - 2, group = w.dims[0] / convolution.groups;
  for (int n = 0; n < x.dims[0]; ++n) {
    for (int c = 0; c < x.dims[1]; ++c) {
      std::vector<int> at(spatial, 0);
      do {
        double sum = 0;
        std::vector<int> tap(spatial, 0);
        do {
          std::vector<int> out(spatial);
          bool inside = true;
          for (int i = 0; i < spatial; ++i) {
            const int from = at[i] + convolution.pads[i] - tap[i] * convolution.dilations[i];
            out[i] = from / convolution.strides[i];
            inside &= from >= 0 && from % convolution.strides[i] == 0 && out[i] < y.dims[i + 2];
          }
          if (!inside) continue;
          const int first = c / w.dims[1] * group;
          for (int k = first; k < first + group; ++k) {
            sum += Weight(k, c % w.dims[1], tap) *
                   Rounded(nvidia::LoadElement(PlanType(y.type), y_data, At(y, n, k, out)));
          }
        } while (Next(tap, w.dims.data() + 2));
        Store(x, x_data, n, c, at, sum);
      } while (Next(at, x.dims.data() + 2));
    }
  }
}

void Work::AddBias() const {
  for (int n = 0; n < x.dims[0]; ++n) {
    for (int c = 0; c < x.dims[1]; ++c) {
      std::vector<int> at(x.dims.size() - 2, 0);
      do {
        const int64_t index = At(x, n, c, at);
        nvidia::StoreElement(
            PlanType(x.type), x_data, index,
            nvidia::LoadElement(PlanType(x.type), x_data, index) + nvidia::LoadElement(PlanType(x.type), bias, c));
      } while (Next(at, x.dims.data() + 2));
    }
  }
}

void Work::Scratch() const {
  if (workspace_bytes > 0) std::memset(workspace, 0x5a, workspace_bytes);
}

void Work::Store(const TensorStruct& tensor, void* data, int n, int c, const std::vector<int>& at, double value) const {
  const plan::DataType type = PlanType(tensor.type);
  if (beta != 0) value += beta * nvidia::LoadElement(type, z_data, At(z, n, c, at));
  if (bias != nullptr) value += nvidia::LoadElement(type, bias, c);
  if (has_relu) value = value > 0 ? value : 0;
  nvidia::StoreElement(type, data, At(tensor, n, c, at), value);
}

}  // namespace plimsoll::runtime::cudnn
