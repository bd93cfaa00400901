// Runs ONNX's own node tests through compiler and runtime, many in one process, and holds the result to a committed
// list of what passes: a test of the list that no longer passes is a failure; so is a wrong result, an internal error
// or a crash anywhere. Everything that neither passes nor is refused as unsupported is printed.
//
//   onnx_node_tests FOLDER LIST [HOST_CALLS] [--update] [--isolate] [--only=SUBSTRING] [--verbose]
//
// HOST_CALLS, for GPUs: a list of the tests whose plans may have host calls; another one is refused. Only tests of LIST are
// run then. --update writes the lists; --isolate runs each test in a process of its own (to find what crashes).
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/conformance/node_target.h"
#include "tools/plimsoll/compare.h"
#include "tools/plimsoll/compiler_plugin.h"
#include "tools/plimsoll/data_set.h"
#include "tools/plimsoll/execution.h"

namespace plimsoll::cli {
namespace {

namespace fs = std::filesystem;

// The tolerance of ONNX's own backend test, and that which it gives to the DFT tests
// (onnx/test/test_backend_reference.py).
constexpr Tolerance kTolerance = {1e-3, 1e-7};
constexpr Tolerance kDftTolerance = {1e-3, 1e-6};
constexpr const char* kDftTests[] = {
    "test_dft",        "test_dft_axis", "test_dft_axis_opset19", "test_dft_inverse", "test_dft_inverse_opset19",
    "test_dft_opset19"};

const Tolerance& ToleranceOf(const std::string& test) {
  return std::count(std::begin(kDftTests), std::end(kDftTests), test) > 0 ? kDftTolerance : kTolerance;
}

// What ONNX's own run of these tests leaves out (same file): the expected numbers come from NumPy's random generator.
bool IsRandom(const std::string& test) { return absl::StartsWith(test, "test_bernoulli"); }

enum class Verdict { kPasses, kUnsupported, kRefused, kDiffers, kCrashes, kRandom };
constexpr const char* kNames[] = {"passes", "unsupported", "refused", "differs", "crashes", "random"};

struct Result {
  Verdict verdict = Verdict::kPasses;
  std::string reason;
};

Result Refused(const absl::Status& status) {
  return {absl::IsUnimplemented(status) ? Verdict::kUnsupported : Verdict::kRefused, std::string(status.ToString())};
}

struct Run {
  Result result;
  bool calls_host = false;
};

Result RunSet(const compiler::Plugin& compiler, const std::string& model, const DataSet& set,
              const std::vector<std::string>& input_names, const Tolerance& tolerance, bool& calls_host) {
  auto inputs = ReadTensors(set.folder, "input", input_names);
  if (!inputs.ok()) return Refused(inputs.status());
  auto program = LoadOnTarget(compiler, model, *inputs);
  if (!program.ok()) return Refused(program.status());
  for (const plan::Command& command : (*program)->plan().run().commands()) calls_host |= command.has_host_call();
  auto session = runtime::Session::Create(*program);
  if (!session.ok()) return Refused(session.status());
  auto outputs = RunOnce(**session, *inputs);
  if (!outputs.ok()) return Refused(outputs.status());
  auto expected = ReadTensors(set.folder, "output", OutputNames((*program)->plan()));
  if (!expected.ok()) return Refused(expected.status());
  if (expected->empty()) return {Verdict::kRefused, "no expected output"};
  for (const auto& [name, tensor] : *expected) {
    // A list without elements: there is no first one.
    if (absl::EndsWith(name, "[]") && !outputs->contains(absl::StrCat(name.substr(0, name.size() - 2), "[0]")))
      continue;
    auto found = outputs->find(name);
    if (found == outputs->end()) return {Verdict::kDiffers, absl::StrCat("no output ", name)};
    const Difference difference = Compare(found->second, tensor, tolerance);
    if (!difference.equal) return {Verdict::kDiffers, absl::StrCat(name, ": ", difference.reason)};
  }
  return {};
}

Run RunTest(const compiler::Plugin& compiler, const std::string& folder) {
  const std::string model = folder + "/model.onnx";
  const std::string test = fs::path(folder).filename().string();
  auto check = compiler.check(model, {});
  if (!check.ok()) return {Refused(check.status())};
  std::vector<std::string> names;
  for (const auto& input : check->inputs) names.push_back(input.name);
  auto sets = FindDataSets(folder);
  if (!sets.ok()) return {Refused(sets.status())};
  Run run;
  for (const DataSet& set : *sets) {
    Result result = RunSet(compiler, model, set, names, ToleranceOf(test), run.calls_host);
    if (result.verdict == Verdict::kPasses && !ComplaintOfTarget().empty()) result = {Verdict::kDiffers, ComplaintOfTarget()};
    // It still must run.
    if (result.verdict == Verdict::kDiffers && IsRandom(test))
      result = {Verdict::kRandom, "the expected numbers are random: " + result.reason};
    run.result = std::move(result);
    if (run.result.verdict != Verdict::kPasses) break;
  }
  return run;
}

Run Isolated(const compiler::Plugin& compiler, const std::string& folder) {
  int channel[2];
  if (pipe(channel) != 0) return {{Verdict::kCrashes, "no pipe"}};
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    const Run run = RunTest(compiler, folder);
    const std::string text = absl::StrCat(static_cast<int>(run.result.verdict), run.calls_host ? "h" : "-",
                                          run.result.reason.substr(0, 4000));
    [[maybe_unused]] ssize_t written = write(channel[1], text.data(), text.size());
    _exit(0);
  }
  close(channel[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(channel[0], buffer, sizeof buffer)) > 0;) text.append(buffer, n);
  close(channel[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status) || text.size() < 2) {
    return {{Verdict::kCrashes, WIFSIGNALED(status)
                                    ? absl::StrCat("signal ", WTERMSIG(status), " (", strsignal(WTERMSIG(status)), ")")
                                    : "exit"}};
  }
  return {{static_cast<Verdict>(text[0] - '0'), text.substr(2)}, text[1] == 'h'};
}

// Lines that are not empty and no comments; none of a file that is not there.
std::set<std::string> ReadList(const std::string& path) {
  std::set<std::string> names;
  std::ifstream stream(path);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line[0] != '#') names.insert(line);
  }
  return names;
}

void WriteList(const std::string& path, const std::string& comment, const std::vector<std::string>& names) {
  std::ofstream out(path);
  out << "# " << comment << "\n";
  for (const std::string& name : names) out << name << "\n";
}

int Main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: onnx_node_tests FOLDER LIST [HOST_CALLS] [--update] [--isolate] [--only=SUBSTRING] [--verbose]\n");
    return 2;
  }
  const std::string folder = argv[1], list = argv[2];
  bool update = false, isolate = false, verbose = false;
  std::string only, host_calls;
  for (int i = 3; i < argc; ++i) {
    const std::string flag = argv[i];
    if (!absl::StartsWith(flag, "--")) host_calls = flag;
    if (flag == "--update") update = true;
    if (flag == "--isolate") isolate = true;
    if (flag == "--verbose") verbose = true;
    if (absl::StartsWith(flag, "--only=")) only = flag.substr(7);
  }
  auto compiler = OpenCompiler();
  if (!compiler.ok()) {
    std::fprintf(stderr, "%s\n", compiler.status().ToString().c_str());
    return 1;
  }
  const std::set<std::string> listed = ReadList(list), may_call_host = ReadList(host_calls);
  std::vector<std::string> tests;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!host_calls.empty() && listed.count(name) == 0) continue;
    if (entry.is_directory() && absl::StrContains(name, only)) tests.push_back(name);
  }
  std::sort(tests.begin(), tests.end());
  std::map<Verdict, std::vector<std::string>> verdicts;
  std::vector<std::string> on_host;
  int lost = 0;
  for (const std::string& name : tests) {
    const std::string path = absl::StrCat(folder, "/", name);
    Run run = isolate ? Isolated(**compiler, path) : RunTest(**compiler, path);
    Result& result = run.result;
    if (run.calls_host && HostCallsAreListed()) {
      on_host.push_back(name);
      if (!update && may_call_host.count(name) == 0 && result.verdict == Verdict::kPasses)
        result = {Verdict::kRefused, "its plan calls the host, and it is not on the list of those that may"};
    }
    verdicts[result.verdict].push_back(name);
    const bool is_lost = result.verdict != Verdict::kPasses && listed.count(name) > 0;
    lost += is_lost;
    if (is_lost || verbose || result.verdict == Verdict::kDiffers || result.verdict == Verdict::kRefused ||
        result.verdict == Verdict::kCrashes) {
      std::printf("%s%s %s: %s\n", is_lost ? "LOST: " : "", name.c_str(), kNames[static_cast<int>(result.verdict)],
                  result.reason.c_str());
      std::fflush(stdout);
    }
  }
  std::printf("%zu tests:", tests.size());
  for (const auto& [verdict, names] : verdicts)
    std::printf(" %zu %s,", names.size(), kNames[static_cast<int>(verdict)]);
  std::printf(" %zu on the list, %d of them lost\n", listed.size(), lost);
  if (HostCallsAreListed()) std::printf("%zu call the host\n", on_host.size());
  if (update && HostCallsAreListed()) {
    WriteList(host_calls, "ONNX node tests (onnx 1.22.0) whose CUDA plans call the host. Made by cuda_node_tests --update.", on_host);
  } else if (update) {
    WriteList(list, "ONNX node tests (onnx 1.22.0) that pass. Made by onnx_node_tests --update; it only grows.",
              verdicts[Verdict::kPasses]);
  }
  const bool wrong = !verdicts[Verdict::kRefused].empty() || !verdicts[Verdict::kDiffers].empty() ||
                     !verdicts[Verdict::kCrashes].empty();
  return lost > 0 || wrong || verdicts[Verdict::kPasses].empty() ? 1 : 0;
}

}  // namespace
}  // namespace plimsoll::cli

int main(int argc, char** argv) { return plimsoll::cli::Main(argc, argv); }
