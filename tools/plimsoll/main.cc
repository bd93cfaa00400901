// The command line. Starts without loading LLVM: commands that compile open the compiler's library.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "ir/plan/plan.pb.h"
#include "tools/plimsoll/command.h"
#include "tools/plimsoll/exit_code.h"
#include "tools/plimsoll/text.h"

namespace plimsoll::cli {
namespace {

constexpr char kFooter[] = R"(
A first model of your own:
  plimsoll check   model.onnx
  plimsoll compile model.onnx -o model.plim --budget=2GiB
  plimsoll run     model.plim --inputs=DIR
  plimsoll inspect model.plim --html=model.html

"plimsoll COMMAND --help" explains each command.

Exit codes: 0 done; 1 internal error; 2 usage; 3 does not fit the budget; 4 unsupported operators; 5 a file cannot be
read or written; 6 the result differs from the expected one.)";

void PrintError(const absl::Status& status) {
  std::fprintf(stderr, "plimsoll: %.*s\n", static_cast<int>(status.message().size()), status.message().data());
  if (auto refusal = compiler::RefusalOf(status)) {
    std::fprintf(stderr, "  binding tensor            %s\n  smallest feasible budget  %lld (%s)\n  lower bound               %lld (%s)%s\n",
                 refusal->binding_tensor.c_str(), static_cast<long long>(refusal->smallest_feasible_budget_bytes),
                 FormatBytes(refusal->smallest_feasible_budget_bytes).c_str(), static_cast<long long>(refusal->lower_bound_bytes),
                 FormatBytes(refusal->lower_bound_bytes).c_str(),
                 refusal->proven_infeasible ? "\n  No plan can fit this budget: it is below the lower bound." : "");
  }
}

int Main(int argc, char** argv) {
  CLI::App app("Plimsoll: plans the memory of ONNX models to the byte, and runs exactly that plan.", "plimsoll");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", "plimsoll " PLIMSOLL_VERSION);
  Chosen chosen;
  AddCheck(app, chosen);
  AddCompile(app, chosen);
  AddRun(app, chosen);
  AddBench(app, chosen);
  AddInspect(app, chosen);
  AddVerify(app, chosen);
  AddSolve(app, chosen);
  AddKernels(app, chosen);
  AddGpus(app, chosen);
  for (CLI::App* command : app.get_subcommands({})) command->footer("");
  if (argc > 1 && argv[1][0] != '-' && 
      app.get_subcommands([&](const CLI::App* command) { return command->check_name(argv[1]); }).empty()) {
    std::fprintf(stderr, "plimsoll: there is no command '%s'\nTry plimsoll --help.\n", argv[1]);
    return kUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "plimsoll: %s\nTry plimsoll --help, or plimsoll COMMAND --help.\n", error.what());
    return kUsage;
  }
  Outcome outcome = chosen.run();
  const int code = outcome.status.ok() ? (outcome.differs ? kDiffers : kDone) : ExitCodeOf(outcome.status);
  if (!outcome.status.ok()) {
    PrintError(outcome.status);
    outcome.json["error"] = std::string(outcome.status.message());
  }
  if (chosen.json) {
    outcome.json["exit_code"] = code;
    std::cout << outcome.json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
    if (!std::cout.flush()) return kFile;
  }
  return code;
}

}  // namespace
}  // namespace plimsoll::cli

namespace {

// libgomp's threads spin for milliseconds before they sleep, unless told otherwise in the environment that it finds when it
// is loaded, which is before main. Where other processes want the cores too, that turns microseconds into scheduling
// quanta: what executes plans starts itself again with a shorter spin, unless the user chose.
void BoundSpinning(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  if (command != "run" && command != "bench") return;
  if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  setenv("GOMP_SPINCOUNT", "2000", 1);
  execv("/proc/self/exe", argv);  // returns only where it fails: then as it is
}

}  // namespace

int main(int argc, char** argv) {
  BoundSpinning(argc, argv);
  return plimsoll::cli::Main(argc, argv);
}
