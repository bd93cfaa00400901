// Prints how good the solver is on generated problems: the times over many seeds of the accelerator kind, and value,
// bound and time of large ones. Usage: memory_solver_benchmark [SEEDS]
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "passes/memory/generators.h"
#include "passes/memory/solver.h"
#include "passes/memory/validator.h"

namespace plimsoll::memory {
namespace {

constexpr int64_t kCapacity = 1048576;  // Of the accelerator kind, in bytes: 1024 units.
constexpr int64_t kSteps = 500'000;

struct Timed {
  absl::StatusOr<Solution> solution;
  double seconds;
};

Timed SolveTimed(const Problem& problem, const Options& options) {
  const absl::Time start = absl::Now();
  absl::StatusOr<Solution> solution = Solve(problem, options);
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  if (solution.ok() && !Validate(problem, *solution).ok()) {
    std::fprintf(stderr, "invalid: %s\n", Validate(problem, *solution).ToString().c_str());
    std::exit(1);
  }
  return {std::move(solution), seconds};
}

void ReportKind(const std::string& name, int seeds, const std::function<Problem(int)>& generate) {
  std::vector<double> times;
  int solved = 0;
  for (int seed = 1; seed <= seeds; ++seed) {
    Problem problem = generate(seed);
    problem.capacity = kCapacity;
    const Timed timed = SolveTimed(problem, {.max_steps = kSteps});
    if (timed.solution.ok()) ++solved;
    if (absl::IsResourceExhausted(timed.solution.status())) {
      std::fprintf(stderr, "%s, seed %d: called infeasible, and is not\n", name.c_str(), seed);
      std::exit(1);
    }
    times.push_back(timed.seconds);
  }
  std::sort(times.begin(), times.end());
  std::printf("%-30s %4d of %-4d %9.4f %9.4f %9.4f\n", name.c_str(), solved, seeds, times[times.size() / 2],
              times[times.size() * 9 / 10], times.back());
  std::fflush(stdout);
}

void ReportLarge(const std::string& name, const Problem& problem) {
  const Timed timed = SolveTimed(problem, {});
  if (!timed.solution.ok()) std::exit(1);
  const Solution& solution = *timed.solution;
  std::printf("%-30s %8zu %14lld %14lld %9.5f %9.3f\n", name.c_str(), problem.buffers.size(),
              static_cast<long long>(solution.arena_size), static_cast<long long>(solution.lower_bound),
              double(solution.arena_size) / double(solution.lower_bound), timed.seconds);
  std::fflush(stdout);
}

void Main(int seeds) {
  std::printf("capacity %lld, each solvable, at most %lld steps; seconds\n%-30s %12s %9s %9s %9s\n",
              static_cast<long long>(kCapacity), static_cast<long long>(kSteps), "kind", "solved", "median", "p90",
              "worst");
  for (int pieces : {150, 200, 300, 450}) {
    for (double dropped : {0.0, 0.02, 0.1}) {
      ReportKind("cut " + std::to_string(pieces) + ", " + std::to_string(int(100 * dropped)) + "% left out", seeds,
                 [&](int seed) { return CutSquare(pieces, 1024, dropped, seed); });
    }
  }
  for (int count : {300, 450}) {
    ReportKind("short-lived " + std::to_string(count), seeds, [&](int seed) { return ShortLived(count, 1024, seed); });
  }
  std::printf("\nminimized\n%-30s %8s %14s %14s %9s %9s\n", "problem", "buffers", "bytes", "bound", "ratio", "seconds");
  for (int seed = 1; seed <= 4; ++seed) {
    ReportLarge("training step " + std::to_string(seed), TrainingTrace(62'000, seed));
  }
  ReportLarge("log-uniform, long", LogUniform(1'000'000, 64, 6'400'000, 1, 1));
  ReportLarge("log-uniform, short", LogUniform(1'000'000, 64, 6'400'000, 0.002, 1));
}

}  // namespace
}  // namespace plimsoll::memory

int main(int argc, char** argv) { plimsoll::memory::Main(argc > 1 ? std::max(1, std::atoi(argv[1])) : 20); }
