#include "passes/fuse/row_parts.h"

#include <gtest/gtest.h>

#include <vector>

namespace plimsoll::passes {
namespace {

constexpr RowMachine kA100{108, 1.555e12}, kH200{132, 4.8e12};

RowProblem Sum(int64_t rows, int64_t columns) { return {.rows = rows, .columns = columns, .extent = columns}; }

// Every element of the dim is in one part, whatever its length: primes, powers, odd numbers.
TEST(RowParts, CoverEachElementOnce) {
  int cut = 0, with_tail = 0;
  for (int64_t extent = 1; extent < 300000; extent += extent < 3000 ? 1 : 997) {
    for (const bool along : {true, false})
      for (const int64_t rows : {1, 7, 33}) {
        RowProblem problem = Sum(rows, extent * 64);
        problem.extent = extent;
        problem.inner = along ? 64 : 1;
        problem.along_memory = along;
        const RowParts parts = ChooseRowParts(problem, kA100);
        ASSERT_GE(parts.count, 1);
        ASSERT_EQ(parts.count * parts.size + parts.tail, extent);
        ASSERT_LT(parts.tail, parts.size);
        std::vector<int> covered(extent, 0);
        for (int64_t part = 0; part < parts.count; ++part)
          for (int64_t i = part * parts.size; i < (part + 1) * parts.size; ++i) ++covered[i];
        for (int64_t i = parts.count * parts.size; i < parts.count * parts.size + parts.tail; ++i) ++covered[i];
        for (int times : covered) ASSERT_EQ(times, 1);
        cut += parts.count > 1;
        with_tail += parts.tail > 0;
      }
  }
  EXPECT_GT(cut, 1000);
  EXPECT_GT(with_tail, 100);
}

TEST(RowParts, AreWorthTheirLaunches) {
  int cut = 0;
  for (int64_t rows = 1; rows < 400; rows = rows * 3 / 2 + 1)
    for (int64_t columns = 512; columns < int64_t{1} << 31; columns *= 2)
      for (const RowMachine& machine : {kA100, kH200})
        for (const bool stores : {false, true}) {
          RowProblem problem = Sum(rows, columns);
          problem.stores_elements = stores;
          problem.passes = stores ? 2 : 1;
          const RowParts parts = ChooseRowParts(problem, machine);
          if (parts.count == 1) continue;
          ++cut;
          EXPECT_LT(SecondsInParts(problem, parts, machine), SecondsWhole(problem, machine));
          EXPECT_LT(rows, machine.multiprocessors);
          EXPECT_GE(parts.size, 4096);
          EXPECT_LE(parts.count, 1024);
          EXPECT_EQ(parts.tail, 0);  // powers of two
        }
  EXPECT_GT(cut, 100);
}

TEST(RowParts, LeaveShortAndManyRows) {
  EXPECT_EQ(ChooseRowParts(Sum(1, 10000), kA100).count, 1);      // 7 us at the least
  EXPECT_EQ(ChooseRowParts(Sum(132, 1 << 20), kH200).count, 1);  // a block for each multiprocessor
  EXPECT_EQ(ChooseRowParts(Sum(32, 1024), kA100).count, 1);
  EXPECT_EQ(ChooseRowParts(Sum(0, 1 << 20), kA100).count, 1);
  EXPECT_EQ(ChooseRowParts(Sum(1, 1 << 20), {}).count, 1);  // no GPU
}

// Four blocks a multiprocessor, and for rows that are read twice parts that registers hold.
TEST(RowParts, FillTheGpu) {
  const RowParts sum = ChooseRowParts(Sum(1, int64_t{1} << 26), kA100);
  EXPECT_EQ(sum.count, 512);
  RowProblem norm = Sum(32, 320 * 64 * 64 / 32);
  norm.passes = 2;
  norm.stores_elements = true;
  const RowParts parts = ChooseRowParts(norm, kH200);
  EXPECT_EQ(parts.count, 10);
  EXPECT_EQ(parts.size, 4096);
  // Not 11, whose parts would begin at multiples of 2 bytes, where 16 divides the row.
  RowProblem halves = Sum(1, int64_t{11} << 20);
  halves.bytes = 2;
  EXPECT_EQ(ChooseRowParts(halves, kA100).size % 8, 0);
}

// At the channels of a group, although more parts would be better.
TEST(RowParts, SeamsOfTheProducer) {
  RowProblem norm = Sum(2, 32 * 96 * 96);
  norm.passes = 2;
  norm.stores_elements = true;
  norm.bytes = 2;
  EXPECT_NE(ChooseRowParts(norm, kA100).count, 32);
  norm.seams = {32 * 96 * 96, 32 * 96, 32, 1};
  EXPECT_EQ(ChooseRowParts(norm, kA100).count, 32);
}

// Memory runs across the rows, as in the sum over a batch: 32 rows are a block's.
TEST(RowParts, AcrossMemory) {
  RowProblem problem = Sum(64, 1 << 16);
  problem.along_memory = false;
  const RowParts parts = ChooseRowParts(problem, kA100);
  EXPECT_GE(parts.count, 432);
  EXPECT_EQ(parts.count * parts.size, 1 << 16);
  problem.rows = 32 * 108;
  EXPECT_EQ(ChooseRowParts(problem, kA100).count, 1);
}

}  // namespace
}  // namespace plimsoll::passes
