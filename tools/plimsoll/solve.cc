// plimsoll solve allocation|ordering|rematerialization PROBLEM: the bare solvers on files.
#include "tools/plimsoll/solve.h"

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace plimsoll::cli {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  std::ostringstream text;
  text << stream.rdbuf();
  if (stream.bad()) return absl::DataLossError(absl::StrCat(path, ": cannot be read"));
  return text.str();
}

void AddSolve(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("solve", "The bare solvers on files");
  command->require_subcommand(1);
  using Solver = Outcome (*)(const SolveFlags&, bool);
  auto add = [&](const char* name, const char* help, Solver solver) {
    auto* sub = command->add_subcommand(name, help);
    auto flags = std::make_shared<SolveFlags>();
    sub->add_option("PROBLEM", flags->problem, "The problem's file")->required();
    sub->add_option("-o,--output", flags->output, "Where the solution goes");
    sub->add_option("--seconds", flags->seconds,
                    "Limit on the wall clock (default: a limit in steps, so that results repeat)")
        ->check(CLI::PositiveNumber);
    sub->add_option("--steps", flags->steps, "Limit in steps of the search")->check(CLI::PositiveNumber);
    AddJson(*sub, chosen);
    sub->callback([=, &chosen] { chosen.run = [=, &chosen] { return solver(*flags, chosen.json); }; });
    return std::pair(sub, flags);
  };
  auto [allocation, allocation_flags] = add("allocation",
                                            "Places buffers with fixed live intervals in an arena: CSV "
                                            "id,lower,upper,size[,alignment,fixed_offset,arena,may_share,forbidden]",
                                            SolveAllocation);
  allocation->add_option("--capacity", allocation_flags->capacity,
                         "Stops at the first solution within these bytes (default: minimizes)");
  allocation->add_option("--html", allocation_flags->html, "Draws the packing on a self-contained page");
  auto [ordering, ordering_flags] =
      add("ordering", "Finds an order of least peak memory: JSON with nodes, tensors and outputs", SolveOrdering);
  ordering->add_option("--html", ordering_flags->html, "Draws memory over the steps on a self-contained page");
  auto [rematerialization, flags] =
      add("rematerialization",
          "Chooses what is computed again within a budget: JSON with nodes, edges, order, outputs, budget",
          SolveRematerialization);
  rematerialization->add_option(
      "--budget", flags->budget,
      "Instead of the file's: bytes, or shares of the peak without rematerialization: 6GiB,80%");
  rematerialization->add_flag("--free-order", flags->free_order, "Takes the order as a start, not as fixed");
  rematerialization->add_option("--html", flags->html, "Draws memory over the steps on a self-contained page");
}

}  // namespace plimsoll::cli
