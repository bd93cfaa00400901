// The collections of models that tests run, and the compiler that they use.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tools/plimsoll/compare.h"
#include "tools/plimsoll/compiler_plugin.h"

namespace plimsoll::cli {

inline std::string Environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

inline std::string SourceFolder() { return Environment("PLIMSOLL_SOURCE_DIR", "."); }
// Collections outside of the repository, which may be absent.
inline std::string SharedFolder() { return Environment("PLIMSOLL_SHARED", SourceFolder() + "/../shared"); }

inline const compiler::Plugin& Compiler() {
  static const compiler::Plugin* plugin = [] {
    auto opened = OpenCompiler();
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.value();
  }();
  return *plugin;
}

// Folders of small and of real models with stored inputs and outputs: the repository's, then others; a name counts once.
inline std::vector<std::string> ModelFolders() {
  std::vector<std::string> folders;
  std::set<std::string> names;
  for (const std::string& root : {SourceFolder() + "/tests/data/models/tiny", SourceFolder() + "/tests/data/models/real",
                                  SharedFolder() + "/models/tiny", SharedFolder() + "/models/real"}) {
    if (!std::filesystem::is_directory(root)) continue;
    std::vector<std::string> here;
    for (const auto& entry : std::filesystem::directory_iterator(root)) {
      if (!std::filesystem::exists(entry.path() / "model.onnx")) continue;
      if (names.insert(entry.path().filename().string()).second) here.push_back(entry.path().string());
    }
    std::sort(here.begin(), here.end());
    folders.insert(folders.end(), here.begin(), here.end());
  }
  return folders;
}

// A path as the name of a test.
inline std::string TestName(const testing::TestParamInfo<std::string>& info) {
  std::string name = std::filesystem::path(info.param).stem().string();
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

inline std::vector<std::string> InputNamesOf(const compiler::CheckResult& check) {
  std::vector<std::string> names;
  for (const auto& input : check.inputs) names.push_back(input.name);
  return names;
}

// Quantized models round differently: 1e-2, as their own makers state.
inline Tolerance ToleranceOf(const compiler::CheckResult& check) {
  for (const char* op : {"ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul", "DynamicQuantizeLinear"}) {
    if (check.operators.count(op)) return {1e-2, 1e-2};
  }
  return {1e-3, 1e-4};
}

}  // namespace plimsoll::cli
