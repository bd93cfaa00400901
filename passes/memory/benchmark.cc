// Prints value, bound, gap and time for the public allocation suites. Usage: memory_solver_benchmark FOLDER
// where FOLDER holds minimalloc/{A..F}.csv and idealloc/{resnet50.csv,pangu_2.6B.csv.gz}. Without them it says so.
#include <cstdio>
#include <optional>
#include <string>

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
  return 0;
}

}  // namespace
}  // namespace plimsoll::memory

int main(int argc, char** argv) { return plimsoll::memory::Main(argc, argv); }
