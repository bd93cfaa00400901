// Large networks, weights absent, to plans that the validator accepts: the graphs of $PLIMSOLL_SHARED/models/graphs (default: ../shared
// beside the repository). Skipped, with a word, where that folder is not there.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "compiler/plugin.h"
#include "ir/plan/artefact.h"
#include "ir/plan/validator.h"
#include "tests/end_to_end/collections.h"

namespace plimsoll::cli {
namespace {

namespace fs = std::filesystem;

std::string Folder() { return SharedFolder() + "/models/graphs"; }

std::vector<std::string> Graphs() {
  std::vector<std::string> graphs;
  if (!fs::is_directory(Folder())) return graphs;
  for (const auto& entry : fs::directory_iterator(Folder())) {
    if (entry.path().extension() == ".onnx") graphs.push_back(entry.path().string());
  }
  std::sort(graphs.begin(), graphs.end());
  return graphs;
}

// "i64[batch,past,128]" as 1x64x128: an open dimension is 1 where it comes first, 64 elsewhere.
std::vector<int64_t> Closed(const std::string& type) {
  std::vector<int64_t> dims;
  const size_t begin = type.find('[') + 1;
  for (const auto& text : absl::StrSplit(type.substr(begin, type.size() - begin - 1), ',', absl::SkipEmpty())) {
    int64_t dim;
    dims.push_back(absl::SimpleAtoi(text, &dim) ? dim : dims.empty() ? 1 : 64);
  }
  return dims;
}

class Graph : public testing::TestWithParam<std::string> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Graph);

TEST_P(Graph, GivesAPlanWithoutWeights) {
  const compiler::Plugin& compiler = Compiler();
  auto check = compiler.check(GetParam(), {});
  ASSERT_TRUE(check.ok()) << check.status();
  compiler::Options options;
  options.target = "cpu:x86-64-v3";
  options.threads = 2;
  for (const auto& input : check->inputs) {
    if (std::find(check->open_inputs.begin(), check->open_inputs.end(), input.name) != check->open_inputs.end()) {
      options.shapes[input.name] = Closed(input.type);
    }
  }
  auto compiled = compiler.compile(GetParam(), options);
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  auto bytes = plan::WriteArtefactToMemory(compiled->artefact);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  auto artefact = plan::ReadArtefactFromMemory(*std::move(bytes));
  ASSERT_TRUE(artefact.ok()) << artefact.status();
  const absl::Status valid = plan::Validate(artefact->plan(), artefact->member_info());
  EXPECT_TRUE(valid.ok()) << valid;
  const plan::Certificate& certificate = artefact->plan().certificate();
  EXPECT_GE(certificate.resident_weight_bytes(), check->weight_bytes * 0.9);  // what no command reads is left out
  EXPECT_LE(static_cast<double>(certificate.session_arena_bytes()), 1.02 * static_cast<double>(certificate.session_lower_bound_bytes()));
}

INSTANTIATE_TEST_SUITE_P(Large, Graph, testing::ValuesIn(Graphs()), TestName);

TEST(Graphs, AreThere) {
  if (Graphs().empty()) GTEST_SKIP() << Folder() << " is not there";
}

}  // namespace
}  // namespace plimsoll::cli
