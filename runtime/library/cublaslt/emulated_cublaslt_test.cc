// The emulation is as strict as the library that it stands for.
#include "runtime/library/cublaslt/testing/emulated_cublaslt.h"

#include "gtest/gtest.h"

namespace plimsoll::runtime::cublaslt {
namespace {

class EmulatedCublasLtTest : public testing::Test {
 protected:
  // D[8, 4] = A[8, 16] B[16, 4], f32.
  EmulatedCublasLtTest() : api_(*Emulate(&emulated_)) {
    api_.Create(&handle_);
    api_.MatmulDescCreate(&desc_, kCompute32F, kR32F);
    api_.MatrixLayoutCreate(&a_, kR32F, 8, 16, 8);
    api_.MatrixLayoutCreate(&b_, kR32F, 16, 4, 16);
    api_.MatrixLayoutCreate(&d_, kR32F, 8, 4, 8);
    api_.PreferenceCreate(&preference_);
  }
  ~EmulatedCublasLtTest() override {
    api_.PreferenceDestroy(preference_);
    for (MatrixLayout layout : {a_, b_, d_}) api_.MatrixLayoutDestroy(layout);
    api_.MatmulDescDestroy(desc_);
    api_.Destroy(handle_);
    EXPECT_EQ(emulated_.live_objects, 0);
  }

  int Ask(HeuristicResult* result) {
    int returned = 0;
    return api_.AlgoGetHeuristic(handle_, desc_, a_, b_, d_, d_, preference_, 1, result, &returned);
  }
  int Multiply(const Algorithm* algorithm, const void* alpha, void* d, void* workspace = nullptr, size_t bytes = 0) {
    return api_.Matmul(handle_, desc_, alpha, memory_, a_, memory_ + 128, b_, &zero_, d, d_, d, d_, algorithm,
                       workspace, bytes, nullptr);
  }

  EmulatedCublasLt emulated_;
  const Api& api_;
  Handle handle_ = nullptr;
  MatmulDesc desc_ = nullptr;
  MatrixLayout a_ = nullptr, b_ = nullptr, d_ = nullptr;
  Preference preference_ = nullptr;
  alignas(256) float memory_[512] = {};
  const float one_ = 1, zero_ = 0;
};

TEST_F(EmulatedCublasLtTest, ComputesWhatItIsGiven) {
  for (int i = 0; i < 192; ++i) memory_[i] = static_cast<float>(i % 7);
  HeuristicResult result;
  ASSERT_EQ(Ask(&result), kSuccess);
  ASSERT_EQ(Multiply(&result.algorithm, &one_, memory_ + 256), kSuccess);
  for (int row = 0; row < 8; ++row) {
    for (int column = 0; column < 4; ++column) {
      float want = 0;
      for (int k = 0; k < 16; ++k) want += memory_[k * 8 + row] * memory_[128 + column * 16 + k];
      EXPECT_EQ(memory_[256 + column * 8 + row], want);
    }
  }
}

TEST_F(EmulatedCublasLtTest, RefusesWhatTheLibraryRefuses) {
  const int32_t transpose = kOpT;
  EXPECT_EQ(api_.MatmulDescSetAttribute(desc_, kTransA, &transpose, 8), kInvalidValue);
  EXPECT_EQ(api_.MatmulDescSetAttribute(desc_, kTransA, nullptr, 4), kInvalidValue);
  EXPECT_EQ(api_.MatmulDescSetAttribute(nullptr, kTransA, &transpose, 4), kInvalidValue);
  EXPECT_EQ(api_.MatmulDescSetAttribute(desc_, 99, &transpose, 4), kInvalidValue);
  MatrixLayout layout = nullptr;
  EXPECT_EQ(api_.MatrixLayoutCreate(&layout, kR32F, 8, 4, 7), kInvalidValue);
  EXPECT_EQ(api_.MatrixLayoutCreate(&layout, 99, 8, 4, 8), kInvalidValue);
  MatmulDesc desc = nullptr;
  EXPECT_EQ(api_.MatmulDescCreate(&desc, kCompute64F, kR32F), kInvalidValue);

  HeuristicResult result;
  ASSERT_EQ(Ask(&result), kSuccess);
  const Algorithm algorithm = result.algorithm;
  EXPECT_EQ(Multiply(&algorithm, nullptr, memory_ + 256), kInvalidValue);
  EXPECT_EQ(Multiply(nullptr, &one_, memory_ + 256), kInvalidValue);
  EXPECT_EQ(Multiply(&algorithm, &one_, memory_ + 257), kExecutionFailed);  // chosen for multiples of 256
  EXPECT_EQ(Multiply(&algorithm, &one_, nullptr), kExecutionFailed);
  // Another problem by then: the algorithm is not for it, and its matrices do not fit.
  const uint32_t relu = kEpilogueRelu, bias = kEpilogueBias;
  ASSERT_EQ(api_.MatmulDescSetAttribute(desc_, kEpilogue, &relu, 4), kSuccess);
  EXPECT_EQ(Multiply(&algorithm, &one_, memory_ + 256), kInvalidValue);
  ASSERT_EQ(api_.MatmulDescSetAttribute(desc_, kEpilogue, &bias, 4), kSuccess);
  EXPECT_EQ(Ask(&result), kInvalidValue);  // no bias pointer
  ASSERT_EQ(api_.MatmulDescSetAttribute(desc_, kTransA, &transpose, 4), kSuccess);
  EXPECT_EQ(Ask(&result), kInvalidValue);
}

TEST_F(EmulatedCublasLtTest, WorkspacesAreHeldToTheirSizeAndAlignment) {
  api_.MatrixLayoutDestroy(a_);
  api_.MatrixLayoutDestroy(b_);
  api_.MatrixLayoutCreate(&a_, kR32F, 1, 300, 1);
  api_.MatrixLayoutCreate(&b_, kR32F, 300, 1, 300);
  MatrixLayout one = nullptr;
  api_.MatrixLayoutCreate(&one, kR32F, 1, 1, 1);
  std::swap(one, d_);
  const uint64_t bytes = 32;
  ASSERT_EQ(api_.PreferenceSetAttribute(preference_, kMaxWorkspaceBytes, &bytes, sizeof(bytes)), kSuccess);
  HeuristicResult result;
  ASSERT_EQ(Ask(&result), kSuccess);
  EXPECT_EQ(result.workspace_bytes, 32u);
  alignas(256) char workspace[64];
  std::vector<float> operands(600);
  auto multiply = [&](void* at, size_t size) {
    return api_.Matmul(handle_, desc_, &one_, memory_, a_, memory_, b_, &zero_, memory_ + 448, d_, memory_ + 448, d_,
                       &result.algorithm, at, size, nullptr);
  };
  EXPECT_EQ(multiply(workspace, 31), kInvalidValue);
  EXPECT_EQ(multiply(workspace + 16, 32), kInvalidValue);
  EXPECT_EQ(multiply(nullptr, 32), kInvalidValue);
  EXPECT_EQ(multiply(workspace, 32), kSuccess);
  api_.MatrixLayoutDestroy(one);
}

}  // namespace
}  // namespace plimsoll::runtime::cublaslt
