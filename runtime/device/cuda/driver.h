// The functions of the CUDA driver that this runtime calls, as a table: of libcuda.so.1, opened when a plan needs it,
// or of a test's own. See https://docs.nvidia.com/cuda/cuda-driver-api.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/device/cuda/driver_types.h"

namespace plimsoll::runtime::cuda {

// X(member, exported name, type). The exported name is the one that cuda.h gives to CUDA 12's and 13's programs.
#define PLIMSOLL_CUDA_FUNCTIONS(X)                                                                                  \
  X(cuInit, "cuInit", CUresult(unsigned))                                                                           \
  X(cuDriverGetVersion, "cuDriverGetVersion", CUresult(int*))                                                       \
  X(cuGetErrorName, "cuGetErrorName", CUresult(CUresult, const char**))                                             \
  X(cuGetErrorString, "cuGetErrorString", CUresult(CUresult, const char**))                                         \
  X(cuDeviceGetCount, "cuDeviceGetCount", CUresult(int*))                                                           \
  X(cuDeviceGet, "cuDeviceGet", CUresult(CUdevice*, int))                                                           \
  X(cuDeviceGetName, "cuDeviceGetName", CUresult(char*, int, CUdevice))                                             \
  X(cuDeviceGetPCIBusId, "cuDeviceGetPCIBusId", CUresult(char*, int, CUdevice))                                     \
  X(cuDeviceGetAttribute, "cuDeviceGetAttribute", CUresult(int*, int, CUdevice))                                    \
  X(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", CUresult(CUcontext*, CUdevice))                           \
  X(cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", CUresult(CUdevice))                                  \
  X(cuCtxPushCurrent, "cuCtxPushCurrent_v2", CUresult(CUcontext))                                                   \
  X(cuCtxPopCurrent, "cuCtxPopCurrent_v2", CUresult(CUcontext*))                                                    \
  X(cuMemGetInfo, "cuMemGetInfo_v2", CUresult(size_t*, size_t*))                                                    \
  X(cuMemAlloc, "cuMemAlloc_v2", CUresult(CUdeviceptr*, size_t))                                                    \
  X(cuMemFree, "cuMemFree_v2", CUresult(CUdeviceptr))                                                               \
  X(cuMemHostAlloc, "cuMemHostAlloc", CUresult(void**, size_t, unsigned))                                           \
  X(cuMemFreeHost, "cuMemFreeHost", CUresult(void*))                                                                \
  X(cuPointerGetAttribute, "cuPointerGetAttribute", CUresult(void*, int, CUdeviceptr))                              \
  X(cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2", CUresult(CUdeviceptr, const void*, size_t, CUstream))                \
  X(cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2", CUresult(void*, CUdeviceptr, size_t, CUstream))                      \
  X(cuMemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2", CUresult(CUdeviceptr, CUdeviceptr, size_t, CUstream))                \
  X(cuMemsetD8Async, "cuMemsetD8Async", CUresult(CUdeviceptr, unsigned char, size_t, CUstream))                     \
  X(cuMemsetD16Async, "cuMemsetD16Async", CUresult(CUdeviceptr, unsigned short, size_t, CUstream))                  \
  X(cuMemsetD32Async, "cuMemsetD32Async", CUresult(CUdeviceptr, unsigned, size_t, CUstream))                        \
  X(cuMemsetD2D8Async, "cuMemsetD2D8Async", CUresult(CUdeviceptr, size_t, unsigned char, size_t, size_t, CUstream)) \
  X(cuMemsetD2D32Async, "cuMemsetD2D32Async", CUresult(CUdeviceptr, size_t, unsigned, size_t, size_t, CUstream))    \
  X(cuModuleLoadDataEx, "cuModuleLoadDataEx", CUresult(CUmodule*, const void*, unsigned, int*, void**))             \
  X(cuModuleUnload, "cuModuleUnload", CUresult(CUmodule))                                                           \
  X(cuModuleGetFunction, "cuModuleGetFunction", CUresult(CUfunction*, CUmodule, const char*))                       \
  X(cuFuncGetAttribute, "cuFuncGetAttribute", CUresult(int*, int, CUfunction))                                      \
  X(cuFuncSetAttribute, "cuFuncSetAttribute", CUresult(CUfunction, int, int))                                       \
  X(cuLaunchKernel, "cuLaunchKernel",                                                                               \
    CUresult(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void**,    \
             void**))                                                                                               \
  X(cuStreamCreate, "cuStreamCreate", CUresult(CUstream*, unsigned))                                                \
  X(cuStreamDestroy, "cuStreamDestroy_v2", CUresult(CUstream))                                                      \
  X(cuStreamSynchronize, "cuStreamSynchronize", CUresult(CUstream))                                                 \
  X(cuStreamQuery, "cuStreamQuery", CUresult(CUstream))                                                             \
  X(cuStreamWaitEvent, "cuStreamWaitEvent", CUresult(CUstream, CUevent, unsigned))                                  \
  X(cuStreamBeginCapture, "cuStreamBeginCapture_v2", CUresult(CUstream, int))                                       \
  X(cuStreamEndCapture, "cuStreamEndCapture", CUresult(CUstream, CUgraph*))                                         \
  X(cuEventCreate, "cuEventCreate", CUresult(CUevent*, unsigned))                                                   \
  X(cuEventDestroy, "cuEventDestroy_v2", CUresult(CUevent))                                                         \
  X(cuEventRecord, "cuEventRecord", CUresult(CUevent, CUstream))                                                    \
  X(cuEventQuery, "cuEventQuery", CUresult(CUevent))                                                                \
  X(cuEventSynchronize, "cuEventSynchronize", CUresult(CUevent))                                                    \
  X(cuGraphInstantiate, "cuGraphInstantiateWithFlags", CUresult(CUgraphExec*, CUgraph, unsigned long long))         \
  X(cuGraphUpload, "cuGraphUpload", CUresult(CUgraphExec, CUstream))                                                \
  X(cuGraphLaunch, "cuGraphLaunch", CUresult(CUgraphExec, CUstream))                                                \
  X(cuGraphExecDestroy, "cuGraphExecDestroy", CUresult(CUgraphExec))                                                \
  X(cuGraphDestroy, "cuGraphDestroy", CUresult(CUgraph))

// Of CUDA 12.4 and later: null in the table where the driver is older.
#define PLIMSOLL_CUDA_OPTIONAL_FUNCTIONS(X)         \
  X(cuFuncLoad, "cuFuncLoad", CUresult(CUfunction)) \
  X(cuFuncGetParamInfo, "cuFuncGetParamInfo", CUresult(CUfunction, size_t, size_t*, size_t*))

struct Driver {
#define PLIMSOLL_MEMBER(member, name, ...) std::function<__VA_ARGS__> member;
  PLIMSOLL_CUDA_FUNCTIONS(PLIMSOLL_MEMBER)
  PLIMSOLL_CUDA_OPTIONAL_FUNCTIONS(PLIMSOLL_MEMBER)
#undef PLIMSOLL_MEMBER

  // Not the driver's: the bytes of the device at this PCI address that this process holds, as the management library
  // (libnvidia-ml.so.1) tells; negative where it is not there or does not know. May be null.
  std::function<int64_t(const char* pci_bus_id)> process_bytes;

  // OK for kSuccess. Else `call`, the error's name and what it means; the code is kResourceExhausted for memory,
  // kUnavailable where there is no device or driver for it, kFailedPrecondition for code that the device cannot run,
  // kUnimplemented for what cannot be captured, kInternal for the rest.
  absl::Status Check(CUresult result, const char* call) const;
};

// Errors after which every later call on the context fails: the device's memory is lost with them.
bool IsSticky(CUresult result);

// The machine's driver, opened once and initialized. kUnavailable where there is none, or none of its devices can be
// used; the message says what is missing.
absl::StatusOr<std::shared_ptr<const Driver>> OpenDriver();
// The same from a file of that name, not initialized.
absl::StatusOr<std::shared_ptr<const Driver>> OpenDriverLibrary(const std::string& file);

}  // namespace plimsoll::runtime::cuda
