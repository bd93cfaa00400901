#include "passes/memory/solver.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "passes/memory/bound.h"
#include "passes/memory/generators.h"
#include "passes/memory/validator.h"

namespace plimsoll::memory {
namespace {

using ::testing::HasSubstr;

bool MayShare(const Problem& problem, int a, int b) {
  return std::any_of(problem.may_share.begin(), problem.may_share.end(),
                     [&](const auto& pair) { return pair == std::pair(a, b) || pair == std::pair(b, a); });
}

// The least arena of a small problem of one arena, by trying every offset up to `most`; none if there is no solution.
std::optional<int64_t> BruteForce(const Problem& problem, int64_t most) {
  const int count = static_cast<int>(problem.buffers.size());
  std::vector<int64_t> offsets(count);
  int64_t best = most + 1;
  const std::function<void(int, int64_t)> place = [&](int i, int64_t height) {
    if (height >= best) return;
    if (i == count) {
      best = height;
      return;
    }
    const Buffer& buffer = problem.buffers[i];
    for (int64_t offset = 0; offset + buffer.size < best; offset += buffer.alignment) {
      if (buffer.fixed_offset.value_or(offset) != offset) continue;
      bool free = true;
      for (const Region& region : problem.forbidden) {
        free = free && !(region.lower < buffer.upper && buffer.lower < region.upper &&
                         region.begin < offset + buffer.size && offset < region.end);
      }
      for (int j = 0; j < i && free; ++j) {
        const Buffer& other = problem.buffers[j];
        if (other.lower >= buffer.upper || buffer.lower >= other.upper) continue;
        if (offsets[j] >= offset + buffer.size || offset >= offsets[j] + other.size) continue;
        free = offsets[j] == offset && MayShare(problem, i, j);
      }
      if (!free) continue;
      offsets[i] = offset;
      place(i + 1, std::max(height, offset + buffer.size));
    }
  };
  place(0, 0);
  if (best > most) return std::nullopt;
  return best;
}

struct Kind {
  bool aligned = false;
  bool fixed = false;
  bool regions = false;
  bool pairs = false;
};

Problem RandomProblem(std::mt19937& random, const Kind& kind) {
  const auto draw = [&](int low, int high) { return low + static_cast<int>(random() % (high - low + 1)); };
  Problem problem;
  const int count = draw(1, 6);
  for (int i = 0; i < count; ++i) {
    Buffer buffer;
    buffer.lower = draw(0, 6);
    buffer.upper = buffer.lower + draw(1, 4);
    buffer.size = draw(1, 5);
    if (kind.aligned) buffer.alignment = draw(1, 4);
    if (kind.fixed && draw(0, 3) == 0) buffer.fixed_offset = draw(0, 4) * buffer.alignment;
    problem.buffers.push_back(buffer);
  }
  if (kind.regions) {
    Region region{.lower = draw(0, 6), .begin = draw(0, 4)};
    region.upper = region.lower + draw(1, 4);
    region.end = region.begin + draw(1, 4);
    problem.forbidden.push_back(region);
  }
  for (int i = 1; kind.pairs && i < count; ++i) {
    if (draw(0, 1) == 0) problem.may_share.push_back({i - 1, i});
  }
  return problem;
}

class RandomProblems : public testing::TestWithParam<Kind> {};

TEST_P(RandomProblems, AgreeWithBruteForce) {
  std::mt19937 random(7);
  const Kind kind = GetParam();
  for (int round = 0; round < 400; ++round) {
    const Problem problem = RandomProblem(random, kind);
    const std::optional<int64_t> least = BruteForce(problem, 40);
    const absl::StatusOr<Solution> solution = Solve(problem);
    if (!least.has_value()) {
      EXPECT_EQ(solution.status().code(), absl::StatusCode::kResourceExhausted) << "round " << round;
      continue;
    }
    ASSERT_TRUE(solution.ok()) << "round " << round << ": " << solution.status();
    EXPECT_TRUE(Validate(problem, *solution).ok()) << "round " << round << ": " << Validate(problem, *solution);
    EXPECT_LE(solution->lower_bound, *least) << "round " << round;
    if (kind.pairs) {
      EXPECT_GE(solution->arena_size, *least) << "round " << round;
    } else {
      EXPECT_EQ(solution->arena_size, *least) << "round " << round;
      EXPECT_TRUE(solution->proven_optimal) << "round " << round;
    }
    EXPECT_LE(*LowerBound(problem), *least) << "round " << round;
    // At the least capacity there is a solution, one byte below there is none.
    if (kind.pairs) continue;
    Problem limited = problem;
    limited.capacity = *least;
    EXPECT_TRUE(Solve(limited).ok()) << "round " << round;
    limited.capacity = *least - 1;
    EXPECT_EQ(Solve(limited).status().code(), absl::StatusCode::kResourceExhausted) << "round " << round;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, RandomProblems,
                         testing::Values(Kind{}, Kind{.aligned = true}, Kind{.fixed = true}, Kind{.regions = true},
                                         Kind{.aligned = true, .fixed = true, .regions = true}, Kind{.pairs = true},
                                         Kind{.aligned = true, .fixed = true, .regions = true, .pairs = true}));

// A rectangle cut at random: it fits exactly.
Problem Cut(int pieces, int64_t side, int seed) {
  struct Rectangle {
    int64_t left, right, bottom, top;
  };
  std::mt19937 random(seed);
  std::vector<Rectangle> rectangles = {{0, side, 0, side}};
  while (static_cast<int>(rectangles.size()) < pieces) {
    Rectangle& old = rectangles[random() % rectangles.size()];
    Rectangle cut = old;
    if (random() % 2 == 0) {
      if (old.right - old.left < 2) continue;
      old.right = cut.left = old.left + 1 + random() % (old.right - old.left - 1);
    } else {
      if (old.top - old.bottom < 2) continue;
      old.top = cut.bottom = old.bottom + 1 + random() % (old.top - old.bottom - 1);
    }
    rectangles.push_back(cut);
  }
  Problem problem;
  for (const Rectangle& r : rectangles)
    problem.buffers.push_back({.lower = r.left, .upper = r.right, .size = r.top - r.bottom});
  return problem;
}

TEST(Solve, FillsACutRectangle) {
  for (int seed = 0; seed < 20; ++seed) {
    Problem problem = Cut(40, 256, seed);
    problem.capacity = 256;
    const absl::StatusOr<Solution> solution = Solve(problem);
    ASSERT_TRUE(solution.ok()) << "seed " << seed << ": " << solution.status();
    EXPECT_TRUE(Validate(problem, *solution).ok()) << Validate(problem, *solution);
    EXPECT_TRUE(solution->proven_optimal);
  }
}

// Each has a packing by construction, so that nothing may be called infeasible, whatever the search remembers.
TEST(Solve, NeverCallsAHiddenPackingInfeasible) {
  int solved = 0;
  for (int seed = 0; seed < 40; ++seed) {
    Problem problem = CutSquare(60 + 5 * seed, 512, seed % 3 * 0.05, seed);
    problem.capacity = 512 * 1024;
    const absl::StatusOr<Solution> solution = Solve(problem, {.max_steps = 5000});
    if (solution.ok()) {
      ++solved;
      EXPECT_TRUE(Validate(problem, *solution).ok()) << Validate(problem, *solution);
    } else {
      EXPECT_EQ(solution.status().code(), absl::StatusCode::kDeadlineExceeded) << "seed " << seed;
    }
  }
  EXPECT_GE(solved, 20);
}

TEST(Solve, PacksThePeakOfATrainingStepToItsBound) {
  for (int seed = 1; seed <= 3; ++seed) {
    const Problem problem = TrainingTrace(2000, seed);
    const absl::StatusOr<Solution> solution = Solve(problem);
    ASSERT_TRUE(solution.ok()) << solution.status();
    EXPECT_TRUE(Validate(problem, *solution).ok()) << Validate(problem, *solution);
    EXPECT_LE(double(solution->arena_size), 1.001 * double(solution->lower_bound)) << "seed " << seed;
  }
}

TEST(Solve, PacksManyShortBuffersNearTheirBound) {
  const Problem problem = LogUniform(30'000, 64, 6'400'000, 0.05, 1);
  const absl::StatusOr<Solution> solution = Solve(problem);
  ASSERT_TRUE(solution.ok()) << solution.status();
  EXPECT_TRUE(Validate(problem, *solution).ok()) << Validate(problem, *solution);
  EXPECT_LE(double(solution->arena_size), 1.03 * double(solution->lower_bound));
}

// The skyline among obstacles: buffers at fixed offsets and regions, too many for anything else to be quick.
TEST(Solve, PacksManyBuffersAroundWhatIsFixed) {
  for (bool overlapping : {false, true}) {
    Problem problem = LogUniform(5'000, 64, 6'400'000, 0.05, 2);
    const Solution free = *Solve(problem, {.max_steps = 1});
    for (size_t i = 0; i < problem.buffers.size(); i += 5) problem.buffers[i].fixed_offset = free.offsets[i];
    for (int64_t k = 0; k < 20; ++k) {
      const int64_t lower = 50'000 * k, upper = lower + (overlapping ? 120'000 : 20'000);
      problem.forbidden.push_back({.lower = lower, .upper = upper, .begin = 2 * free.arena_size, .end = 3 * free.arena_size});
    }
    const absl::StatusOr<Solution> solution = Solve(problem, {.max_steps = 20'000});
    ASSERT_TRUE(solution.ok()) << solution.status();
    EXPECT_TRUE(Validate(problem, *solution).ok()) << Validate(problem, *solution);
    EXPECT_LE(double(solution->arena_size), 1.3 * double(solution->lower_bound));
  }
}

TEST(Solve, IsDeterministic) {
  const Problem problem = Cut(120, 1024, 3);
  const Options options{.max_steps = 3000};
  EXPECT_EQ(Solve(problem, options)->offsets, Solve(problem, options)->offsets);
}

TEST(Solve, ReturnsTheBestSoFarAtAnyLimit) {
  const Problem problem = Cut(150, 1024, 5);
  int64_t last = INT64_MAX;
  for (int64_t steps : {0, 1, 10, 1000, 10000}) {
    const absl::StatusOr<Solution> solution = Solve(problem, {.max_steps = steps});
    ASSERT_TRUE(solution.ok()) << solution.status();
    EXPECT_TRUE(Validate(problem, *solution).ok()) << Validate(problem, *solution);
    EXPECT_LE(solution->arena_size, last);
    last = solution->arena_size;
  }
}

TEST(Solve, TellsInfeasibleFromOutOfTime) {
  Problem problem = Cut(150, 1024, 5);
  problem.capacity = 1023;
  EXPECT_EQ(Solve(problem).status().code(), absl::StatusCode::kResourceExhausted);
  // Some of these are solved by the first placement.
  int out_of_time = 0;
  for (int seed = 0; seed < 10; ++seed) {
    problem = Cut(150, 1024, seed);
    problem.capacity = 1024;
    const absl::Status status = Solve(problem, {.max_steps = 0}).status();
    if (status.code() == absl::StatusCode::kDeadlineExceeded) ++out_of_time;
    EXPECT_TRUE(status.ok() || status.code() == absl::StatusCode::kDeadlineExceeded) << status;
  }
  EXPECT_GT(out_of_time, 0);
}

TEST(Solve, KeepsArenasApart) {
  Problem problem;
  problem.buffers = {{.upper = 1, .size = 5}, {.upper = 1, .size = 7, .arena = 2}, {.upper = 1, .size = 1, .arena = 2}};
  const absl::StatusOr<Solution> solution = Solve(problem);
  ASSERT_TRUE(solution.ok()) << solution.status();
  EXPECT_TRUE(Validate(problem, *solution).ok()) << Validate(problem, *solution);
  EXPECT_THAT(solution->arena_sizes, testing::ElementsAre(5, 0, 8));
  EXPECT_EQ(solution->arena_size, 13);
}

TEST(Solve, UsesInPlacePairs) {
  Problem problem;
  problem.buffers = {{.lower = 0, .upper = 2, .size = 8}, {.lower = 1, .upper = 3, .size = 6}};
  EXPECT_EQ(Solve(problem)->arena_size, 14);
  problem.may_share = {{1, 0}};
  EXPECT_EQ(Solve(problem)->arena_size, 8);
}

TEST(Solve, RefusesFixedBuffersThatContradict) {
  Problem problem;
  problem.buffers = {{.upper = 2, .size = 8, .fixed_offset = 0},
                     {.lower = 1, .upper = 3, .size = 6, .fixed_offset = 7}};
  const absl::Status status = Solve(problem).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("buffer 0 and buffer 1"));
}

TEST(Solve, AcceptsEmptyProblemsAndEmptyBuffers) {
  EXPECT_EQ(Solve({})->arena_size, 0);
  Problem problem;
  problem.buffers = {{.upper = 1, .size = 0}};
  EXPECT_TRUE(Validate(problem, *Solve(problem)).ok());
}

TEST(Solve, RefusesHostileInput) {
  const auto code = [](const Buffer& buffer) { return Solve(Problem{.buffers = {buffer, buffer}}).status().code(); };
  EXPECT_EQ(code({.lower = 1, .upper = 1, .size = 1}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.upper = 1, .size = -1}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.upper = 1, .size = INT64_MAX}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.upper = 1, .size = 1, .alignment = 0}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.upper = 1, .size = 1, .alignment = INT64_MAX}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.upper = 1, .size = 1, .fixed_offset = INT64_MAX}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.upper = 1, .size = 1, .fixed_offset = -1}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.upper = 1, .size = 1, .arena = -1}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Solve(Problem{.may_share = {{0, 1}}}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Solve({}, {.max_steps = -1}).status().code(), absl::StatusCode::kInvalidArgument);
  // The whole range of times is fine.
  EXPECT_TRUE(Solve(Problem{.buffers = {{.lower = INT64_MIN, .upper = INT64_MAX, .size = 1}}}).ok());
}

}  // namespace
}  // namespace plimsoll::memory
