#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "compiler/codegen/cuda/cuda.h"
#include "compiler/codegen/temporary_folder.h"

extern char** environ;

namespace plimsoll::codegen {
namespace {

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

// "ptxas info    : Compiling entry function 'k0' for 'sm_80'", then lines of it: "    0 bytes stack frame, 0 bytes
// spill stores, 0 bytes spill loads" and "ptxas info    : Used 12 registers, used 1 barriers, 128 bytes smem".
std::vector<CudaResources> ParseResources(const std::string& messages) {
  static const std::regex entry("Compiling entry function '([^']+)'"), used("Used (\\d+) registers"),
      shared("(\\d+)(?:\\+\\d+)? bytes smem"),
      stack("(\\d+) bytes stack frame, (\\d+) bytes spill stores, (\\d+) bytes spill loads");
  std::vector<CudaResources> resources;
  std::istringstream lines(messages);
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_search(line, match, entry)) {
      resources.push_back({match[1].str()});
      continue;
    }
    if (resources.empty()) continue;
    CudaResources& last = resources.back();
    if (std::regex_search(line, match, stack)) {
      last.stack_bytes = std::atoll(match[1].str().c_str());
      last.spill_bytes = std::atoll(match[2].str().c_str()) + std::atoll(match[3].str().c_str());
    }
    if (std::regex_search(line, match, used)) last.registers = std::atoi(match[1].str().c_str());
    if (std::regex_search(line, match, shared)) last.shared_bytes = std::atoll(match[1].str().c_str());
  }
  return resources;
}

}  // namespace

absl::StatusOr<CudaBinary> Assemble(const std::string& ptx, const std::string& arch, const CudaToolkit& toolkit) {
  if (toolkit.ptxas.empty()) {
    return absl::UnavailableError(
        "ptxas of the CUDA toolkit was not found: run tools/setup.sh --cuda, or name the toolkit's folder in "
        "PLIMSOLL_CUDA");
  }
  auto temporary = TemporaryFolder::Make("assemble");
  if (!temporary.ok()) return temporary.status();
  const std::string& folder = (*temporary)->path();
  const std::string input = folder + "/kernels.ptx", output = folder + "/kernels.cubin", log = folder + "/log";
  std::ofstream file(input, std::ios::binary);
  file << ptx;
  file.close();
  if (!file) return absl::UnavailableError("cannot write " + input);
  const std::string option = "-arch=" + arch;
  const char* arguments[] = {toolkit.ptxas.c_str(), "-v", option.c_str(), input.c_str(), "-o", output.c_str(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t process;
  const int failed =
      posix_spawn(&process, toolkit.ptxas.c_str(), &actions, nullptr, const_cast<char**>(arguments), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return absl::UnavailableError(absl::StrCat("cannot run ", toolkit.ptxas, ": ", strerror(failed)));
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  const std::string messages = Contents(log);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return absl::InternalError(absl::StrCat("ptxas refuses the code for ", arch, ": ", messages));
  return CudaBinary{Contents(output), ParseResources(messages)};
}

}  // namespace plimsoll::codegen
