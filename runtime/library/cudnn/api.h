// The functions of cuDNN that are used, as a table that is filled from the library when it is first needed.
// Declarations of our own, so that nothing of CUDA is needed to build; header_test.cc holds them to NVIDIA's headers
// (cuDNN 9).
//
// Of cuDNN's two interfaces for convolutions this is the older one, which 9 keeps and marks as deprecated: one call a
// convolution, its algorithms and their workspace named in advance, f16 and bf16 included. The graph interface would
// add unequal pads and other activations, which generated kernels do here.
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
enum TensorFormat : int { kChannelsFirst = 0, kChannelsLast = 1 };
enum MathType : int { kDefaultMath = 0, kTensorOpMath = 1, kFmaMath = 3 };  // default: TF32 for f32
enum ConvolutionMode : int { kCrossCorrelation = 1 };
enum ActivationMode : int { kRelu = 1, kIdentity = 5 };
enum NanPropagation : int { kNotPropagateNan = 0 };
enum Determinism : int { kNonDeterministic = 0, kDeterministic = 1 };

enum ForwardAlgorithm : int { kImplicitGemm = 0, kImplicitPrecompGemm = 1, kForwardAlgorithms = 8 };
enum BackwardDataAlgorithm : int { kBackwardDataAlgorithms = 6 };

using Handle = struct HandleStruct*;
using TensorDescriptor = struct TensorStruct*;
using FilterDescriptor = struct FilterStruct*;
using ConvolutionDescriptor = struct ConvolutionStruct*;
using ActivationDescriptor = struct ActivationStruct*;

// Of forward and of backward data alike.
struct Performance {
  int algorithm;
  int status;
  float time;
  size_t memory;
  int determinism;
  int math_type;
  int reserved[3];
};

struct Api {
  size_t (*GetVersion)();
  const char* (*GetErrorString)(int status);
  int (*Create)(Handle*);
  int (*Destroy)(Handle);
  int (*SetStream)(Handle, void* stream);
  int (*CreateTensorDescriptor)(TensorDescriptor*);
  int (*SetTensorNdDescriptor)(TensorDescriptor, int type, int rank, const int* dims, const int* strides);
  int (*DestroyTensorDescriptor)(TensorDescriptor);
  int (*CreateFilterDescriptor)(FilterDescriptor*);
  int (*SetFilterNdDescriptor)(FilterDescriptor, int type, int format, int rank, const int* dims);
  int (*DestroyFilterDescriptor)(FilterDescriptor);
  int (*CreateConvolutionDescriptor)(ConvolutionDescriptor*);
  int (*SetConvolutionNdDescriptor)(ConvolutionDescriptor, int spatial, const int* pads, const int* strides,
                                    const int* dilations, int mode, int compute_type);
  int (*SetConvolutionMathType)(ConvolutionDescriptor, int math_type);
  int (*SetConvolutionGroupCount)(ConvolutionDescriptor, int groups);
  int (*DestroyConvolutionDescriptor)(ConvolutionDescriptor);
  int (*CreateActivationDescriptor)(ActivationDescriptor*);
  int (*SetActivationDescriptor)(ActivationDescriptor, int mode, int nan_propagation, double coefficient);
  int (*DestroyActivationDescriptor)(ActivationDescriptor);
  int (*GetForwardAlgorithm)(Handle, TensorDescriptor x, FilterDescriptor, ConvolutionDescriptor, TensorDescriptor y,
                             int requested, int* returned, Performance*);
  int (*GetForwardWorkspaceSize)(Handle, TensorDescriptor x, FilterDescriptor, ConvolutionDescriptor,
                                 TensorDescriptor y, int algorithm, size_t* bytes);
  int (*Forward)(Handle, const void* alpha, TensorDescriptor, const void* x, FilterDescriptor, const void* w,
                 ConvolutionDescriptor, int algorithm, void* workspace, size_t workspace_bytes, const void* beta,
                 TensorDescriptor, void* y);
  int (*BiasActivationForward)(Handle, const void* alpha1, TensorDescriptor, const void* x, FilterDescriptor,
                               const void* w, ConvolutionDescriptor, int algorithm, void* workspace,
                               size_t workspace_bytes, const void* alpha2, TensorDescriptor, const void* z,
                               TensorDescriptor, const void* bias, ActivationDescriptor, TensorDescriptor, void* y);
  int (*GetBackwardDataAlgorithm)(Handle, FilterDescriptor, TensorDescriptor dy, ConvolutionDescriptor,
                                  TensorDescriptor dx, int requested, int* returned, Performance*);
  int (*GetBackwardDataWorkspaceSize)(Handle, FilterDescriptor, TensorDescriptor dy, ConvolutionDescriptor,
                                      TensorDescriptor dx, int algorithm, size_t* bytes);
  int (*BackwardData)(Handle, const void* alpha, FilterDescriptor, const void* w, TensorDescriptor, const void* dy,
                      ConvolutionDescriptor, int algorithm, void* workspace, size_t workspace_bytes, const void* beta,
                      TensorDescriptor, void* dx);
  int (*AddTensor)(Handle, const void* alpha, TensorDescriptor, const void* a, const void* beta, TensorDescriptor,
                   void* c);

  // The graph interface: every object is a descriptor, made by setting its attributes and finalizing it.
  void (*GetLastErrorString)(char* message, size_t most);
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
