// The arithmetic of the emulated cuDNN: convolutions, their gradients by the data, biases.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/library/cudnn/api.h"
#include "runtime/library/nvidia/testing/emulation.h"

namespace plimsoll::runtime::cudnn {

// The library's own structures, opaque to its users.
struct TensorStruct {
  int type = -1;  // not set
  std::vector<int> dims, strides;
};
struct FilterStruct {
  int type = -1, format = kChannelsFirst;
  std::vector<int> dims;
};
struct ConvolutionStruct {
  std::vector<int> pads, strides, dilations;
  int math_type = kDefaultMath, groups = 1, compute_type = -1;
};

inline plan::DataType PlanType(int type) {
  return type == kHalf ? plan::F16 : type == kBfloat16 ? plan::BF16 : plan::F32;
}

// All that the computations of one call read and write; descriptors are copied: they may be gone when the stream gets
// there.
struct Work {
  TensorStruct x, y, z;
  FilterStruct w;
  ConvolutionStruct convolution;
  void *x_data = nullptr, *y_data = nullptr;
  const void *w_data = nullptr, *z_data = nullptr, *bias = nullptr;
  void* workspace = nullptr;
  int64_t workspace_bytes = 0;
  double beta = 0;
  bool has_relu = false;

  double Weight(int64_t k, int64_t c, const std::vector<int>& at) const;
  double Rounded(double value) const;
  static int64_t At(const TensorStruct& tensor, int n, int c, const std::vector<int>& at);
  static bool Next(std::vector<int>& at, const int* dims);

  void Forward() const;

  void BackwardData() const;

  void AddBias() const;

 private:
  void Scratch() const;
  void Store(const TensorStruct& tensor, void* data, int n, int c, const std::vector<int>& at, double value) const;
};

}  // namespace plimsoll::runtime::cudnn
