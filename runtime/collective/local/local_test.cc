#include "runtime/collective/local/local.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ir/plan/collective.h"
#include "ir/plan/types.h"
#include "runtime/collective/testing/reference.h"

namespace plimsoll::runtime::collective {
namespace {

using namespace plimsoll::runtime::collective::testing;  // NOLINT: the references' names
using ::testing::HasSubstr;

#define ASSERT_OK(expression)                        \
  do {                                               \
    const absl::Status status_ = (expression);       \
    ASSERT_TRUE(status_.ok()) << status_.ToString(); \
  } while (false)

std::vector<std::shared_ptr<Communicator>> Ends(const LocalWorld& world) {
  std::vector<std::shared_ptr<Communicator>> ends;
  for (int rank = 0; rank < world.size(); ++rank) ends.push_back(world.communicator(rank));
  return ends;
}

// Runs the collective on all ranks and compares; in place where `in_place`.
void ExpectAsReference(const std::vector<std::shared_ptr<Communicator>>& ends, const plan::Collective& collective,
                       int64_t block, std::mt19937& random, bool in_place = false) {
  const int n = static_cast<int>(ends.size());
  std::vector<Elements> sources;
  std::vector<std::vector<std::byte>> from, to;
  for (int p = 0; p < n; ++p) {
    sources.push_back(RandomElements(collective.dtype(), SourceElements(collective.kind(), block, n), random));
    from.push_back(Bytes(collective.dtype(), sources.back()));
    to.emplace_back(
        static_cast<size_t>(DestinationElements(collective.kind(), block, n) * plan::ElementSize(collective.dtype())),
        std::byte{0xEE});
  }
  OnRanks(n, [&](int p) {
    auto& destination = in_place ? from[static_cast<size_t>(p)] : to[static_cast<size_t>(p)];
    ASSERT_OK(ends[static_cast<size_t>(p)]->Run(collective, from[static_cast<size_t>(p)].data(), destination.data(),
                                                block, nullptr));
  });
  const std::vector<Elements> expected = Expected(collective, sources);
  for (int p = 0; p < n; ++p) {
    const auto& result = in_place ? from[static_cast<size_t>(p)] : to[static_cast<size_t>(p)];
    for (size_t i = 0; i < expected[static_cast<size_t>(p)].size(); ++i) {
      ASSERT_EQ(Load(collective.dtype(), result.data(), static_cast<int64_t>(i)), expected[static_cast<size_t>(p)][i])
          << Describe(collective, block, n) << ", position " << p << ", element " << i;
    }
  }
}

TEST(LocalTest, EveryKindOfEveryType) {
  std::mt19937 random(1);
  for (const int n : {1, 2, 3, 4}) {
    const LocalWorld world(n);
    const auto ends = Ends(world);
    for (const plan::DataType type : AllTypes()) {
      for (const plan::Collective& collective : AllCollectives(type, n, random)) {
        for (const int64_t block : {0, 1, 7, 1000}) ExpectAsReference(ends, collective, block, random);
      }
    }
  }
}

TEST(LocalTest, InPlace) {
  std::mt19937 random(2);
  const LocalWorld world(4);
  for (int round = 0; round < 20; ++round) {
    for (const auto kind : {plan::Collective::ALL_REDUCE, plan::Collective::BROADCAST}) {
      ExpectAsReference(Ends(world), MakeCollective(kind, plan::F32, plan::Collective::SUM, 4, random), 1001, random,
                        true);
    }
  }
}

TEST(LocalTest, SplitsAlongTwoAxes) {
  std::mt19937 random(3);
  const LocalWorld world(4);
  const auto ends = Ends(world);
  const std::vector<int> rows = {0, 1, 2, 3}, columns = {0, 2, 1, 3}, backwards = {3, 2, 1, 0};
  std::vector<std::shared_ptr<Communicator>> row(4), column(4), reversed(4), alone(4);
  OnRanks(4, [&](int rank) {
    const auto r = static_cast<size_t>(rank);
    for (auto [parts, place, size] : {std::tuple(&rows, &row, 2), std::tuple(&columns, &column, 2),
                                      std::tuple(&backwards, &reversed, 4), std::tuple(&rows, &alone, 1)}) {
      auto made = ends[r]->Split(*parts, size);
      ASSERT_TRUE(made.ok()) << made.status();
      (*place)[r] = *made;
      EXPECT_EQ((*made)->size(), size);
    }
  });
  for (int rank = 0; rank < 4; ++rank) {
    const auto r = static_cast<size_t>(rank);
    EXPECT_EQ(row[r]->rank(), rank % 2);
    EXPECT_EQ(column[r]->rank(), rank / 2);
    EXPECT_EQ(reversed[r]->rank(), 3 - rank);
    EXPECT_EQ(alone[r]->rank(), 0);
  }
  for (const plan::Collective& collective : AllCollectives(plan::F32, 2, random)) {
    // Both parts of a partition at once, and neither sees the other.
    std::thread other([&] {
      std::mt19937 its_own(4);
      ExpectAsReference({row[2], row[3]}, collective, 100, its_own);
    });
    ExpectAsReference({row[0], row[1]}, collective, 50, random);
    other.join();
    ExpectAsReference({column[1], column[3]}, collective, 50, random);
  }
  ExpectAsReference({reversed[3], reversed[2], reversed[1], reversed[0]},
                    MakeCollective(plan::Collective::ALL_GATHER, plan::I64, plan::Collective::SUM, 4, random), 5,
                    random);
  EXPECT_EQ(ends[0]->Split(rows, 3).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(LocalTest, ManyRoundsKeepTheirOrder) {
  constexpr int kRanks = 4, kRounds = 2000;
  const LocalWorld world(kRanks);
  OnRanks(kRanks, [&](int rank) {
    auto end = world.communicator(rank);
    std::mt19937 random(static_cast<uint32_t>(rank));
    plan::Collective sum;
    sum.set_kind(plan::Collective::ALL_REDUCE);
    sum.set_dtype(plan::I32);
    sum.set_reduction(plan::Collective::SUM);
    for (int round = 0; round < kRounds; ++round) {
      if (random() % 50 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 100));
      int32_t value = round * 10 + rank;
      ASSERT_OK(end->Run(sum, &value, &value, 1, nullptr));
      ASSERT_EQ(value, kRanks * round * 10 + 6);
    }
  });
}

plan::Collective Barrier() {
  plan::Collective collective;
  collective.set_kind(plan::Collective::BROADCAST);
  collective.set_dtype(plan::U8);
  return collective;
}

TEST(LocalTest, WhoDoesNotComeIsNamed) {
  const LocalWorld world(4, absl::Milliseconds(50));
  std::atomic<int> late{0};
  OnRanks(2, [&](int i) {
    uint8_t byte = 0;
    const absl::Status status = world.communicator(2 * i)->Run(Barrier(), &byte, &byte, 1, nullptr);
    if (status.code() == absl::StatusCode::kDeadlineExceeded) {
      ++late;
      EXPECT_THAT(std::string(status.message()), HasSubstr("broadcast of 1 u8: rank 1, 3 did not come within 50ms"));
    } else {
      EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr("did not come"));
    }
  });
  EXPECT_EQ(late, 1);
  // Whoever comes too late is told.
  uint8_t byte = 0;
  const absl::Status status = world.communicator(1)->Run(Barrier(), &byte, &byte, 1, nullptr);
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(world.communicator(3)->Check().code(), absl::StatusCode::kAborted);
}

TEST(LocalTest, AbortWakesAllAndSaysWhy) {
  const LocalWorld world(3);
  std::vector<std::shared_ptr<Communicator>> parts(3);
  const std::vector<int> ranks = {0, 1, 2};
  OnRanks(3, [&](int rank) { parts[static_cast<size_t>(rank)] = *world.communicator(rank)->Split(ranks, 3); });
  OnRanks(3, [&](int rank) {
    uint8_t byte = 0;
    if (rank == 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      world.communicator(1)->Abort(absl::ResourceExhaustedError("no memory"));
      world.communicator(1)->Abort(absl::InternalError("later"));
    }
    const absl::Status status = parts[static_cast<size_t>(rank)]->Run(Barrier(), &byte, &byte, 1, nullptr);
    if (rank == 1) {
      EXPECT_EQ(status, absl::ResourceExhaustedError("no memory"));
    } else {
      EXPECT_EQ(status, absl::AbortedError("rank 1 gave up: RESOURCE_EXHAUSTED: no memory"));
    }
    EXPECT_EQ(world.communicator(rank)->Check(), status);
  });
}

TEST(LocalTest, DifferentRequestsAreRefusedOnAllRanks) {
  const LocalWorld world(2);
  std::mt19937 random(5);
  plan::Collective shift = Barrier(), root = Barrier(), sum = Barrier(), max = Barrier();
  shift.set_kind(plan::Collective::PERMUTE);
  root.set_root(1);
  sum.set_kind(plan::Collective::ALL_REDUCE);
  sum.set_reduction(plan::Collective::SUM);
  max = sum;
  max.set_reduction(plan::Collective::MAX);
  plan::Collective other = shift;
  other.add_pairs();
  plan::Collective wide = Barrier();
  wide.set_dtype(plan::U32);
  for (const auto& [a, b] : {std::pair(Barrier(), shift), {Barrier(), root}, {sum, max}, {shift, other}, {sum, wide}}) {
    OnRanks(2, [&, a = &a, b = &b](int rank) {
      uint32_t bytes = 0;
      const absl::Status status = world.communicator(rank)->Run(rank == 0 ? *a : *b, &bytes, &bytes, 1, nullptr);
      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_THAT(std::string(status.message()), HasSubstr("rank 0 asks for"));
    });
  }
  OnRanks(2, [&](int rank) {
    uint8_t bytes[2] = {};
    EXPECT_THAT(std::string(world.communicator(rank)->Run(Barrier(), bytes, bytes, 1 + rank, nullptr).message()),
                HasSubstr("rank 0 asks for broadcast of 1 u8, rank 1 for broadcast of 2 u8"));
  });
  // And the next one is as good as ever.
  ExpectAsReference(Ends(world), sum, 10, random);
}

}  // namespace
}  // namespace plimsoll::runtime::collective
