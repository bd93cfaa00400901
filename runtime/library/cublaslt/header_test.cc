// Our declarations of cuBLASLt against NVIDIA's header, and what of the library answers without a GPU.
#include <cublasLt.h>

#include <type_traits>

#include "gtest/gtest.h"
#include "runtime/library/cublaslt/api.h"
#include "runtime/library/nvidia/testing/signature.h"

namespace plimsoll::runtime::cublaslt {
namespace {

static_assert(kSuccess == static_cast<int>(CUBLAS_STATUS_SUCCESS));
static_assert(kNotInitialized == static_cast<int>(CUBLAS_STATUS_NOT_INITIALIZED));
static_assert(kAllocFailed == static_cast<int>(CUBLAS_STATUS_ALLOC_FAILED));
static_assert(kInvalidValue == static_cast<int>(CUBLAS_STATUS_INVALID_VALUE));
static_assert(kArchMismatch == static_cast<int>(CUBLAS_STATUS_ARCH_MISMATCH));
static_assert(kExecutionFailed == static_cast<int>(CUBLAS_STATUS_EXECUTION_FAILED));
static_assert(kInternalError == static_cast<int>(CUBLAS_STATUS_INTERNAL_ERROR));
static_assert(kNotSupported == static_cast<int>(CUBLAS_STATUS_NOT_SUPPORTED));
static_assert(kR32F == static_cast<int>(CUDA_R_32F) && kR64F == static_cast<int>(CUDA_R_64F));
static_assert(kR16F == static_cast<int>(CUDA_R_16F) && kR16BF == static_cast<int>(CUDA_R_16BF));
static_assert(kCompute32F == static_cast<int>(CUBLAS_COMPUTE_32F) &&
              kCompute64F == static_cast<int>(CUBLAS_COMPUTE_64F));
static_assert(kCompute32FFastTf32 == static_cast<int>(CUBLAS_COMPUTE_32F_FAST_TF32));
static_assert(kOpN == static_cast<int>(CUBLAS_OP_N) && kOpT == static_cast<int>(CUBLAS_OP_T));
static_assert(kTransA == static_cast<int>(CUBLASLT_MATMUL_DESC_TRANSA));
static_assert(kTransB == static_cast<int>(CUBLASLT_MATMUL_DESC_TRANSB));
static_assert(kEpilogue == static_cast<int>(CUBLASLT_MATMUL_DESC_EPILOGUE));
static_assert(kBiasPointer == static_cast<int>(CUBLASLT_MATMUL_DESC_BIAS_POINTER));
static_assert(kBiasDataType == static_cast<int>(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE));
static_assert(kBatchCount == static_cast<int>(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT));
static_assert(kStridedBatchOffset == static_cast<int>(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET));
static_assert(kMaxWorkspaceBytes == static_cast<int>(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES));
static_assert(kReductionSchemeMask == static_cast<int>(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK));
static_assert(kMinAlignmentABytes == static_cast<int>(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES));
static_assert(kMinAlignmentBBytes == static_cast<int>(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES));
static_assert(kMinAlignmentCBytes == static_cast<int>(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES));
static_assert(kMinAlignmentDBytes == static_cast<int>(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES));
static_assert(kEpilogueDefault == static_cast<uint32_t>(CUBLASLT_EPILOGUE_DEFAULT));
static_assert(kEpilogueRelu == static_cast<uint32_t>(CUBLASLT_EPILOGUE_RELU));
static_assert(kEpilogueBias == static_cast<uint32_t>(CUBLASLT_EPILOGUE_BIAS));
static_assert(kEpilogueReluBias == static_cast<uint32_t>(CUBLASLT_EPILOGUE_RELU_BIAS));
static_assert(kEpilogueGelu == static_cast<uint32_t>(CUBLASLT_EPILOGUE_GELU));
static_assert(kEpilogueGeluBias == static_cast<uint32_t>(CUBLASLT_EPILOGUE_GELU_BIAS));
static_assert(kReductionNone == static_cast<uint32_t>(CUBLASLT_REDUCTION_SCHEME_NONE));
static_assert(kReductionComputeType == static_cast<uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
static_assert(sizeof(Algorithm) == sizeof(cublasLtMatmulAlgo_t) && alignof(Algorithm) == alignof(cublasLtMatmulAlgo_t));
static_assert(sizeof(HeuristicResult) == sizeof(cublasLtMatmulHeuristicResult_t));
static_assert(offsetof(HeuristicResult, algorithm) == offsetof(cublasLtMatmulHeuristicResult_t, algo));
static_assert(offsetof(HeuristicResult, workspace_bytes) == offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize));
static_assert(offsetof(HeuristicResult, state) == offsetof(cublasLtMatmulHeuristicResult_t, state));
static_assert(offsetof(HeuristicResult, waves) == offsetof(cublasLtMatmulHeuristicResult_t, wavesCount));

#define EXPECT_SAME(field, function) static_assert(nvidia::SameSignature<decltype(Api::field), decltype(&function)>::value)
EXPECT_SAME(GetVersion, cublasLtGetVersion);
EXPECT_SAME(GetStatusString, cublasLtGetStatusString);
EXPECT_SAME(Create, cublasLtCreate);
EXPECT_SAME(Destroy, cublasLtDestroy);
EXPECT_SAME(MatmulDescCreate, cublasLtMatmulDescCreate);
EXPECT_SAME(MatmulDescDestroy, cublasLtMatmulDescDestroy);
EXPECT_SAME(MatmulDescSetAttribute, cublasLtMatmulDescSetAttribute);
EXPECT_SAME(MatrixLayoutCreate, cublasLtMatrixLayoutCreate);
EXPECT_SAME(MatrixLayoutDestroy, cublasLtMatrixLayoutDestroy);
EXPECT_SAME(MatrixLayoutSetAttribute, cublasLtMatrixLayoutSetAttribute);
EXPECT_SAME(PreferenceCreate, cublasLtMatmulPreferenceCreate);
EXPECT_SAME(PreferenceDestroy, cublasLtMatmulPreferenceDestroy);
EXPECT_SAME(PreferenceSetAttribute, cublasLtMatmulPreferenceSetAttribute);
EXPECT_SAME(AlgoGetHeuristic, cublasLtMatmulAlgoGetHeuristic);
EXPECT_SAME(Matmul, cublasLtMatmul);

// Attributes are passed by their sizes: the library refuses others. Descriptors live on the host, so that this needs no
// GPU.
TEST(CublasLtHeaderTest, TheLibraryTakesTheAttributesThatAreSet) {
  absl::StatusOr<const Api*> opened = Open();
  if (!opened.ok()) GTEST_SKIP() << opened.status().message();
  const Api& api = **opened;
  MatmulDesc desc = nullptr;
  ASSERT_EQ(api.MatmulDescCreate(&desc, kCompute32FFastTf32, kR32F), kSuccess);
  const int32_t transpose = kOpT, type = kR32F;
  const uint32_t epilogue = kEpilogueGeluBias;
  const void* bias = reinterpret_cast<const void*>(64);
  EXPECT_EQ(api.MatmulDescSetAttribute(desc, kTransA, &transpose, sizeof(transpose)), kSuccess);
  EXPECT_EQ(api.MatmulDescSetAttribute(desc, kTransB, &transpose, sizeof(transpose)), kSuccess);
  EXPECT_EQ(api.MatmulDescSetAttribute(desc, kEpilogue, &epilogue, sizeof(epilogue)), kSuccess);
  EXPECT_EQ(api.MatmulDescSetAttribute(desc, kBiasDataType, &type, sizeof(type)), kSuccess);
  EXPECT_EQ(api.MatmulDescSetAttribute(desc, kBiasPointer, &bias, sizeof(bias)), kSuccess);
  EXPECT_EQ(api.MatmulDescSetAttribute(desc, kTransA, &transpose, 3), kInvalidValue);
  EXPECT_EQ(api.MatmulDescDestroy(desc), kSuccess);
  MatrixLayout layout = nullptr;
  ASSERT_EQ(api.MatrixLayoutCreate(&layout, kR16BF, 64, 32, 64), kSuccess);
  const int32_t count = 3;
  const int64_t stride = 64 * 32;
  EXPECT_EQ(api.MatrixLayoutSetAttribute(layout, kBatchCount, &count, sizeof(count)), kSuccess);
  EXPECT_EQ(api.MatrixLayoutSetAttribute(layout, kStridedBatchOffset, &stride, sizeof(stride)), kSuccess);
  EXPECT_EQ(api.MatrixLayoutDestroy(layout), kSuccess);
  Preference preference = nullptr;
  ASSERT_EQ(api.PreferenceCreate(&preference), kSuccess);
  const uint64_t bytes = 1 << 20;
  const uint32_t mask = kReductionComputeType, alignment = 16;
  EXPECT_EQ(api.PreferenceSetAttribute(preference, kMaxWorkspaceBytes, &bytes, sizeof(bytes)), kSuccess);
  EXPECT_EQ(api.PreferenceSetAttribute(preference, kReductionSchemeMask, &mask, sizeof(mask)), kSuccess);
  for (int attribute : {kMinAlignmentABytes, kMinAlignmentBBytes, kMinAlignmentCBytes, kMinAlignmentDBytes}) {
    EXPECT_EQ(api.PreferenceSetAttribute(preference, attribute, &alignment, sizeof(alignment)), kSuccess);
  }
  EXPECT_EQ(api.PreferenceDestroy(preference), kSuccess);
}

}  // namespace
}  // namespace plimsoll::runtime::cublaslt
