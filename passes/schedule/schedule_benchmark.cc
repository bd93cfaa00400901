// Prints, for graphs of the families in families.h: the peak of the order as imported, of a plain greedy order (least
// change of memory first), of Solve, the lower bound, and the time of Solve. `--csv` for a file,
// `--steps=N` for another limit, `--only=TEXT` for the graphs whose names hold it.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include "passes/schedule/families.h"
#include "passes/schedule/graph.h"
#include "passes/schedule/greedy.h"
#include "passes/schedule/solver.h"
#include "passes/schedule/validator.h"

namespace plimsoll::schedule {
namespace {

int Run(bool csv, const Options& options, const std::string& only) {
  if (csv) {
    std::printf("name,nodes,imported,greedy,ours,lower_bound,seconds\n");
  } else {
    std::printf("%-26s %6s %11s %11s %11s %11s %8s %7s %7s\n", "graph", "nodes", "imported", "greedy", "ours", "bound",
                "less", "gap", "seconds");
  }
  for (const Family& family : AllFamilies()) {
    if (family.name.find(only) == std::string::npos) continue;
    const Problem& problem = family.problem;
    std::vector<int> index(problem.nodes.size());
    std::iota(index.begin(), index.end(), 0);
    const Graph graph = BuildGraph(problem);
    const double imported = static_cast<double>(PeakOf(graph, index));
    const double greedy = static_cast<double>(PeakOf(graph, Greedy(graph, Rule::kNet, index)));
    const auto start = std::chrono::steady_clock::now();
    const auto solution = Solve(problem, options);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (!solution.ok() || !Validate(problem, *solution).ok()) {
      std::fprintf(stderr, "%s: no valid solution\n", family.name.c_str());
      return 1;
    }
    const double ours = static_cast<double>(solution->peak), bound = static_cast<double>(solution->lower_bound);
    if (csv) {
      std::printf("%s,%zu,%.0f,%.0f,%.0f,%.0f,%.3f\n", family.name.c_str(), problem.nodes.size(), imported, greedy,
                  ours, bound, seconds);
    } else {
      constexpr double kKiB = 1024;
      std::printf("%-26s %6zu %11.0f %11.0f %11.0f %11.0f %7.1f%% %6.1f%% %7.2f%s\n", family.name.c_str(),
                  problem.nodes.size(), imported / kKiB, greedy / kKiB, ours / kKiB, bound / kKiB,
                  100 * (1 - ours / imported), 100 * (ours / bound - 1), seconds,
                  solution->proven_optimal ? "  optimal" : "");
    }
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace plimsoll::schedule

int main(int argc, char** argv) {
  bool csv = false;
  plimsoll::schedule::Options options;
  std::string only;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "--csv") {
      csv = true;
    } else if (arg.rfind("--steps=", 0) == 0) {
      options.max_steps = std::atoll(arg.c_str() + 8);
    } else if (arg.rfind("--only=", 0) == 0) {
      only = arg.substr(7);
    } else {
      std::fprintf(stderr, "usage: schedule_benchmark [--csv] [--steps=N] [--only=TEXT]\n");
      return 2;
    }
  }
  return plimsoll::schedule::Run(csv, options, only);
}
