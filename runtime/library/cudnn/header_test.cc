// Our declarations of cuDNN against NVIDIA's headers. What of the library answers without a GPU: deviceless_convolution_test.cc.
#include <cudnn.h>

#include <type_traits>

#include "runtime/library/cudnn/api.h"
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
static_assert(kCrossCorrelation == static_cast<int>(CUDNN_CROSS_CORRELATION));

#define EXPECT_SAME(field, function) \
  static_assert(nvidia::SameSignature<decltype(Api::field), decltype(&function)>::value)
EXPECT_SAME(GetVersion, cudnnGetVersion);
EXPECT_SAME(GetErrorString, cudnnGetErrorString);
EXPECT_SAME(Create, cudnnCreate);
EXPECT_SAME(Destroy, cudnnDestroy);
EXPECT_SAME(SetStream, cudnnSetStream);
EXPECT_SAME(GetLastErrorString, cudnnGetLastErrorString);
EXPECT_SAME(BackendCreateDescriptor, cudnnBackendCreateDescriptor);
EXPECT_SAME(BackendDestroyDescriptor, cudnnBackendDestroyDescriptor);
EXPECT_SAME(BackendSetAttribute, cudnnBackendSetAttribute);
EXPECT_SAME(BackendGetAttribute, cudnnBackendGetAttribute);
EXPECT_SAME(BackendFinalize, cudnnBackendFinalize);
EXPECT_SAME(BackendExecute, cudnnBackendExecute);

}  // namespace
}  // namespace plimsoll::runtime::cudnn
