// The fake driver notices what it is there to notice.
#include "runtime/device/cuda/testing/fake_driver.h"

#include <cstring>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace plimsoll::runtime::cuda::testing {
namespace {

using ::testing::HasSubstr;

// A driver with its context current, two streams and an event.
struct Fake {
  explicit Fake(uint64_t seed = 1) : driver(Options(seed)), cuda(*driver.table()) {
    cuda.cuDevicePrimaryCtxRetain(&context, 7);
    cuda.cuCtxPushCurrent(context);
    for (CUstream& stream : streams) cuda.cuStreamCreate(&stream, kStreamNonBlocking);
    cuda.cuEventCreate(&event, kEventDisableTiming);
  }
  static FakeOptions Options(uint64_t seed) {
    FakeOptions options;
    options.seed = seed;
    return options;
  }
  CUdeviceptr Allocate(size_t bytes) {
    CUdeviceptr address = 0;
    EXPECT_EQ(cuda.cuMemAlloc(&address, bytes), kSuccess);
    return address;
  }
  char Read(CUdeviceptr address) {
    char value = 0;
    EXPECT_EQ(cuda.cuMemcpyDtoHAsync(&value, address, 1, streams[0]), kSuccess);
    return value;
  }

  FakeDriver driver;
  const Driver& cuda;
  CUcontext context = nullptr;
  CUstream streams[2] = {};
  CUevent event = nullptr;
};

TEST(FakeDriverTest, AMissingEventShows) {
  for (const bool ordered : {true, false}) {
    int wrong = 0;
    for (uint64_t seed = 1; seed <= 32; ++seed) {
      Fake fake(seed);
      const CUdeviceptr a = fake.Allocate(1), b = fake.Allocate(1);
      fake.cuda.cuMemsetD8Async(a, 'a', 1, fake.streams[1]);
      if (ordered) {
        fake.cuda.cuEventRecord(fake.event, fake.streams[1]);
        fake.cuda.cuStreamWaitEvent(fake.streams[0], fake.event, 0);
      }
      fake.cuda.cuMemcpyDtoDAsync(b, a, 1, fake.streams[0]);
      wrong += fake.Read(b) != 'a' ? 1 : 0;
    }
    if (ordered) {
      EXPECT_EQ(wrong, 0);
    } else {
      EXPECT_GT(wrong, 4);
      EXPECT_LT(wrong, 32);
    }
  }
}

TEST(FakeDriverTest, AnEventOrdersWhatWasThereWhenItWasRecorded) {
  int late = 0;
  for (uint64_t seed = 1; seed <= 32; ++seed) {
    Fake fake(seed);
    const CUdeviceptr a = fake.Allocate(1), b = fake.Allocate(1);
    fake.cuda.cuMemsetD8Async(a, 'a', 1, fake.streams[1]);
    fake.cuda.cuEventRecord(fake.event, fake.streams[1]);
    fake.cuda.cuMemsetD8Async(a, 'b', 1, fake.streams[1]);  // not before the event
    fake.cuda.cuStreamWaitEvent(fake.streams[0], fake.event, 0);
    fake.cuda.cuMemcpyDtoDAsync(b, a, 1, fake.streams[0]);
    const char seen = fake.Read(b);
    ASSERT_TRUE(seen == 'a' || seen == 'b');
    late += seen == 'b' ? 1 : 0;
  }
  EXPECT_GT(late, 4);
  EXPECT_LT(late, 28);
}

TEST(FakeDriverTest, PinnedMemoryIsReadWhenTheCopyIsDone) {
  Fake fake;
  void* pinned = nullptr;
  ASSERT_EQ(fake.cuda.cuMemHostAlloc(&pinned, 1, 0), kSuccess);
  char pageable = 'p';
  const CUdeviceptr a = fake.Allocate(1), b = fake.Allocate(1);
  *static_cast<char*>(pinned) = '1';
  fake.cuda.cuMemcpyHtoDAsync(a, pinned, 1, fake.streams[0]);
  fake.cuda.cuMemcpyHtoDAsync(b, &pageable, 1, fake.streams[0]);
  *static_cast<char*>(pinned) = '2';  // too early: the copy has not been done
  pageable = 'q';                     // the driver has read it
  EXPECT_EQ(fake.Read(a), '2');
  EXPECT_EQ(fake.Read(b), 'p');
}

TEST(FakeDriverTest, MemoryBeginsAsGarbageAndIsTheDevices) {
  Fake fake;
  const CUdeviceptr a = fake.Allocate(64);
  EXPECT_NE(fake.Read(a), 0);
  EXPECT_EQ(fake.driver.HostAddress(a, 65), nullptr);
  EXPECT_NE(fake.driver.HostAddress(a + 63, 1), nullptr);
  EXPECT_DEATH(*reinterpret_cast<volatile char*>(a) = 1, "");
}

TEST(FakeDriverTest, WritesBesideAnAllocationAreNoticed) {
  Fake fake;
  const CUdeviceptr a = fake.Allocate(64);
  EXPECT_EQ(fake.driver.violation(), "");
  fake.driver.HostAddress(a, 64)[64] = std::byte{1};
  EXPECT_THAT(fake.driver.violation(), HasSubstr("beside an allocation of 64 bytes"));
  EXPECT_EQ(fake.cuda.cuMemFree(a), kErrorIllegalAddress);
}

TEST(FakeDriverTest, RangesOutsideOfAllocationsAreRefused) {
  Fake fake;
  const CUdeviceptr a = fake.Allocate(64);
  EXPECT_EQ(fake.cuda.cuMemsetD8Async(a + 1, 0, 64, fake.streams[0]), kErrorInvalidValue);
  EXPECT_NE(fake.driver.violation(), "");
  Fake other;
  const CUdeviceptr b = other.Allocate(64);
  other.cuda.cuMemFree(b);
  char value;
  EXPECT_EQ(other.cuda.cuMemcpyDtoHAsync(&value, b, 1, other.streams[0]), kErrorInvalidValue);
}

TEST(FakeDriverTest, OperandsOfKernelsMustLieInAllocations) {
  Fake fake;
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  ASSERT_EQ(fake.cuda.cuModuleLoadDataEx(&module, "text", 0, nullptr, nullptr), kSuccess);
  ASSERT_EQ(fake.cuda.cuModuleGetFunction(&function, module, "kernel"), kSuccess);
  for (const bool inside : {true, false}) {
    CUdeviceptr operand = fake.Allocate(64) + (inside ? 64 : 65);
    size_t bytes = 8;
    void* extra[] = {reinterpret_cast<void*>(kLaunchParamBufferPointer), &operand,
                     reinterpret_cast<void*>(kLaunchParamBufferSize), &bytes, reinterpret_cast<void*>(kLaunchParamEnd)};
    ASSERT_EQ(fake.cuda.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, fake.streams[0], nullptr, extra), kSuccess);
    EXPECT_EQ(fake.cuda.cuStreamSynchronize(fake.streams[0]), inside ? kSuccess : kErrorIllegalAddress);
  }
  // The context is lost.
  EXPECT_EQ(fake.cuda.cuStreamSynchronize(fake.streams[1]), kErrorIllegalAddress);
}

TEST(FakeDriverTest, CallsWithoutAContextAreNoticed) {
  Fake fake;
  CUcontext former = nullptr;
  fake.cuda.cuCtxPopCurrent(&former);
  CUdeviceptr address = 0;
  EXPECT_EQ(fake.cuda.cuMemAlloc(&address, 64), kErrorInvalidContext);
  EXPECT_THAT(fake.driver.violation(), HasSubstr("cuMemAlloc without a current context"));
}

TEST(FakeDriverTest, CaptureHasTheDriversRules) {
  {
    Fake fake;  // a stream that is not joined
    CUgraph graph = nullptr;
    const CUdeviceptr a = fake.Allocate(1);
    fake.cuda.cuStreamBeginCapture(fake.streams[0], kCaptureModeThreadLocal);
    fake.cuda.cuEventRecord(fake.event, fake.streams[0]);
    fake.cuda.cuStreamWaitEvent(fake.streams[1], fake.event, 0);
    fake.cuda.cuMemsetD8Async(a, 0, 1, fake.streams[1]);
    EXPECT_EQ(fake.cuda.cuStreamEndCapture(fake.streams[0], &graph), kErrorStreamCaptureUnjoined);
  }
  {
    Fake fake;  // an allocation
    CUgraph graph = nullptr;
    CUdeviceptr a = 0;
    fake.cuda.cuStreamBeginCapture(fake.streams[0], kCaptureModeThreadLocal);
    EXPECT_EQ(fake.cuda.cuMemAlloc(&a, 1), kErrorStreamCaptureUnsupported);
    EXPECT_EQ(fake.cuda.cuStreamEndCapture(fake.streams[0], &graph), kErrorStreamCaptureInvalidated);
  }
  {
    Fake fake;  // an event of before the capture
    fake.cuda.cuEventRecord(fake.event, fake.streams[1]);
    fake.cuda.cuStreamBeginCapture(fake.streams[0], kCaptureModeThreadLocal);
    EXPECT_EQ(fake.cuda.cuStreamWaitEvent(fake.streams[0], fake.event, 0), kErrorStreamCaptureIsolation);
  }
  {
    Fake fake;  // a wait
    fake.cuda.cuStreamBeginCapture(fake.streams[0], kCaptureModeThreadLocal);
    EXPECT_EQ(fake.cuda.cuStreamSynchronize(fake.streams[0]), kErrorStreamCaptureUnsupported);
  }
}

TEST(FakeDriverTest, WorkOfLibrariesIsQueuedAndCaptured) {
  Fake fake;
  int done = 0;
  const auto work = [&] {
    ++done;
    return absl::OkStatus();
  };
  CUgraph graph = nullptr;
  CUgraphExec executable = nullptr;
  fake.cuda.cuStreamBeginCapture(fake.streams[0], kCaptureModeThreadLocal);
  ASSERT_TRUE(fake.driver.Enqueue(fake.streams[0], "library", work).ok());
  ASSERT_EQ(fake.cuda.cuStreamEndCapture(fake.streams[0], &graph), kSuccess);
  ASSERT_EQ(fake.cuda.cuGraphInstantiate(&executable, graph, 0), kSuccess);
  EXPECT_EQ(done, 0);
  for (int launch = 0; launch < 3; ++launch) fake.cuda.cuGraphLaunch(executable, fake.streams[1]);
  ASSERT_TRUE(fake.driver.Enqueue(fake.streams[1], "library", work).ok());
  EXPECT_EQ(done, 0);
  EXPECT_EQ(fake.cuda.cuStreamSynchronize(fake.streams[1]), kSuccess);
  EXPECT_EQ(done, 4);
  ASSERT_TRUE(fake.driver.Enqueue(fake.streams[1], "bad", [] { return absl::InternalError("no"); }).ok());
  EXPECT_EQ(fake.cuda.cuStreamSynchronize(fake.streams[1]), kErrorLaunchFailed);
  EXPECT_EQ(fake.driver.violation(), "bad: INTERNAL: no");
}

TEST(FakeDriverTest, FailuresComeAtTheCallThatTheyAreAskedFor) {
  Fake fake;
  fake.driver.Fail("cuMemAlloc", 2, kErrorOutOfMemory);
  fake.driver.Fail("cuMemAlloc", 3, kErrorInvalidValue);
  CUdeviceptr a = 0;
  for (const CUresult expected : {kSuccess, kErrorOutOfMemory, kErrorInvalidValue, kSuccess}) {
    EXPECT_EQ(fake.cuda.cuMemAlloc(&a, 64), expected);
  }
  EXPECT_EQ(fake.driver.count("cuMemAlloc"), 4);
  EXPECT_EQ(fake.driver.used_bytes(), 128);
}

}  // namespace
}  // namespace plimsoll::runtime::cuda::testing
