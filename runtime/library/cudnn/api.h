// The functions of cuDNN that are used, as a table that is filled from the library when it is first needed.
// Declarations of our own, so that nothing of CUDA is needed to build; header_test.cc holds them to NVIDIA's headers
// (cuDNN 9).
//
// Of cuDNN's two interfaces this is the graph interface; the older one, a call for each kind of operation, is
// deprecated in 9.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "runtime/library/cudnn/backend.h"

namespace plimsoll::runtime::cudnn {

// Codes of one category begin at its first: NOT_SUPPORTED_SHAPE is 3002.
enum Status : int {
  kSuccess = 0,
  kNotInitialized = 1001,
  kSublibraryLoadingFailed = 1008,
  kBadParam = 2000,
  kNotSupported = 3000,
  kInternalError = 4000,
  kHostAllocationFailed = 4003,
  kDeviceAllocationFailed = 4004,
  kExecutionFailed = 5000,
};

enum DataType : int { kFloat = 0, kHalf = 2, kBfloat16 = 9 };
enum ConvolutionMode : int { kCrossCorrelation = 1 };
using Handle = struct HandleStruct*;
struct Api {
  size_t (*GetVersion)();
  const char* (*GetErrorString)(int status);
  int (*Create)(Handle*);
  int (*Destroy)(Handle);
  int (*SetStream)(Handle, void* stream);
  void (*GetLastErrorString)(char* message, size_t most);
  // Every object is a descriptor, made by setting its attributes and finalizing it.
  int (*BackendCreateDescriptor)(backend::DescriptorType, backend::Descriptor*);
  int (*BackendDestroyDescriptor)(backend::Descriptor);
  int (*BackendSetAttribute)(backend::Descriptor, backend::Attribute, backend::AttributeType, int64_t count,
                             const void* elements);
  // `count`, which may be null: how many there are, or how many were copied to `elements`, of room for `requested`.
  int (*BackendGetAttribute)(backend::Descriptor, backend::Attribute, backend::AttributeType, int64_t requested,
                             int64_t* count, void* elements);
  int (*BackendFinalize)(backend::Descriptor);
  int (*BackendExecute)(Handle, backend::Descriptor plan, backend::Descriptor variant_pack);
};

// The library of this machine, libcudnn.so.9; its parts follow as they are needed. kUnavailable where it cannot be
// opened or has another major version. The same table every time.
absl::StatusOr<const Api*> Open();

// Puts another implementation of the functions in the library's place (an emulation, in tests); null: the library
// again. While no operation of the former one exists.
void Replace(const Api* api);

// kUnimplemented where the library does not support what was asked, kResourceExhausted where memory is out,
// kUnavailable where it, or one of its parts, cannot be initialized; else kInternal. OK for kSuccess.
absl::Status ToStatus(const Api& api, int status, const char* call);

}  // namespace plimsoll::runtime::cudnn
