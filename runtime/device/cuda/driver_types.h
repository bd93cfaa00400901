// The few types and constants of the CUDA driver's interface that this runtime uses, declared here so that it builds
// without a toolkit. Values and layouts are those of NVIDIA's cuda.h (CUDA 13.0): driver_header_test compares them.
#pragma once

#include <cstddef>
#include <cstdint>

// The names that cuda.h gives the opaque types, so that both may be included.
struct CUctx_st;
struct CUmod_st;
struct CUfunc_st;
struct CUstream_st;
struct CUevent_st;
struct CUgraph_st;
struct CUgraphExec_st;

namespace plimsoll::runtime::cuda {

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = CUctx_st*;
using CUmodule = CUmod_st*;
using CUfunction = CUfunc_st*;
using CUstream = CUstream_st*;
using CUevent = CUevent_st*;
using CUgraph = CUgraph_st*;
using CUgraphExec = CUgraphExec_st*;

// CUresult
inline constexpr CUresult kSuccess = 0;
inline constexpr CUresult kErrorInvalidValue = 1;
inline constexpr CUresult kErrorOutOfMemory = 2;
inline constexpr CUresult kErrorStubLibrary = 34;
inline constexpr CUresult kErrorNoDevice = 100;
inline constexpr CUresult kErrorInvalidImage = 200;
inline constexpr CUresult kErrorInvalidContext = 201;
inline constexpr CUresult kErrorNoBinaryForGpu = 209;
inline constexpr CUresult kErrorEccUncorrectable = 214;
inline constexpr CUresult kErrorInvalidPtx = 218;
inline constexpr CUresult kErrorNvlinkUncorrectable = 220;
inline constexpr CUresult kErrorJitCompilerNotFound = 221;
inline constexpr CUresult kErrorUnsupportedPtxVersion = 222;
inline constexpr CUresult kErrorJitCompilationDisabled = 223;
inline constexpr CUresult kErrorContained = 226;
inline constexpr CUresult kErrorInvalidHandle = 400;
inline constexpr CUresult kErrorNotFound = 500;
inline constexpr CUresult kErrorNotReady = 600;
inline constexpr CUresult kErrorIllegalAddress = 700;
inline constexpr CUresult kErrorLaunchOutOfResources = 701;
inline constexpr CUresult kErrorLaunchTimeout = 702;
inline constexpr CUresult kErrorAssert = 710;
inline constexpr CUresult kErrorHardwareStackError = 714;
inline constexpr CUresult kErrorIllegalInstruction = 715;
inline constexpr CUresult kErrorMisalignedAddress = 716;
inline constexpr CUresult kErrorInvalidAddressSpace = 717;
inline constexpr CUresult kErrorInvalidPc = 718;
inline constexpr CUresult kErrorLaunchFailed = 719;
inline constexpr CUresult kErrorNotPermitted = 800;
inline constexpr CUresult kErrorNotSupported = 801;
inline constexpr CUresult kErrorSystemDriverMismatch = 803;
inline constexpr CUresult kErrorStreamCaptureUnsupported = 900;
inline constexpr CUresult kErrorStreamCaptureInvalidated = 901;
inline constexpr CUresult kErrorStreamCaptureUnmatched = 903;
inline constexpr CUresult kErrorStreamCaptureUnjoined = 904;
inline constexpr CUresult kErrorStreamCaptureIsolation = 905;
inline constexpr CUresult kErrorCapturedEvent = 907;
inline constexpr CUresult kErrorStreamCaptureWrongThread = 908;

// CUdevice_attribute
inline constexpr int kAttributeComputeCapabilityMajor = 75;
inline constexpr int kAttributeComputeCapabilityMinor = 76;
// CUpointer_attribute, CUmemorytype
inline constexpr int kPointerMemoryType = 2;
inline constexpr unsigned kMemoryTypeHost = 1;
inline constexpr unsigned kMemoryTypeDevice = 2;
// CUjit_option
inline constexpr int kJitErrorLogBuffer = 5;
inline constexpr int kJitErrorLogBufferSizeBytes = 6;
// CUfunction_attribute
inline constexpr int kFunctionMaxThreadsPerBlock = 0;
inline constexpr int kFunctionMaxDynamicSharedSizeBytes = 8;
// Flags of streams, events, host memory, capture, graphs
inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kEventDisableTiming = 2;
inline constexpr unsigned kHostAllocPortable = 1;
inline constexpr int kCaptureModeThreadLocal = 1;
// Entries of cuLaunchKernel's `extra`
inline constexpr uintptr_t kLaunchParamEnd = 0;
inline constexpr uintptr_t kLaunchParamBufferPointer = 1;
inline constexpr uintptr_t kLaunchParamBufferSize = 2;

}  // namespace plimsoll::runtime::cuda
