// Prints value, bound, gap and time for the public allocation suites. Usage: memory_solver_benchmark FOLDER
// where FOLDER holds minimalloc/{A..F}.csv and idealloc/{resnet50.csv,pangu_2.6B.csv.gz}. What is absent is skipped,
// and said so; two generated problems follow.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "passes/memory/csv_io.h"
#include "passes/memory/solver.h"
#include "passes/memory/validator.h"

namespace plimsoll::memory {
namespace {

void Report(const std::string& name, const Problem& problem, const Options& options) {
  const absl::Time start = absl::Now();
  const absl::StatusOr<Solution> solution = Solve(problem, options);
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  if (!solution.ok()) {
    std::printf("%-28s %8zu  %s, %.4f s\n", name.c_str(), problem.buffers.size(), solution.status().ToString().c_str(),
                seconds);
    return;
  }
  const absl::Status valid = Validate(problem, *solution);
  std::printf("%-28s %8zu %14lld %14lld %9.5f %10.4f %10lld %s\n", name.c_str(), problem.buffers.size(),
              static_cast<long long>(solution->arena_size), static_cast<long long>(solution->lower_bound),
              solution->lower_bound > 0 ? double(solution->arena_size) / double(solution->lower_bound) : 1.0, seconds,
              static_cast<long long>(solution->steps), valid.ok() ? "valid" : valid.ToString().c_str());
  std::fflush(stdout);
}

// A forward and a backward pass: what the forward makes, the backward frees in the reverse order; temporaries between;
// a few sizes that repeat layer by layer, as in a transformer.
Problem TrainingLike(int count) {
  std::mt19937_64 random(1);
  Problem problem;
  const int64_t steps = count / 2;
  std::vector<int64_t> sizes;
  for (int i = 0; i < 24; ++i) sizes.push_back(int64_t{512} << (random() % 16));
  for (int i = 0; i < count; ++i) {
    const int64_t at = static_cast<int64_t>(random() % steps);
    Buffer buffer{.size = sizes[random() % sizes.size()] * static_cast<int64_t>(1 + random() % 3)};
    switch (random() % 4) {
      case 0:  // Saved for the backward pass.
        buffer.lower = at;
        buffer.upper = 2 * steps - at + 1 + static_cast<int64_t>(random() % 8);
        break;
      default:  // A temporary, of either pass.
        buffer.lower = at + (random() % 3 == 0 ? 0 : steps);
        buffer.upper = buffer.lower + 1 + static_cast<int64_t>(random() % 12);
    }
    problem.buffers.push_back(buffer);
  }
  return problem;
}

// Intervals uniform over time; sizes log-uniform, the largest about a thousandth of the load.
Problem Random(int count) {
  std::mt19937_64 random(2);
  const auto uniform = [&] { return double(random() >> 11) / double(uint64_t{1} << 53); };
  Problem problem;
  for (int i = 0; i < count; ++i) {
    int64_t a = static_cast<int64_t>(uniform() * 1e6), b = static_cast<int64_t>(uniform() * 1e6);
    if (a > b) std::swap(a, b);
    problem.buffers.push_back(
        {.lower = a, .upper = b + 1, .size = static_cast<int64_t>(64 * std::pow(1e5, uniform()))});
  }
  return problem;
}

int Main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : ".";
  std::printf("%-28s %8s %14s %14s %9s %10s %10s\n", "problem", "buffers", "bytes", "bound", "ratio", "seconds",
              "steps");
  for (const char* name :
       {"minimalloc/A.csv", "minimalloc/B.csv", "minimalloc/C.csv", "minimalloc/D.csv", "minimalloc/E.csv",
        "minimalloc/F.csv", "idealloc/resnet50.csv", "idealloc/pangu_2.6B.csv.gz"}) {
    absl::StatusOr<CsvProblem> problem = ReadCsv(folder + "/" + name);
    if (!problem.ok()) {
      std::printf("%-28s skipped: %s\n", name, std::string(problem.status().message()).c_str());
      continue;
    }
    if (name[0] == 'm') problem->problem.capacity = 1048576;
    Report(name, problem->problem, {});
  }
  Report("training trace, 62,000", TrainingLike(62000), {});
  Report("random, 1,000,000", Random(1000000), {});
  return 0;
}

}  // namespace
}  // namespace plimsoll::memory

int main(int argc, char** argv) { return plimsoll::memory::Main(argc, argv); }
