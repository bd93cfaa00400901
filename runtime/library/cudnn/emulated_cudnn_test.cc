// The emulation is as strict as the library that it stands for.
#include "runtime/library/cudnn/testing/emulated_cudnn.h"

#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace plimsoll::runtime::cudnn {
namespace {

class EmulatedCudnnTest : public testing::Test {
 protected:
  // [1, 1, 4, 4] * [1, 1, 2, 2] -> [1, 1, 3, 3], f32.
  EmulatedCudnnTest() : api_(*Emulate(&emulated_)) {
    api_.Create(&handle_);
    api_.CreateTensorDescriptor(&x_);
    api_.CreateTensorDescriptor(&y_);
    api_.CreateTensorDescriptor(&bias_);
    api_.CreateFilterDescriptor(&w_);
    api_.CreateConvolutionDescriptor(&convolution_);
    api_.CreateActivationDescriptor(&activation_);
    const int x[] = {1, 1, 4, 4}, x_strides[] = {16, 16, 4, 1}, y[] = {1, 1, 3, 3}, y_strides[] = {9, 9, 3, 1};
    const int w[] = {1, 1, 2, 2}, one[] = {1, 1, 1, 1}, none[] = {0, 0};
    api_.SetTensorNdDescriptor(x_, kFloat, 4, x, x_strides);
    api_.SetTensorNdDescriptor(y_, kFloat, 4, y, y_strides);
    api_.SetTensorNdDescriptor(bias_, kFloat, 4, one, one);
    api_.SetFilterNdDescriptor(w_, kFloat, kChannelsFirst, 4, w);
    api_.SetConvolutionNdDescriptor(convolution_, 2, none, one, one, kCrossCorrelation, kFloat);
    api_.SetActivationDescriptor(activation_, kRelu, kNotPropagateNan, 0);
    for (int i = 0; i < 16; ++i) memory_[i] = static_cast<float>(i);
    memory_[64] = 1, memory_[65] = 2, memory_[66] = -1, memory_[67] = 0;  // w
    memory_[96] = 5;                                                      // bias
  }
  ~EmulatedCudnnTest() override {
    for (TensorDescriptor tensor : {x_, y_, bias_}) api_.DestroyTensorDescriptor(tensor);
    api_.DestroyFilterDescriptor(w_);
    api_.DestroyConvolutionDescriptor(convolution_);
    api_.DestroyActivationDescriptor(activation_);
    api_.Destroy(handle_);
    EXPECT_EQ(emulated_.live_objects, 0);
  }
  int Forward(int algorithm, const void* x, void* workspace, size_t bytes, const void* alpha) {
    return api_.Forward(handle_, alpha, x_, x, w_, memory_ + 64, convolution_, algorithm, workspace, bytes, &zero_, y_,
                        memory_ + 128);
  }

  EmulatedCudnn emulated_;
  const Api& api_;
  Handle handle_ = nullptr;
  TensorDescriptor x_ = nullptr, y_ = nullptr, bias_ = nullptr;
  FilterDescriptor w_ = nullptr;
  ConvolutionDescriptor convolution_ = nullptr;
  ActivationDescriptor activation_ = nullptr;
  alignas(64) float memory_[512] = {};
  const float one_ = 1, zero_ = 0;
};

TEST_F(EmulatedCudnnTest, ComputesWhatItIsGiven) {
  ASSERT_EQ(Forward(kImplicitGemm, memory_, nullptr, 0, &one_), kSuccess);
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      EXPECT_EQ(memory_[128 + i * 3 + j], memory_[i * 4 + j] + 2 * memory_[i * 4 + j + 1] - memory_[i * 4 + j + 4]);
    }
  }
}

TEST_F(EmulatedCudnnTest, RefusesWhatTheLibraryRefuses) {
  alignas(64) char workspace[1024];
  EXPECT_EQ(Forward(kImplicitPrecompGemm, memory_, workspace, 512, &one_), kSuccess);
  EXPECT_EQ(Forward(kImplicitPrecompGemm, memory_, workspace, 511, &one_), kBadParam);
  EXPECT_EQ(Forward(kImplicitPrecompGemm, memory_, nullptr, 512, &one_), kBadParam);
  EXPECT_EQ(Forward(kImplicitGemm, memory_, nullptr, 0, nullptr), kBadParam);
  EXPECT_EQ(Forward(kImplicitGemm, nullptr, nullptr, 0, &one_), kExecutionFailed);
  EXPECT_EQ(Forward(kImplicitGemm, memory_ + 1, nullptr, 0, &one_), kExecutionFailed);
  EXPECT_EQ(Forward(2, memory_, nullptr, 0, &one_), kNotSupported);
  EXPECT_EQ(Forward(8, memory_, nullptr, 0, &one_), kBadParam);
  auto fused = [&](int algorithm, TensorDescriptor z) {
    return api_.BiasActivationForward(handle_, &one_, x_, memory_, w_, memory_ + 64, convolution_, algorithm, workspace,
                                      1024, &zero_, z, memory_ + 128, bias_, memory_ + 96, activation_, y_,
                                      memory_ + 128);
  };
  EXPECT_EQ(fused(kImplicitGemm, y_), kSuccess);
  EXPECT_EQ(fused(kImplicitGemm, x_), kBadParam);
  api_.SetActivationDescriptor(activation_, kIdentity, kNotPropagateNan, 0);
  EXPECT_EQ(fused(kImplicitGemm, y_), kNotSupported);
  EXPECT_EQ(fused(kImplicitPrecompGemm, y_), kSuccess);
  api_.SetFilterNdDescriptor(w_, kHalf, kChannelsFirst, 4, std::vector<int>{1, 1, 2, 2}.data());
  EXPECT_EQ(fused(kImplicitPrecompGemm, y_), kNotSupported);
  api_.SetFilterNdDescriptor(w_, kFloat, kChannelsFirst, 4, std::vector<int>{1, 1, 3, 3}.data());
  EXPECT_EQ(fused(kImplicitPrecompGemm, y_), kBadParam);
  TensorDescriptor unset = nullptr;
  api_.CreateTensorDescriptor(&unset);
  std::swap(unset, x_);
  EXPECT_EQ(Forward(kImplicitGemm, memory_, nullptr, 0, &one_), kBadParam);
  std::swap(unset, x_);
  api_.DestroyTensorDescriptor(unset);
  EXPECT_EQ(api_.DestroyTensorDescriptor(nullptr), kBadParam);
}

}  // namespace
}  // namespace plimsoll::runtime::cudnn
