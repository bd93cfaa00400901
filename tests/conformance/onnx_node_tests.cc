// Runs ONNX's own node tests through compiler and runtime, many in one process, and holds the result to a committed
// list of what passes: a test of the list that no longer passes is a failure; so is a wrong result, an internal error
// or a crash anywhere. Everything that neither passes nor is refused as unsupported is printed.
//
//   onnx_node_tests FOLDER LIST [--update] [--isolate] [--only=SUBSTRING] [--verbose]
//
// --update writes the list; --isolate runs each test in a process of its own (to find what crashes).
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

Result RunSet(const compiler::Plugin& compiler, const std::string& model, const DataSet& set,
              const std::vector<std::string>& input_names, const Tolerance& tolerance) {
  auto inputs = ReadTensors(set.folder, "input", input_names);
  if (!inputs.ok()) return Refused(inputs.status());
  compiler::Options options;
  options.threads = 2;
  auto compiled = CompileAndLoad(compiler, model, options, *inputs);
  if (!compiled.ok()) return Refused(compiled.status());
  auto session = runtime::Session::Create(compiled->program);
  if (!session.ok()) return Refused(session.status());
  auto outputs = RunOnce(**session, *inputs);
  if (!outputs.ok()) return Refused(outputs.status());
  auto expected = ReadTensors(set.folder, "output", OutputNames(compiled->program->plan()));
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

Result RunTest(const compiler::Plugin& compiler, const std::string& folder) {
  const std::string model = folder + "/model.onnx";
  const std::string test = fs::path(folder).filename().string();
  auto check = compiler.check(model, {});
  if (!check.ok()) return Refused(check.status());
  std::vector<std::string> names;
  for (const auto& input : check->inputs) names.push_back(input.name);
  auto sets = FindDataSets(folder);
  if (!sets.ok()) return Refused(sets.status());
  for (const DataSet& set : *sets) {
    Result result = RunSet(compiler, model, set, names, ToleranceOf(test));
    // It still must run.
    if (result.verdict == Verdict::kDiffers && IsRandom(test))
      return {Verdict::kRandom, "the expected numbers are random: " + result.reason};
    if (result.verdict != Verdict::kPasses) return result;
  }
  return {};
}

Result Isolated(const compiler::Plugin& compiler, const std::string& folder) {
  int channel[2];
  if (pipe(channel) != 0) return {Verdict::kCrashes, "no pipe"};
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    const Result result = RunTest(compiler, folder);
    const std::string text = absl::StrCat(static_cast<int>(result.verdict), result.reason.substr(0, 4000));
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
  if (!WIFEXITED(status) || text.empty()) {
    return {Verdict::kCrashes, WIFSIGNALED(status)
                                   ? absl::StrCat("signal ", WTERMSIG(status), " (", strsignal(WTERMSIG(status)), ")")
                                   : "exit"};
  }
  return {static_cast<Verdict>(text[0] - '0'), text.substr(1)};
}

int Main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: onnx_node_tests FOLDER LIST [--update] [--isolate] [--only=SUBSTRING] [--verbose]\n");
    return 2;
  }
  const std::string folder = argv[1], list = argv[2];
  bool update = false, isolate = false, verbose = false;
  std::string only;
  for (int i = 3; i < argc; ++i) {
    const std::string flag = argv[i];
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
  std::set<std::string> listed;
  std::ifstream stream(list);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line[0] != '#') listed.insert(line);
  }
  std::vector<std::string> tests;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && absl::StrContains(name, only)) tests.push_back(name);
  }
  std::sort(tests.begin(), tests.end());
  std::map<Verdict, std::vector<std::string>> verdicts;
  int lost = 0;
  for (const std::string& name : tests) {
    const std::string path = absl::StrCat(folder, "/", name);
    const Result result = isolate ? Isolated(**compiler, path) : RunTest(**compiler, path);
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
  if (update) {
    std::ofstream out(list);
    out << "# ONNX node tests (onnx 1.22.0) that pass. Made by onnx_node_tests --update; it only grows.\n";
    for (const std::string& name : verdicts[Verdict::kPasses]) out << name << "\n";
  }
  const bool wrong = !verdicts[Verdict::kRefused].empty() || !verdicts[Verdict::kDiffers].empty() ||
                     !verdicts[Verdict::kCrashes].empty();
  return lost > 0 || wrong || verdicts[Verdict::kPasses].empty() ? 1 : 0;
}

}  // namespace
}  // namespace plimsoll::cli

int main(int argc, char** argv) { return plimsoll::cli::Main(argc, argv); }
