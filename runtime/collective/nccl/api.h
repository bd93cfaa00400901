// The functions of NCCL that are used, as a table that is filled from the library when it is first needed. Declarations
// of our own, so that nothing of CUDA is needed to build; header_test.cc holds them to NVIDIA's header (nccl.h, 2.28).
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace plimsoll::runtime::collective::nccl {

enum Result : int {
  kSuccess = 0,
  kUnhandledCudaError = 1,
  kSystemError = 2,
  kInternalError = 3,
  kInvalidArgument = 4,
  kInvalidUsage = 5,
  kRemoteError = 6,
  kInProgress = 7,
};

enum DataType : int {
  kInt8 = 0,
  kUint8 = 1,
  kInt32 = 2,
  kUint32 = 3,
  kInt64 = 4,
  kUint64 = 5,
  kFloat16 = 6,
  kFloat32 = 7,
  kFloat64 = 8,
  kBfloat16 = 9,
};

enum RedOp : int { kSum = 0, kMax = 2, kMin = 3, kAvg = 4 };

// The oldest version with all the functions below, ncclCommSplit the youngest; as ncclGetVersion has it from 2.9 on.
inline constexpr int kLeastVersion = 2 * 10000 + 18 * 100;

struct UniqueId {
  char internal[128];
};

// ncclConfig_t as 2.18 has it; later ones read the fields that the version has, up to the size. INT_MIN: not set.
struct Config {
  size_t size = sizeof(Config);
  unsigned magic = 0xcafebeef;
  unsigned version = kLeastVersion;
  int blocking = INT_MIN;
  int cga_cluster_size = INT_MIN;
  int min_ctas = INT_MIN;
  int max_ctas = INT_MIN;
  const char* net_name = nullptr;
  int split_share = INT_MIN;
  int traffic_class = INT_MIN;  // of later versions; padding before, within the size
};

using Comm = struct CommStruct*;

struct Api {
  int (*GetVersion)(int*);
  int (*GetUniqueId)(UniqueId*);
  int (*CommInitRankConfig)(Comm*, int ranks, UniqueId, int rank, Config*);
  int (*CommSplit)(Comm, int color, int key, Comm*, Config*);
  int (*CommFinalize)(Comm);
  int (*CommDestroy)(Comm);
  int (*CommAbort)(Comm);
  int (*CommGetAsyncError)(Comm, int*);
  const char* (*GetErrorString)(int);
  const char* (*GetLastError)(Comm);
  int (*AllReduce)(const void* from, void* to, size_t count, int type, int op, Comm, void* stream);
  int (*AllGather)(const void* from, void* to, size_t count_from, int type, Comm, void* stream);
  int (*ReduceScatter)(const void* from, void* to, size_t count_to, int type, int op, Comm, void* stream);
  int (*Broadcast)(const void* from, void* to, size_t count, int type, int root, Comm, void* stream);
  int (*Send)(const void* from, size_t count, int type, int peer, Comm, void* stream);
  int (*Recv)(void* to, size_t count, int type, int peer, Comm, void* stream);
  int (*GroupStart)();
  int (*GroupEnd)();
};

// The library of this machine: libnccl.so.2. kUnavailable where it cannot be opened, or is older than 2.18. The same
// table every time.
absl::StatusOr<const Api*> Open();

// Puts another implementation of the functions in the library's place (an emulation, in tests); null: the library
// again. While no communicator of the former one exists.
void Replace(const Api* api);

// OK for kSuccess and kInProgress. Else the call and what NCCL says of it: kAborted where another rank has gone,
// kInternal for the rest. `comm` may be null.
absl::Status ToStatus(const Api& api, int result, const char* call, Comm comm);

}  // namespace plimsoll::runtime::collective::nccl
