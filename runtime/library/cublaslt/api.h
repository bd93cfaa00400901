// The functions of cuBLASLt that are used, as a table that is filled from the library when it is first needed.
// Declarations of our own, so that nothing of CUDA is needed to build; header_test.cc holds them to NVIDIA's header
// (cublasLt.h, 12 and 13).
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"

namespace plimsoll::runtime::cublaslt {

enum Status : int {
  kSuccess = 0,
  kNotInitialized = 1,
  kAllocFailed = 3,
  kInvalidValue = 7,
  kArchMismatch = 8,
  kExecutionFailed = 13,
  kInternalError = 14,
  kNotSupported = 15,
};

enum DataType : int { kR32F = 0, kR64F = 1, kR16F = 2, kR16BF = 14 };
enum ComputeType : int { kCompute32F = 68, kCompute64F = 70, kCompute32FFastTf32 = 77 };
enum Operation : int { kOpN = 0, kOpT = 1 };

// Attributes, with the type of each.
enum MatmulAttribute : int {
  kTransA = 3,         // int32_t, an Operation
  kTransB = 4,         // int32_t
  kEpilogue = 7,       // uint32_t, an Epilogue
  kBiasPointer = 8,    // const void*
  kBiasDataType = 26,  // int32_t, a DataType
};
enum LayoutAttribute : int {
  kBatchCount = 5,          // int32_t
  kStridedBatchOffset = 6,  // int64_t, elements
};
enum PreferenceAttribute : int {
  kMaxWorkspaceBytes = 1,    // uint64_t
  kReductionSchemeMask = 3,  // uint32_t
  kMinAlignmentABytes = 5,   // uint32_t
  kMinAlignmentBBytes = 6,
  kMinAlignmentCBytes = 7,
  kMinAlignmentDBytes = 8,
};

// Bits, but for kEpilogueDefault: BIAS may go with RELU or GELU. GELU is the tanh approximation.
enum Epilogue : uint32_t {
  kEpilogueDefault = 1,
  kEpilogueRelu = 2,
  kEpilogueBias = 4,
  kEpilogueReluBias = 6,
  kEpilogueGelu = 32,
  kEpilogueGeluBias = 36,
};

// How the parts of a shared-out inner dimension are summed. COMPUTE_TYPE keeps them in f32 and sums them in a fixed
// order; the others round partial sums to the result's type.
enum ReductionScheme : uint32_t { kReductionNone = 0, kReductionComputeType = 2 };

using Handle = struct HandleStruct*;
using MatmulDesc = struct MatmulDescStruct*;
using MatrixLayout = struct MatrixLayoutStruct*;
using Preference = struct PreferenceStruct*;

struct Algorithm {
  uint64_t data[8];
};

struct HeuristicResult {
  Algorithm algorithm;
  size_t workspace_bytes;
  int state;  // a Status; the other fields mean something where it is kSuccess
  float waves;
  int reserved[4];
};

struct Api {
  size_t (*GetVersion)();
  const char* (*GetStatusString)(int status);
  int (*Create)(Handle*);
  int (*Destroy)(Handle);
  int (*MatmulDescCreate)(MatmulDesc*, int compute_type, int scale_type);
  int (*MatmulDescDestroy)(MatmulDesc);
  int (*MatmulDescSetAttribute)(MatmulDesc, int attribute, const void* value, size_t bytes);
  int (*MatrixLayoutCreate)(MatrixLayout*, int type, uint64_t rows, uint64_t columns, int64_t leading);
  int (*MatrixLayoutDestroy)(MatrixLayout);
  int (*MatrixLayoutSetAttribute)(MatrixLayout, int attribute, const void* value, size_t bytes);
  int (*PreferenceCreate)(Preference*);
  int (*PreferenceDestroy)(Preference);
  int (*PreferenceSetAttribute)(Preference, int attribute, const void* value, size_t bytes);
  int (*AlgoGetHeuristic)(Handle, MatmulDesc, MatrixLayout a, MatrixLayout b, MatrixLayout c, MatrixLayout d,
                          Preference, int requested, HeuristicResult* results, int* returned);
  int (*Matmul)(Handle, MatmulDesc, const void* alpha, const void* a, MatrixLayout, const void* b, MatrixLayout,
                const void* beta, const void* c, MatrixLayout, void* d, MatrixLayout, const Algorithm*, void* workspace,
                size_t workspace_bytes, void* stream);
};

// The library of this machine: libcublasLt.so.13, else .12. kUnavailable where neither can be opened or has another
// major version than its name says. The same table every time.
absl::StatusOr<const Api*> Open();

// Puts another implementation of the functions in the library's place (an emulation, in tests); null: the library
// again. While no operation of the former one exists.
void Replace(const Api* api);

// kUnimplemented where the library does not support what was asked, kResourceExhausted where memory is out,
// kUnavailable where it cannot be initialized on the current device; else kInternal. OK for kSuccess.
absl::Status ToStatus(const Api& api, int status, const char* call);

}  // namespace plimsoll::runtime::cublaslt
