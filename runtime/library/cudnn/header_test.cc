// Our declarations of cuDNN against NVIDIA's headers, and what of the library answers without a GPU.
#include <cudnn.h>

#include <type_traits>

#include "gtest/gtest.h"
#include "runtime/library/cudnn/api.h"
#include "runtime/library/cudnn/descriptors.h"
#include "runtime/library/nvidia/shared_library.h"
#include "runtime/library/nvidia/testing/device_tensor.h"
#include "runtime/library/nvidia/testing/signature.h"

#pragma clang diagnostic ignored "-Wdeprecated-declarations"

namespace plimsoll::runtime::cudnn {
namespace {

static_assert(CUDNN_MAJOR == 9);
static_assert(kSuccess == static_cast<int>(CUDNN_STATUS_SUCCESS));
static_assert(kNotInitialized == static_cast<int>(CUDNN_STATUS_NOT_INITIALIZED));
static_assert(kSublibraryLoadingFailed == static_cast<int>(CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED));
static_assert(kBadParam == static_cast<int>(CUDNN_STATUS_BAD_PARAM));
static_assert(kNotSupported == static_cast<int>(CUDNN_STATUS_NOT_SUPPORTED));
static_assert(kInternalError == static_cast<int>(CUDNN_STATUS_INTERNAL_ERROR));
static_assert(kHostAllocationFailed == static_cast<int>(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED));
static_assert(kDeviceAllocationFailed == static_cast<int>(CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED));
static_assert(kExecutionFailed == static_cast<int>(CUDNN_STATUS_EXECUTION_FAILED));
static_assert(CUDNN_STATUS_CATEGORY(CUDNN_STATUS_NOT_SUPPORTED_SHAPE) == static_cast<int>(kNotSupported));
static_assert(kFloat == static_cast<int>(CUDNN_DATA_FLOAT) && kHalf == static_cast<int>(CUDNN_DATA_HALF));
static_assert(kBfloat16 == static_cast<int>(CUDNN_DATA_BFLOAT16));
static_assert(kChannelsFirst == static_cast<int>(CUDNN_TENSOR_NCHW) &&
              kChannelsLast == static_cast<int>(CUDNN_TENSOR_NHWC));
static_assert(kDefaultMath == static_cast<int>(CUDNN_DEFAULT_MATH) &&
              kTensorOpMath == static_cast<int>(CUDNN_TENSOR_OP_MATH));
static_assert(kFmaMath == static_cast<int>(CUDNN_FMA_MATH));
static_assert(kCrossCorrelation == static_cast<int>(CUDNN_CROSS_CORRELATION));
static_assert(kRelu == static_cast<int>(CUDNN_ACTIVATION_RELU) &&
              kIdentity == static_cast<int>(CUDNN_ACTIVATION_IDENTITY));
static_assert(kNotPropagateNan == static_cast<int>(CUDNN_NOT_PROPAGATE_NAN));
static_assert(kNonDeterministic == static_cast<int>(CUDNN_NON_DETERMINISTIC));
static_assert(kDeterministic == static_cast<int>(CUDNN_DETERMINISTIC));
static_assert(kImplicitGemm == static_cast<int>(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM));
static_assert(kImplicitPrecompGemm == static_cast<int>(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM));
static_assert(kForwardAlgorithms == static_cast<int>(CUDNN_CONVOLUTION_FWD_ALGO_COUNT));
static_assert(kBackwardDataAlgorithms == static_cast<int>(CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT));

template <typename Theirs>
constexpr bool kIsPerformance =
    sizeof(Performance) == sizeof(Theirs) && offsetof(Performance, algorithm) == offsetof(Theirs, algo) &&
    offsetof(Performance, status) == offsetof(Theirs, status) &&
    offsetof(Performance, time) == offsetof(Theirs, time) &&
    offsetof(Performance, memory) == offsetof(Theirs, memory) &&
    offsetof(Performance, determinism) == offsetof(Theirs, determinism) &&
    offsetof(Performance, math_type) == offsetof(Theirs, mathType);
static_assert(kIsPerformance<cudnnConvolutionFwdAlgoPerf_t> && kIsPerformance<cudnnConvolutionBwdDataAlgoPerf_t>);

#define EXPECT_SAME(field, function) static_assert(nvidia::SameSignature<decltype(Api::field), decltype(&function)>::value)
EXPECT_SAME(GetVersion, cudnnGetVersion);
EXPECT_SAME(GetErrorString, cudnnGetErrorString);
EXPECT_SAME(Create, cudnnCreate);
EXPECT_SAME(Destroy, cudnnDestroy);
EXPECT_SAME(SetStream, cudnnSetStream);
EXPECT_SAME(CreateTensorDescriptor, cudnnCreateTensorDescriptor);
EXPECT_SAME(SetTensorNdDescriptor, cudnnSetTensorNdDescriptor);
EXPECT_SAME(DestroyTensorDescriptor, cudnnDestroyTensorDescriptor);
EXPECT_SAME(CreateFilterDescriptor, cudnnCreateFilterDescriptor);
EXPECT_SAME(SetFilterNdDescriptor, cudnnSetFilterNdDescriptor);
EXPECT_SAME(DestroyFilterDescriptor, cudnnDestroyFilterDescriptor);
EXPECT_SAME(CreateConvolutionDescriptor, cudnnCreateConvolutionDescriptor);
EXPECT_SAME(SetConvolutionNdDescriptor, cudnnSetConvolutionNdDescriptor);
EXPECT_SAME(SetConvolutionMathType, cudnnSetConvolutionMathType);
EXPECT_SAME(SetConvolutionGroupCount, cudnnSetConvolutionGroupCount);
EXPECT_SAME(DestroyConvolutionDescriptor, cudnnDestroyConvolutionDescriptor);
EXPECT_SAME(CreateActivationDescriptor, cudnnCreateActivationDescriptor);
EXPECT_SAME(SetActivationDescriptor, cudnnSetActivationDescriptor);
EXPECT_SAME(DestroyActivationDescriptor, cudnnDestroyActivationDescriptor);
EXPECT_SAME(GetForwardAlgorithm, cudnnGetConvolutionForwardAlgorithm_v7);
EXPECT_SAME(GetForwardWorkspaceSize, cudnnGetConvolutionForwardWorkspaceSize);
EXPECT_SAME(Forward, cudnnConvolutionForward);
EXPECT_SAME(BiasActivationForward, cudnnConvolutionBiasActivationForward);
EXPECT_SAME(GetBackwardDataAlgorithm, cudnnGetConvolutionBackwardDataAlgorithm_v7);
EXPECT_SAME(GetBackwardDataWorkspaceSize, cudnnGetConvolutionBackwardDataWorkspaceSize);
EXPECT_SAME(BackwardData, cudnnConvolutionBackwardData);
EXPECT_SAME(AddTensor, cudnnAddTensor);
EXPECT_SAME(GetLastErrorString, cudnnGetLastErrorString);
EXPECT_SAME(BackendCreateDescriptor, cudnnBackendCreateDescriptor);
EXPECT_SAME(BackendDestroyDescriptor, cudnnBackendDestroyDescriptor);
EXPECT_SAME(BackendSetAttribute, cudnnBackendSetAttribute);
EXPECT_SAME(BackendGetAttribute, cudnnBackendGetAttribute);
EXPECT_SAME(BackendFinalize, cudnnBackendFinalize);
EXPECT_SAME(BackendExecute, cudnnBackendExecute);

// Descriptors live on the host, so that this needs no GPU.
TEST(CudnnHeaderTest, TheLibraryTakesTheDescriptorsOfLayers) {
  absl::StatusOr<const Api*> opened = Open();
  if (!opened.ok()) GTEST_SKIP() << opened.status().message();
  decltype(&cudnnGetConvolutionNdForwardOutputDim) output_dims = nullptr;  // opened like the others: nothing is linked
  ASSERT_EQ(nvidia::OpenShared({"libcudnn.so.9"},
                               {{"cudnnGetConvolutionNdForwardOutputDim", reinterpret_cast<void**>(&output_dims)}}),
            absl::OkStatus());
  for (plan::DataType type : {plan::F32, plan::F16, plan::BF16}) {
    for (bool transposed : {false, true}) {
      for (int spatial : {1, 2, 3}) {
        for (bool channels_last : {false, true}) {
          if (channels_last && spatial == 3) continue;
          plan::LibraryOp op;
          plan::Convolution& convolution = *op.mutable_convolution();
          Dims x{2, 4, 9}, y{2, 6, 5}, w{6, 2, 3};
          for (int i = 1; i < spatial; ++i) {
            x.push_back(9);
            y.push_back(5);
            w.push_back(3);
          }
          auto strides = [&](const Dims& dims) { return channels_last ? ChannelsLast(dims) : Dense(dims); };
          SetDesc(convolution.mutable_src(), type, transposed ? y : x, strides(transposed ? y : x));
          SetDesc(convolution.mutable_dst(), type, transposed ? x : y, strides(transposed ? x : y));
          SetDesc(convolution.mutable_weights(), type, w, strides(w));
          SetDesc(convolution.mutable_bias(), type, {transposed ? 4 : 6});
          for (int i = 0; i < spatial; ++i) {
            convolution.add_strides(2);
            convolution.add_pads_begin(1);
            convolution.add_pads_end(1);
          }
          convolution.set_groups(2);
          convolution.set_transposed(transposed);
          absl::StatusOr<Layer> layer = LayerOf(op, nvidia::CudaTarget());
          ASSERT_TRUE(layer.ok()) << layer.status();
          Descriptors descriptors(**opened);
          EXPECT_EQ(descriptors.Make(*layer), absl::OkStatus());
          // The library's own arithmetic of sizes.
          int dims[5] = {};
          const int rank = static_cast<int>(layer->y.dims.size());
          ASSERT_EQ(output_dims(reinterpret_cast<cudnnConvolutionDescriptor_t>(descriptors.convolution()),
                                reinterpret_cast<cudnnTensorDescriptor_t>(descriptors.x()),
                                reinterpret_cast<cudnnFilterDescriptor_t>(descriptors.weights()), rank, dims),
                    CUDNN_STATUS_SUCCESS);
          EXPECT_EQ(std::vector<int>(dims, dims + rank), layer->y.dims);
        }
      }
    }
  }
}

}  // namespace
}  // namespace plimsoll::runtime::cudnn
