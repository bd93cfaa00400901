// Our declarations of NCCL against NVIDIA's header, and what of the library answers without a GPU.
#include <nccl.h>

#include <cstddef>
#include <type_traits>

#include "gtest/gtest.h"
#include "runtime/collective/nccl/api.h"
#include "runtime/collective/nccl/nccl.h"
#include "runtime/library/nvidia/testing/signature.h"

namespace plimsoll::runtime::collective::nccl {
namespace {

static_assert(kSuccess == static_cast<int>(ncclSuccess));
static_assert(kUnhandledCudaError == static_cast<int>(ncclUnhandledCudaError));
static_assert(kSystemError == static_cast<int>(ncclSystemError));
static_assert(kInternalError == static_cast<int>(ncclInternalError));
static_assert(kInvalidArgument == static_cast<int>(ncclInvalidArgument));
static_assert(kInvalidUsage == static_cast<int>(ncclInvalidUsage));
static_assert(kRemoteError == static_cast<int>(ncclRemoteError));
static_assert(kInProgress == static_cast<int>(ncclInProgress));
static_assert(kInt8 == static_cast<int>(ncclInt8) && kUint8 == static_cast<int>(ncclUint8));
static_assert(kInt32 == static_cast<int>(ncclInt32) && kUint32 == static_cast<int>(ncclUint32));
static_assert(kInt64 == static_cast<int>(ncclInt64) && kUint64 == static_cast<int>(ncclUint64));
static_assert(kFloat16 == static_cast<int>(ncclFloat16) && kBfloat16 == static_cast<int>(ncclBfloat16));
static_assert(kFloat32 == static_cast<int>(ncclFloat32) && kFloat64 == static_cast<int>(ncclFloat64));
static_assert(kSum == static_cast<int>(ncclSum) && kMax == static_cast<int>(ncclMax));
static_assert(kMin == static_cast<int>(ncclMin) && kAvg == static_cast<int>(ncclAvg));
static_assert(sizeof(UniqueId) == sizeof(ncclUniqueId) && alignof(UniqueId) == alignof(ncclUniqueId));
static_assert(kLeastVersion == NCCL_VERSION(2, 18, 0) && NCCL_VERSION_CODE >= kLeastVersion);

static_assert(sizeof(Config) <= sizeof(ncclConfig_t));
static_assert(offsetof(Config, size) == offsetof(ncclConfig_t, size));
static_assert(offsetof(Config, magic) == offsetof(ncclConfig_t, magic));
static_assert(offsetof(Config, version) == offsetof(ncclConfig_t, version));
static_assert(offsetof(Config, blocking) == offsetof(ncclConfig_t, blocking));
static_assert(offsetof(Config, cga_cluster_size) == offsetof(ncclConfig_t, cgaClusterSize));
static_assert(offsetof(Config, min_ctas) == offsetof(ncclConfig_t, minCTAs));
static_assert(offsetof(Config, max_ctas) == offsetof(ncclConfig_t, maxCTAs));
static_assert(offsetof(Config, net_name) == offsetof(ncclConfig_t, netName));
static_assert(offsetof(Config, split_share) == offsetof(ncclConfig_t, splitShare));
#if NCCL_VERSION_CODE >= 22600
static_assert(offsetof(Config, traffic_class) == offsetof(ncclConfig_t, trafficClass));
#endif

#define EXPECT_SAME(field, function) \
  static_assert(nvidia::SameSignature<decltype(Api::field), decltype(&function)>::value)
EXPECT_SAME(GetVersion, ncclGetVersion);
EXPECT_SAME(GetUniqueId, ncclGetUniqueId);
EXPECT_SAME(CommInitRankConfig, ncclCommInitRankConfig);
EXPECT_SAME(CommSplit, ncclCommSplit);
EXPECT_SAME(CommFinalize, ncclCommFinalize);
EXPECT_SAME(CommDestroy, ncclCommDestroy);
EXPECT_SAME(CommAbort, ncclCommAbort);
EXPECT_SAME(CommGetAsyncError, ncclCommGetAsyncError);
EXPECT_SAME(GetErrorString, ncclGetErrorString);
EXPECT_SAME(GetLastError, ncclGetLastError);
EXPECT_SAME(AllReduce, ncclAllReduce);
EXPECT_SAME(AllGather, ncclAllGather);
EXPECT_SAME(ReduceScatter, ncclReduceScatter);
EXPECT_SAME(Broadcast, ncclBroadcast);
EXPECT_SAME(Send, ncclSend);
EXPECT_SAME(Recv, ncclRecv);
EXPECT_SAME(GroupStart, ncclGroupStart);
EXPECT_SAME(GroupEnd, ncclGroupEnd);

TEST(NcclHeaderTest, TheInitializerIsOurs) {
  const ncclConfig_t theirs = NCCL_CONFIG_INITIALIZER;
  const Config ours;
  EXPECT_EQ(ours.magic, theirs.magic);
  EXPECT_EQ(ours.blocking, theirs.blocking);
  EXPECT_EQ(ours.cga_cluster_size, theirs.cgaClusterSize);
  EXPECT_EQ(ours.min_ctas, theirs.minCTAs);
  EXPECT_EQ(ours.max_ctas, theirs.maxCTAs);
  EXPECT_EQ(ours.net_name, theirs.netName);
  EXPECT_EQ(ours.split_share, theirs.splitShare);
}

TEST(NcclHeaderTest, TheLibraryHasTheFunctions) {
  auto opened = Open();
  if (!opened.ok()) GTEST_SKIP() << opened.status().message();
  const Api& api = **opened;
  int version = 0;
  EXPECT_EQ(api.GetVersion(&version), kSuccess);
  EXPECT_GE(version, kLeastVersion);
  EXPECT_STRNE(api.GetErrorString(kRemoteError), api.GetErrorString(kSuccess));
  EXPECT_EQ(api.GetVersion(nullptr), kInvalidArgument);
  RecordProperty("version", version);
}

}  // namespace
}  // namespace plimsoll::runtime::collective::nccl
