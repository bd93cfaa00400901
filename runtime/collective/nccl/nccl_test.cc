// NCCL's end of the communicators on the emulation, on ranks that are threads with a fake GPU each.
#include "runtime/collective/nccl/nccl.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ir/plan/collective.h"
#include "ir/plan/types.h"
#include "runtime/collective/nccl/api.h"
#include "runtime/collective/nccl/testing/ranks_on_fake_gpus.h"

namespace plimsoll::runtime::collective::nccl {
namespace {

using namespace plimsoll::runtime::collective::testing;  // NOLINT: the references' names
using ::testing::HasSubstr;
using Ends = std::vector<std::shared_ptr<Communicator>>;

#define ASSERT_OK(expression)                        \
  do {                                               \
    const absl::Status status_ = (expression);       \
    ASSERT_TRUE(status_.ok()) << status_.ToString(); \
  } while (false)

plan::Target CudaTarget() {
  plan::Target target;
  target.set_kind(plan::Target::CUDA);
  return target;
}

plan::Collective Sum(plan::Collective::Reduction reduction = plan::Collective::SUM) {
  plan::Collective collective;
  collective.set_kind(plan::Collective::ALL_REDUCE);
  collective.set_dtype(plan::F32);
  collective.set_reduction(reduction);
  return collective;
}

// What a rank does with a collective: uploads, runs it `times` times, as a graph where asked for, and looks.
struct Use {
  bool in_place = false;
  bool graph = false;
};

void RunOne(Device& device, Communicator& end, const plan::Collective& collective, int64_t block, const Use& use,
            const std::vector<std::byte>& source, std::vector<std::byte>& result) {
  const DeviceScope scope(device, CudaTarget());
  auto stream = device.CreateStream();
  ASSERT_TRUE(stream.ok());
  const auto from_bytes = static_cast<int64_t>(source.size()), to_bytes = static_cast<int64_t>(result.size());
  auto from = device.Allocate(from_bytes, 256), to = device.Allocate(to_bytes, 256);
  ASSERT_TRUE(from.ok() && to.ok());
  std::byte* target = use.in_place ? from->data : to->data;
  ASSERT_OK(device.Copy(from->data, source.data(), from_bytes, Device::Direction::kIn, stream->get()));
  const auto run = [&] { return end.Run(collective, from->data, target, block, stream->get()); };
  Resource graph;
  if (use.graph) {
    ASSERT_OK(device.BeginCapture(stream->get()));
    const absl::Status status = run();
    auto captured = device.EndCapture(stream->get());
    ASSERT_OK(status);
    ASSERT_OK(captured.status());
    graph = *std::move(captured);
    for (int round = 0; round < 3; ++round) ASSERT_OK(device.LaunchGraph(graph.get(), stream->get()));
  } else {
    ASSERT_OK(run());
  }
  ASSERT_OK(device.Synchronize(stream->get()));
  ASSERT_OK(end.Check());
  ASSERT_OK(device.Copy(result.data(), target, to_bytes, Device::Direction::kOut, stream->get()));
  ASSERT_OK(device.Synchronize(stream->get()));
}

void ExpectAsReference(RanksOnFakeGpus& gpus, const Ends& ends, const plan::Collective& collective, int64_t block,
                       std::mt19937& random, const Use& use = {}) {
  const int n = static_cast<int>(ends.size());
  std::vector<Elements> sources;
  std::vector<std::vector<std::byte>> results;
  for (int p = 0; p < n; ++p) {
    sources.push_back(RandomElements(collective.dtype(), SourceElements(collective.kind(), block, n), random));
    results.emplace_back(
        static_cast<size_t>(DestinationElements(collective.kind(), block, n) * plan::ElementSize(collective.dtype())));
  }
  OnRanks(n, [&](int p) {
    const auto i = static_cast<size_t>(p);
    RunOne(*gpus.device(p), *ends[i], collective, block, use, Bytes(collective.dtype(), sources[i]), results[i]);
  });
  if (::testing::Test::HasFatalFailure()) return;
  const std::vector<Elements> expected = Expected(collective, sources);
  for (size_t p = 0; p < ends.size(); ++p) {
    for (size_t i = 0; i < expected[p].size(); ++i) {
      ASSERT_EQ(Load(collective.dtype(), results[p].data(), static_cast<int64_t>(i)), expected[p][i])
          << Describe(collective, block, n) << ", position " << p << ", element " << i;
    }
  }
}

TEST(NcclTest, EveryKindOfEveryType) {
  std::mt19937 random(1);
  for (const int n : {1, 2, 4}) {
    RanksOnFakeGpus gpus(n);
    const Ends ends = gpus.Join();
    for (const plan::DataType type : AllTypes()) {
      for (const plan::Collective& collective : AllCollectives(type, n, random)) {
        ExpectAsReference(gpus, ends, collective, 1 + static_cast<int64_t>(random() % 200), random);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(NcclTest, InGraphsAndInPlace) {
  std::mt19937 random(2);
  RanksOnFakeGpus gpus(2);
  const Ends ends = gpus.Join();
  for (const plan::Collective& collective : AllCollectives(plan::F32, 2, random)) {
    // Launched three times: not in place, where the second would begin with the first's result.
    ExpectAsReference(gpus, ends, collective, 100, random, {.in_place = false, .graph = true});
    const bool in_place =
        collective.kind() == plan::Collective::ALL_REDUCE || collective.kind() == plan::Collective::BROADCAST;
    if (in_place) ExpectAsReference(gpus, ends, collective, 100, random, {.in_place = true});
    if (HasFatalFailure()) return;
  }
}

TEST(NcclTest, SplitsAlongTwoAxes) {
  std::mt19937 random(3);
  RanksOnFakeGpus gpus(4);
  const Ends ends = gpus.Join();
  Ends row(4), column(4);
  const std::vector<int> rows = {0, 1, 2, 3}, columns = {0, 2, 1, 3};
  OnRanks(4, [&](int rank) {
    const auto r = static_cast<size_t>(rank);
    auto made = ends[r]->Split(rows, 2);
    ASSERT_OK(made.status());
    row[r] = *made;
    made = ends[r]->Split(columns, 2);
    ASSERT_OK(made.status());
    column[r] = *made;
  });
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_EQ(gpus.nccl.splits, 2);
  for (int rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(row[static_cast<size_t>(rank)]->rank(), rank % 2);
    EXPECT_EQ(column[static_cast<size_t>(rank)]->rank(), rank / 2);
    EXPECT_EQ(column[static_cast<size_t>(rank)]->size(), 2);
  }
  // Each rank sends its number around its row, then along its column.
  OnRanks(4, [&](int rank) {
    const auto r = static_cast<size_t>(rank);
    const plan::Collective gather = [] {
      plan::Collective made;
      made.set_kind(plan::Collective::ALL_GATHER);
      made.set_dtype(plan::I32);
      return made;
    }();
    std::vector<std::byte> mine = Bytes(plan::I32, {static_cast<double>(rank)}), result(8);
    RunOne(*gpus.device(rank), *row[r], gather, 1, {}, mine, result);
    EXPECT_EQ(Load(plan::I32, result.data(), 0), rank / 2 * 2);
    EXPECT_EQ(Load(plan::I32, result.data(), 1), rank / 2 * 2 + 1);
    RunOne(*gpus.device(rank), *column[r], gather, 1, {}, mine, result);
    EXPECT_EQ(Load(plan::I32, result.data(), 0), rank % 2);
    EXPECT_EQ(Load(plan::I32, result.data(), 1), rank % 2 + 2);
  });
}

// On all ranks but the last: puts an all-reduce into a stream, and waits until the communicator says something or it is
// done.
absl::Status RunAndWatch(Device& device, Communicator& end, std::function<void()> meanwhile = nullptr) {
  const DeviceScope scope(device, CudaTarget());
  auto stream = device.CreateStream();
  auto memory = device.Allocate(1024, 256);
  const plan::Collective sum = Sum();
  absl::Status status = end.Run(sum, memory->data, memory->data, 256, stream->get());
  if (meanwhile) meanwhile();
  while (status.ok()) {
    auto done = device.IsDone(stream->get());
    if (!done.ok()) return done.status();
    status = end.Check();
    if (*done) break;
  }
  if (!status.ok()) end.Abort(status);
  device.Synchronize(stream->get()).IgnoreError();  // ends, once the communicator has
  return status;
}

TEST(NcclTest, AnAbortedRankIsToldToTheOthersOverANetwork) {
  RanksOnFakeGpus gpus(3);
  Ends ends = gpus.Join();
  OnRanks(3, [&](int rank) {
    Communicator& end = *ends[static_cast<size_t>(rank)];
    if (rank == 2) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      end.Abort(absl::InternalError("a kernel failed"));
      EXPECT_EQ(end.Check(), absl::InternalError("a kernel failed"));
      return;
    }
    const absl::Status status = RunAndWatch(*gpus.device(rank), end);
    EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("remote process exited"));
  });
  ends.clear();  // waits for NCCL
  EXPECT_EQ(gpus.nccl.aborted, 3);
}

TEST(NcclTest, AbortFromAnotherThreadEndsWhatIsInTheStream) {
  RanksOnFakeGpus gpus(2);
  gpus.nccl.tells_others = false;
  const Ends ends = gpus.Join();
  std::thread canceller;
  const absl::Status status = RunAndWatch(*gpus.device(0), *ends[0], [&] {
    canceller = std::thread([&] { ends[0]->Abort(absl::CancelledError("enough")); });
  });
  canceller.join();
  EXPECT_EQ(status, absl::CancelledError("enough"));
  uint8_t byte = 0;
  EXPECT_EQ(ends[0]->Run(plan::Collective(), &byte, &byte, 0, nullptr), absl::OkStatus());  // nothing to do
  const plan::Collective sum = Sum();
  EXPECT_EQ(ends[0]->Run(sum, &byte, &byte, 1, nullptr), absl::CancelledError("enough"));
}

// NCCL waits for the graphs in ncclCommAbort: who aborts does not wait, and has them still.
TEST(NcclTest, AbortReturnsWhileGraphsHoldCollectives) {
  RanksOnFakeGpus gpus(2);
  gpus.nccl.tells_others = false;
  Ends ends = gpus.Join();
  const std::vector<int> ranks = {0, 1};
  OnRanks(2, [&](int rank) {
    Device& device = *gpus.device(rank);
    const DeviceScope scope(device, CudaTarget());
    auto split = ends[static_cast<size_t>(rank)]->Split(ranks, 2);
    ASSERT_OK(split.status());
    auto stream = device.CreateStream();
    auto memory = device.Allocate(1024, 256);
    const plan::Collective sum = Sum();
    std::vector<Resource> graphs;
    for (Communicator* end : {ends[static_cast<size_t>(rank)].get(), split->get()}) {
      ASSERT_OK(device.BeginCapture(stream->get()));
      ASSERT_OK(end->Run(sum, memory->data, memory->data, 256, stream->get()));
      auto graph = device.EndCapture(stream->get());
      ASSERT_OK(graph.status());
      graphs.push_back(*std::move(graph));
    }
    if (rank == 1) ASSERT_OK(device.LaunchGraph(graphs[1].get(), stream->get()));  // and the other never does
    ends[static_cast<size_t>(rank)]->Abort(absl::InternalError("the end"));
    ASSERT_OK(device.Synchronize(stream->get()));
    EXPECT_EQ((*split)->Check(), absl::InternalError("the end"));
    graphs.clear();
  });
  ends.clear();
  EXPECT_EQ(gpus.nccl.aborted, 4);
}

TEST(NcclTest, WhoDoesNotConnectIsWaitedForNoLongerThanSaid) {
  RanksOnFakeGpus gpus(2);
  const std::string id = *NewId();
  const auto end = Connect(gpus.device(0), id, 2, 0, absl::Milliseconds(20));
  EXPECT_EQ(end.status().code(), absl::StatusCode::kDeadlineExceeded) << end.status();
  EXPECT_THAT(end.status().ToString(), HasSubstr("ncclCommInitRankConfig did not end within 20ms"));
}

TEST(NcclTest, ASplitWaitsNoLongerThanSaid) {
  RanksOnFakeGpus gpus(2);
  const Ends ends = gpus.Join(absl::Milliseconds(20));
  const std::vector<int> ranks = {0, 1};
  EXPECT_EQ(ends[0]->Split(ranks, 1).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ends[0]->Check().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ends[0]->Split(ranks, 3).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(NcclTest, WhatCannotConnectSaysWhy) {
  RanksOnFakeGpus gpus(2);
  EXPECT_EQ(Connect(gpus.device(0), "short", 2, 0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Connect(gpus.device(0), *NewId(), 2, 2).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Connect(nullptr, *NewId(), 2, 0).status().code(), absl::StatusCode::kInvalidArgument);
  gpus.nccl.version = 21703;
  const auto old = Connect(gpus.device(0), std::string(128, 'x'), 2, 0);
  EXPECT_EQ(old.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(old.status().ToString(), HasSubstr("NCCL says version 21703; 2.18 or later"));
}

TEST(NcclTest, TwoRanksOnOneGpuAreRefused) {
  RanksOnFakeGpus gpus(1);
  gpus.expected_error = "two ranks of a communicator have one device";
  const std::string id = *NewId();
  OnRanks(2, [&](int rank) {
    const auto end = Connect(gpus.device(0), id, 2, rank, absl::Seconds(10));
    EXPECT_EQ(end.status().code(), absl::StatusCode::kInternal) << end.status();
    EXPECT_THAT(end.status().ToString(), HasSubstr("invalid usage"));
  });
}

// The emulation's own strictness: what the tests above would not notice without.
TEST(EmulatedNcclTest, RanksThatDifferAreNoticed) {
  RanksOnFakeGpus gpus(2);
  const Ends ends = gpus.Join();
  gpus.expected_error = "ranks 0 and 1 differ in collective 0";
  std::atomic<int> next{0};
  OnRanks(2, [&](int rank) {
    const DeviceScope scope(*gpus.device(rank), CudaTarget());
    auto stream = gpus.device(rank)->CreateStream();
    auto memory = gpus.device(rank)->Allocate(1024, 256);
    const plan::Collective sum = Sum(rank == 0 ? plan::Collective::SUM : plan::Collective::MAX);
    ASSERT_OK(ends[static_cast<size_t>(rank)]->Run(sum, memory->data, memory->data, 8, stream->get()));
    while (next != rank) std::this_thread::yield();
    auto looked = gpus.device(rank)->IsDone(stream->get());
    next = rank + 1;
    ASSERT_OK(gpus.device(rank)->Synchronize(stream->get()));
  });
}

TEST(EmulatedNcclTest, CallsInProgressAndOverlapsAreNoticed) {
  RanksOnFakeGpus gpus(1);
  auto ends = gpus.Join();
  gpus.expected_error = "ncclAllGather: source and destination overlap";
  const DeviceScope scope(*gpus.device(0), CudaTarget());
  auto memory = gpus.device(0)->Allocate(1024, 256);
  auto stream = gpus.device(0)->CreateStream();
  plan::Collective gather;
  gather.set_kind(plan::Collective::ALL_GATHER);
  gather.set_dtype(plan::F32);
  ASSERT_OK(ends[0]->Run(gather, memory->data + 4, memory->data, 8, stream->get()));
  ASSERT_OK(gpus.device(0)->Synchronize(stream->get()));
}

}  // namespace
}  // namespace plimsoll::runtime::collective::nccl
