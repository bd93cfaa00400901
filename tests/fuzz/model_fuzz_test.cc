// Mutated models through the whole compiler, a bounded number, always the same ones: each must end in a plan or in a status that
// says why not; never in a crash, a hang, or the code of a bug. The mutations of plan files are in ir/plan.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <unistd.h>
#include <vector>

#include "tools/plimsoll/compiler_plugin.h"
#include "tools/plimsoll/data_set.h"
#include "tools/plimsoll/execution.h"

namespace plimsoll::cli {
namespace {

std::string Read(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

using Random = std::mt19937;
size_t Below(Random& random, size_t limit) { return limit == 0 ? 0 : random() % limit; }

// One to four of: a flipped bit, a byte at an extreme, a cut, a piece removed, a piece doubled, a long varint. Half of them near
// the front, where nodes and attributes are; weights fill the rest.
std::string Mutated(std::string bytes, Random& random) {
  const int count = 1 + static_cast<int>(Below(random, 4));
  for (int i = 0; i < count && !bytes.empty(); ++i) {
    const size_t range = random() % 2 ? bytes.size() : std::min<size_t>(bytes.size(), 4096);
    const size_t at = Below(random, range), length = std::min(bytes.size() - at, 1 + Below(random, 64));
    switch (random() % 6) {
      case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8))); break;
      case 1: bytes[at] = static_cast<char>(std::vector<int>{0, 1, 127, 128, 255}[random() % 5]); break;
      case 2: if (random() % 8 == 0) bytes.resize(at); break;
      case 3: bytes.erase(at, length); break;
      case 4: bytes.insert(at, bytes.substr(at, length)); break;
      default: bytes.replace(at, std::min<size_t>(length, 10), "\xff\xff\xff\xff\xff\xff\xff\xff\x7f"); break;
    }
  }
  return bytes;
}

class Mutation : public testing::TestWithParam<std::string> {};

TEST_P(Mutation, EndsInAPlanOrAReason) {
  const char* source = std::getenv("PLIMSOLL_SOURCE_DIR");
  const std::string folder = std::string(source ? source : ".") + "/tests/data/models/" + GetParam();
  const std::string original = Read(folder + "/model.onnx");
  ASSERT_FALSE(original.empty());
  auto compiler = OpenCompiler();
  ASSERT_TRUE(compiler.ok()) << compiler.status();
  auto check = (*compiler)->check(folder + "/model.onnx", {});
  ASSERT_TRUE(check.ok()) << check.status();
  std::vector<std::string> names;
  for (const auto& input : check->inputs) names.push_back(input.name);
  auto sets = FindDataSets(folder);
  ASSERT_TRUE(sets.ok());
  auto inputs = ReadTensors(sets->front().folder, "input", names);
  ASSERT_TRUE(inputs.ok());
  compiler::Options options;
  for (const auto& [name, tensor] : *inputs) options.shapes[name] = {tensor.type.dims().begin(), tensor.type.dims().end()};

  const char* wanted = std::getenv("PLIMSOLL_FUZZ_COUNT");
  const int count = wanted ? std::atoi(wanted) : 60;
  Random random(20240601);
  int plans = 0;
  const std::string path = testing::TempDir() + "mutated-" + std::to_string(getpid()) + ".onnx";
  for (int i = 0; i < count; ++i) {
    std::ofstream(path, std::ios::binary) << Mutated(original, random);
    SCOPED_TRACE("mutation " + std::to_string(i));
    auto compiled = (*compiler)->compile(path, options);
    plans += compiled.ok();
    if (compiled.ok()) continue;
    EXPECT_NE(compiled.status().code(), absl::StatusCode::kInternal) << compiled.status();
    EXPECT_NE(compiled.status().code(), absl::StatusCode::kUnknown) << compiled.status();
    EXPECT_FALSE(compiled.status().message().empty());
  }
  std::filesystem::remove(path);
  std::printf("%d of %d mutations still give a plan\n", plans, count);
}

INSTANTIATE_TEST_SUITE_P(Models, Mutation, testing::Values("tiny/resnet", "tiny/bert", "real/silero_vad_seq"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) c = c == '/' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace plimsoll::cli
