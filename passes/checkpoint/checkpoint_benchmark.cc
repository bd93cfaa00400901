// Prints, for graphs of the kinds on which rematerialization is published, the increase of the total cost at shares of
// the peak without rematerialization: ours in the fixed order and in any, the certified bound and the gap, the time,
// and the published figures (of other graphs of the same kind). `--only=TEXT` for the graphs whose names hold it,
// `--budgets=90,80,70`, `--seconds=S` for a limit on the wall clock, `--free` also without the order, `--file=F.json`
// for a problem of your own, `--write=DIR` writes the problems as files and solves none.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "passes/checkpoint/families.h"
#include "passes/checkpoint/json.h"
#include "passes/checkpoint/solver.h"
#include "passes/checkpoint/validator.h"

namespace plimsoll::checkpoint {
namespace {

struct Row {
  std::string name;
  Problem problem;
  // Increase in percent at 90, 80, 70% of the peak: Checkmate, Moccasin, FastSA.
  std::vector<const char*> published;
};

std::vector<Row> Rows() {
  std::vector<Row> rows;
  for (uint64_t seed : {1, 2, 3})
    rows.push_back(
        {"layered 100", Layered(100, 236, 0.27, seed), {"0.8 0.7-0.9 0.0-0.4", "2.3 2.3-4.9 0.0-2.5", "- - 2.2"}});
  for (uint64_t seed : {1, 2, 3})
    rows.push_back(
        {"layered 250", Layered(250, 944, 0.43, seed), {"- 0.7-0.9 0.0-0.4", "- 2.3-4.9 0.0-2.5", "- - 2.6"}});
  rows.push_back({"FCN-8 VGG", TrainFcn8(32, 416, 608), {"0.0-0.1", "0.0-0.1", "-"}});
  rows.push_back({"ResNet-50", TrainResNet50(256), {"0.2", "0.3-0.4", "-"}});
  for (int layers : {100, 200, 300}) rows.push_back({"chain " + std::to_string(layers), TrainChain(layers, 1), {}});
  for (uint64_t seed : {1, 2})
    rows.push_back(
        {"layered 500", Layered(500, 2461, 0.36, seed), {"- 0.7-0.9 0.0-0.4", "- 2.3-4.9 0.0-2.5", "- - 4.8"}});
  for (uint64_t seed : {1, 2})
    rows.push_back(
        {"layered 1000", Layered(1000, 5875, 0.31, seed), {"- 0.7-0.9 0.0-0.4", "- 2.3-4.9 0.0-2.5", "- - 7.4"}});
  return rows;
}

int Run(std::vector<Row> rows, const std::vector<int>& shares, const Options& options, bool free_order) {
  std::printf("%-14s %6s %6s %5s %6s %9s %9s %8s %8s  %s\n", "graph", "nodes", "edges", "order", "budget", "increase",
              "bound", "gap", "cpu s", "published: Checkmate Moccasin FastSA");
  for (Row& row : rows) {
    const int64_t peak = PeakWithoutRematerialization(row.problem);
    for (bool any : {false, true}) {
      if (any && !free_order) continue;
      Problem problem = row.problem;
      if (any) problem.order.clear();
      double total = 0;
      size_t edges = 0;
      for (const Node& node : problem.nodes) total += node.cost, edges += node.inputs.size();
      for (int share : shares) {
        const int64_t budget = peak / 100 * share + peak % 100 * share / 100;
        const std::clock_t start = std::clock();
        const auto answers = Solve(problem, {budget}, options);
        const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
        std::printf("%-14s %6zu %6zu %5s %5d%% ", row.name.c_str(), problem.nodes.size(), edges, any ? "free" : "fixed",
                    share);
        if (!answers.ok()) {
          std::printf("%s\n", std::string(answers.status().message()).c_str());
          return 1;
        }
        const Answer& answer = answers->front();
        const Solution& solution = answer.solution;
        if (!answer.status.ok()) {
          std::printf("%9s %37.3f  %s\n", "-", seconds, std::string(answer.status.message()).c_str());
          continue;
        }
        if (absl::Status s = Validate(problem, budget, solution); !s.ok()) {
          std::printf("%s\n", std::string(s.message()).c_str());
          return 1;
        }
        const size_t which = share == 90 ? 0 : share == 80 ? 1 : share == 70 ? 2 : 3;
        std::printf("%8.2f%% %8.2f%% %7.2f%% %8.3f  %s%s\n", 100 * (solution.cost / total - 1),
                    100 * (solution.lower_bound / total - 1), 100 * (solution.cost / solution.lower_bound - 1), seconds,
                    which < row.published.size() ? row.published[which] : "",
                    solution.proven_optimal ? "  optimal" : "");
        std::fflush(stdout);
      }
    }
  }
  return 0;
}

int Write(const std::vector<Row>& rows, const std::string& folder) {
  for (size_t i = 0; i < rows.size(); ++i) {
    NamedProblem named{rows[i].problem, {}, {}};
    for (size_t v = 0; v < named.problem.nodes.size(); ++v) named.nodes.push_back(std::to_string(v));
    std::string name = rows[i].name + "-" + std::to_string(i);
    std::replace(name.begin(), name.end(), ' ', '-');
    std::ofstream stream(folder + "/" + name + ".json");
    if (!(stream << WriteProblem(named))) {
      std::fprintf(stderr, "%s/%s.json cannot be written\n", folder.c_str(), name.c_str());
      return 5;
    }
  }
  return 0;
}

}  // namespace
}  // namespace plimsoll::checkpoint

int main(int argc, char** argv) {
  using namespace plimsoll::checkpoint;
  Options options;
  std::string only, folder;
  std::vector<int> shares = {90, 80, 70};
  std::vector<Row> rows;
  bool free_order = false;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg.rfind("--seconds=", 0) == 0) {
      options.seconds = std::atof(arg.c_str() + 10);
      options.max_steps = int64_t{1} << 60;
    } else if (arg.rfind("--steps=", 0) == 0) {
      options.max_steps = std::atoll(arg.c_str() + 8);
    } else if (arg.rfind("--only=", 0) == 0) {
      only = arg.substr(7);
    } else if (arg.rfind("--write=", 0) == 0) {
      folder = arg.substr(8);
    } else if (arg == "--free") {
      free_order = true;
    } else if (arg.rfind("--budgets=", 0) == 0) {
      shares.clear();
      for (absl::string_view share : absl::StrSplit(arg.substr(10), ','))
        shares.push_back(std::atoi(std::string(share).c_str()));
    } else if (arg.rfind("--file=", 0) == 0) {
      std::ifstream stream(arg.substr(7));
      std::stringstream text;
      text << stream.rdbuf();
      auto named = ReadProblem(text.str());
      if (!named.ok()) {
        std::fprintf(stderr, "%s\n", named.status().ToString().c_str());
        return 2;
      }
      rows.push_back({arg.substr(arg.rfind('/') + 1), named->problem, {}});
    } else {
      std::fprintf(stderr,
                   "usage: checkpoint_benchmark [--only=TEXT] [--budgets=90,80,70] [--free] [--seconds=S] [--steps=N] "
                   "[--file=F.json] [--write=DIR]\n");
      return 2;
    }
  }
  if (rows.empty()) {
    for (Row& row : Rows()) {
      if (row.name.find(only) != std::string::npos) rows.push_back(std::move(row));
    }
  }
  if (!folder.empty()) return Write(rows, folder);
  return Run(std::move(rows), shares, options, free_order);
}
