// The table of functions against NVIDIA's header, where that is found, and against libraries that are or are not there.
#include "runtime/device/cuda/driver.h"

#include <filesystem>
#include <string>
#include <tuple>
#include <type_traits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#ifdef PLIMSOLL_CUDA_HEADER
#include PLIMSOLL_CUDA_HEADER
#endif

namespace plimsoll::runtime::cuda {
namespace {

using ::testing::HasSubstr;

#ifdef PLIMSOLL_CUDA_HEADER

// Parameters of the same number, each of the same size and passed alike.
template <typename T>
constexpr bool kIsNumber = std::is_integral_v<T> || std::is_enum_v<T>;
template <typename A, typename B>
constexpr bool kAlike = sizeof(A) == sizeof(B) && std::is_pointer_v<A> == std::is_pointer_v<B> && kIsNumber<A> == kIsNumber<B>;

template <typename Ours, typename Theirs>
struct SameShape : std::false_type {};
template <typename R, typename... A, typename S, typename... B>
  requires(sizeof...(A) == sizeof...(B))
struct SameShape<R(A...), S(B...)> : std::bool_constant<kAlike<R, S> && (kAlike<A, B> && ...)> {};

// cuda.h renames functions to those of the version that it describes.
#define PLIMSOLL_TEXT_OF(name) #name
#define PLIMSOLL_TEXT(name) PLIMSOLL_TEXT_OF(name)
#define PLIMSOLL_COMPARE(member, name, ...)                                                  \
  static_assert(SameShape<__VA_ARGS__, std::remove_pointer_t<decltype(&::member)>>::value, name); \
  static_assert(std::string_view(PLIMSOLL_TEXT(member)) == name, name);
PLIMSOLL_CUDA_FUNCTIONS(PLIMSOLL_COMPARE)
PLIMSOLL_CUDA_OPTIONAL_FUNCTIONS(PLIMSOLL_COMPARE)

static_assert(std::is_same_v<CUstream, ::CUstream> && std::is_same_v<CUevent, ::CUevent>);
static_assert(std::is_same_v<CUcontext, ::CUcontext> && std::is_same_v<CUmodule, ::CUmodule>);
static_assert(std::is_same_v<CUfunction, ::CUfunction> && std::is_same_v<CUgraph, ::CUgraph>);
static_assert(std::is_same_v<CUgraphExec, ::CUgraphExec> && std::is_same_v<CUdeviceptr, ::CUdeviceptr>);
static_assert(std::is_same_v<CUdevice, ::CUdevice> && sizeof(CUresult) == sizeof(::CUresult));

static_assert(kSuccess == CUDA_SUCCESS && kErrorInvalidValue == CUDA_ERROR_INVALID_VALUE);
static_assert(kErrorOutOfMemory == CUDA_ERROR_OUT_OF_MEMORY && kErrorStubLibrary == CUDA_ERROR_STUB_LIBRARY);
static_assert(kErrorNoDevice == CUDA_ERROR_NO_DEVICE && kErrorInvalidImage == CUDA_ERROR_INVALID_IMAGE);
static_assert(kErrorInvalidContext == CUDA_ERROR_INVALID_CONTEXT);
static_assert(kErrorNoBinaryForGpu == CUDA_ERROR_NO_BINARY_FOR_GPU);
static_assert(kErrorEccUncorrectable == CUDA_ERROR_ECC_UNCORRECTABLE && kErrorInvalidPtx == CUDA_ERROR_INVALID_PTX);
static_assert(kErrorNvlinkUncorrectable == CUDA_ERROR_NVLINK_UNCORRECTABLE);
static_assert(kErrorJitCompilerNotFound == CUDA_ERROR_JIT_COMPILER_NOT_FOUND);
static_assert(kErrorUnsupportedPtxVersion == CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
static_assert(kErrorJitCompilationDisabled == CUDA_ERROR_JIT_COMPILATION_DISABLED);
static_assert(kErrorContained == CUDA_ERROR_CONTAINED && kErrorInvalidHandle == CUDA_ERROR_INVALID_HANDLE);
static_assert(kErrorNotFound == CUDA_ERROR_NOT_FOUND && kErrorNotReady == CUDA_ERROR_NOT_READY);
static_assert(kErrorIllegalAddress == CUDA_ERROR_ILLEGAL_ADDRESS);
static_assert(kErrorLaunchOutOfResources == CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
static_assert(kErrorLaunchTimeout == CUDA_ERROR_LAUNCH_TIMEOUT && kErrorAssert == CUDA_ERROR_ASSERT);
static_assert(kErrorHardwareStackError == CUDA_ERROR_HARDWARE_STACK_ERROR);
static_assert(kErrorIllegalInstruction == CUDA_ERROR_ILLEGAL_INSTRUCTION);
static_assert(kErrorMisalignedAddress == CUDA_ERROR_MISALIGNED_ADDRESS);
static_assert(kErrorInvalidAddressSpace == CUDA_ERROR_INVALID_ADDRESS_SPACE && kErrorInvalidPc == CUDA_ERROR_INVALID_PC);
static_assert(kErrorLaunchFailed == CUDA_ERROR_LAUNCH_FAILED && kErrorNotPermitted == CUDA_ERROR_NOT_PERMITTED);
static_assert(kErrorNotSupported == CUDA_ERROR_NOT_SUPPORTED);
static_assert(kErrorSystemDriverMismatch == CUDA_ERROR_SYSTEM_DRIVER_MISMATCH);
static_assert(kErrorStreamCaptureUnsupported == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
static_assert(kErrorStreamCaptureInvalidated == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
static_assert(kErrorStreamCaptureUnmatched == CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
static_assert(kErrorStreamCaptureUnjoined == CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
static_assert(kErrorStreamCaptureIsolation == CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
static_assert(kErrorCapturedEvent == CUDA_ERROR_CAPTURED_EVENT);
static_assert(kErrorStreamCaptureWrongThread == CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
static_assert(kAttributeComputeCapabilityMajor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
static_assert(kAttributeComputeCapabilityMinor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
static_assert(kPointerMemoryType == CU_POINTER_ATTRIBUTE_MEMORY_TYPE && kMemoryTypeHost == CU_MEMORYTYPE_HOST);
static_assert(kMemoryTypeDevice == CU_MEMORYTYPE_DEVICE && kJitErrorLogBuffer == CU_JIT_ERROR_LOG_BUFFER);
static_assert(kJitErrorLogBufferSizeBytes == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
static_assert(kFunctionMaxThreadsPerBlock == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
static_assert(kFunctionMaxDynamicSharedSizeBytes == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
static_assert(kStreamNonBlocking == CU_STREAM_NON_BLOCKING && kEventDisableTiming == CU_EVENT_DISABLE_TIMING);
static_assert(kHostAllocPortable == CU_MEMHOSTALLOC_PORTABLE);
static_assert(kCaptureModeThreadLocal == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
static_assert(kLaunchParamEnd == CU_LAUNCH_PARAM_END_AS_INT);
static_assert(kLaunchParamBufferPointer == CU_LAUNCH_PARAM_BUFFER_POINTER_AS_INT);
static_assert(kLaunchParamBufferSize == CU_LAUNCH_PARAM_BUFFER_SIZE_AS_INT);

TEST(DriverTest, AgreesWithNvidiasHeader) { EXPECT_GE(CUDA_VERSION, 12000); }

#else

TEST(DriverTest, AgreesWithNvidiasHeader) { GTEST_SKIP() << "cuda.h was not found when the test was built"; }

#endif

TEST(DriverTest, SaysWhatIsMissing) {
  auto absent = OpenDriverLibrary("libno_such_driver.so.1");
  EXPECT_EQ(absent.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(absent.status().message()), HasSubstr("no NVIDIA driver: cannot open libno_such_driver.so.1"));
  auto other = OpenDriverLibrary("libm.so.6");  // a library, and no driver
  EXPECT_EQ(other.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("too old: it has no cuInit, "));
}

TEST(DriverTest, FindsEveryFunctionInNvidiasLibrary) {
#ifndef PLIMSOLL_CUDA_STUB
  GTEST_SKIP() << "the toolkit's stub of libcuda.so was not found when the test was built";
#else
  auto driver = OpenDriverLibrary(PLIMSOLL_CUDA_STUB);
  ASSERT_TRUE(driver.ok()) << driver.status().ToString();
  const absl::Status status = (*driver)->Check((*driver)->cuInit(0), "cuInit");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status.ToString();
#endif
}

TEST(DriverTest, ErrorsThatEndTheContextSaySo) {
  const Driver none;
  EXPECT_TRUE(none.Check(kSuccess, "cuInit").ok());
  const absl::Status lost = none.Check(kErrorIllegalAddress, "cuStreamSynchronize");
  EXPECT_EQ(lost.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(lost.message()), HasSubstr("cuStreamSynchronize: unknown error (700)"));
  EXPECT_THAT(std::string(lost.message()), HasSubstr("context is lost"));
  EXPECT_EQ(none.Check(kErrorOutOfMemory, "cuMemAlloc").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(none.Check(kErrorOutOfMemory, "cuMemAlloc").message()), ::testing::Not(HasSubstr("lost")));
}

}  // namespace
}  // namespace plimsoll::runtime::cuda
