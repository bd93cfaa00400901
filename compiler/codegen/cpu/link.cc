#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "compiler/codegen/cpu/object.h"
#include "compiler/codegen/temporary_folder.h"
#include "lld/Common/Driver.h"
#include "llvm/Support/raw_ostream.h"

LLD_HAS_DRIVER(elf)

namespace plimsoll::codegen {

// lld keeps its state in globals and resets every cl::opt of the process: one call at a time, and no cl::opt of ours.
absl::StatusOr<std::string> LinkSharedObject(const std::vector<std::string>& objects) {
  auto temporary = TemporaryFolder::Make("link");
  if (!temporary.ok()) return temporary.status();
  const std::string& folder = (*temporary)->path();
  const std::string output = folder + "/kernels.so";
  std::vector<std::string> inputs;
  for (size_t i = 0; i < objects.size(); ++i) {
    inputs.push_back(absl::StrCat(folder, "/", i, ".o"));
    std::ofstream file(inputs.back(), std::ios::binary);
    file << objects[i];
    if (!file.flush()) return absl::UnavailableError("cannot write " + inputs.back());
  }
  std::vector<const char*> arguments{"ld.lld", "-shared", "-s", "--build-id=none", "--threads=1", "-z", "noexecstack", "-soname", "kernels.so", "-o", output.c_str()};
  for (const std::string& input : inputs) arguments.push_back(input.c_str());
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  const auto result = lld::lldMain(arguments, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0) return absl::InternalError(absl::StrCat("lld: ", stream.str()));
  std::ifstream file(output, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (!file) return absl::UnavailableError("cannot read " + output);
  return bytes.str();
}

}  // namespace plimsoll::codegen
