// Imports whole collections: the models of the folder that PLIMSOLL_MODELS names, and ONNX's own test data. What a
// collection holds need not be supported, but it must be refused with a reason, never with a crash or an internal
// error.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include "frontends/onnx/import.h"
#include "frontends/onnx/importer.h"
#include "frontends/onnx/reference_evaluator.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tools/plimsoll/tensor_file.h"

namespace plimsoll::onnx_frontend {
namespace {

namespace fs = std::filesystem;
using cli::ReadTensor;
using cli::Tensor;

std::vector<int64_t> DimsOf(const Tensor& tensor) { return {tensor.type.dims().begin(), tensor.type.dims().end()}; }

fs::path FromEnvironment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value ? value : otherwise;
}

std::vector<fs::path> SortedEntries(const fs::path& folder) {
  std::vector<fs::path> entries;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::directory_iterator(folder)) entries.push_back(entry.path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

// Shapes and, where they turn out to be needed, values as the first data set beside the model has them.
absl::StatusOr<Imported> ImportWithData(const fs::path& model, mlir::MLIRContext& context) {
  std::map<std::string, Tensor> inputs;
  absl::StatusOr<Summary> summary = Summarize(model.string());
  if (!summary.ok()) return summary.status();
  ImportOptions options;
  for (size_t i = 0; i < summary->inputs.size(); ++i) {
    const fs::path file = model.parent_path() / "test_data_set_0" / ("input_" + std::to_string(i) + ".pb");
    if (!fs::exists(file)) continue;
    absl::StatusOr<Tensor> tensor = ReadTensor(file.string());
    if (!tensor.ok()) continue;
    const std::string& name = summary->inputs[i].name;
    options.shapes[name] = DimsOf(*tensor);
    inputs[name] = *std::move(tensor);
  }
  for (;;) {
    absl::StatusOr<Imported> imported = Import(model.string(), context, options);
    if (imported.ok()) return imported;
    bool more = false;
    for (const std::string& name : NeededValues(imported.status())) {
      if (inputs.contains(name) && options.values.try_emplace(name, inputs[name].bytes).second) more = true;
    }
    if (!more) return imported;
  }
}

// The elements as doubles.
std::vector<double> Numbers(mlir::DenseElementsAttr elements) {
  std::vector<double> numbers;
  if (auto integer = llvm::dyn_cast<mlir::IntegerType>(elements.getElementType())) {
    const bool zero_extend = integer.isUnsigned() || integer.getWidth() == 1;
    for (const llvm::APInt& value : elements.getValues<llvm::APInt>()) {
      numbers.push_back(zero_extend ? static_cast<double>(value.getZExtValue())
                                    : static_cast<double>(value.getSExtValue()));
    }
    return numbers;
  }
  for (llvm::APFloat value : elements.getValues<llvm::APFloat>()) {
    bool inexact = false;
    value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &inexact);
    numbers.push_back(value.convertToDouble());
  }
  return numbers;
}

// How `result` differs from `expected`; empty where it does not.
std::string Difference(mlir::DenseElementsAttr result, const Tensor& expected, double f32_tolerance) {
  const auto type = llvm::cast<mlir::RankedTensorType>(result.getType());
  if (type.getShape().vec() != DimsOf(expected)) return "the shape differs";
  if (Importer::DataTypeOf(type.getElementType()) != expected.type.dtype()) return "the element type differs";
  const std::vector<double> got = Numbers(result), wanted = Numbers(DenseOf(type, expected.bytes));
  const double tolerance = type.getElementType().isF16() ? 4e-3 : type.getElementType().isBF16() ? 3e-2 : f32_tolerance;
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i] == wanted[i] || (std::isnan(got[i]) && std::isnan(wanted[i]))) continue;
    if (std::abs(got[i] - wanted[i]) <= tolerance * (std::abs(wanted[i]) + 1)) continue;
    return absl::StrCat("element ", i, " is ", got[i], ", expected is ", wanted[i]);
  }
  return "";
}

struct Tally {
  int imported = 0, unsupported = 0;
  std::vector<std::string> failures;
};

void ImportInto(const fs::path& model, const std::string& name, Tally& tally) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  const absl::StatusOr<Imported> imported = ImportWithData(model, context);
  if (imported.ok()) {
    ++tally.imported;
  } else if (imported.status().code() == absl::StatusCode::kUnimplemented) {
    ++tally.unsupported;
    if (std::getenv("PLIMSOLL_VERBOSE"))
      std::cout << "unsupported " << name << ": " << imported.status().message() << "\n";
  } else {
    tally.failures.push_back(name + ": " + imported.status().ToString());
  }
}

TEST(CorpusTest, EveryModelOfTheCollectionIsImported) {
  const fs::path root = FromEnvironment("PLIMSOLL_MODELS", "");
  if (root.empty() || !fs::is_directory(root)) GTEST_SKIP() << "PLIMSOLL_MODELS names no folder";
  Tally tally;
  for (const char* collection : {"tiny", "real"}) {
    for (const fs::path& folder : SortedEntries(root / collection)) {
      if (fs::exists(folder / "model.onnx")) ImportInto(folder / "model.onnx", folder.filename().string(), tally);
    }
  }
  for (const std::string& failure : tally.failures) ADD_FAILURE() << failure;
  EXPECT_EQ(tally.unsupported, 0);
  std::cout << tally.imported << " models imported\n";
}

TEST(CorpusTest, EveryFullSizeGraphIsImportedWithoutItsWeights) {
  const fs::path root = FromEnvironment("PLIMSOLL_MODELS", "");
  if (root.empty() || !fs::is_directory(root)) GTEST_SKIP() << "PLIMSOLL_MODELS names no folder";
  for (const fs::path& file : SortedEntries(root / "graphs")) {
    if (file.extension() != ".onnx") continue;
    absl::StatusOr<Summary> summary = Summarize(file.string());
    ASSERT_TRUE(summary.ok()) << summary.status();
    ImportOptions options;
    for (const auto& input : summary->inputs) {
      // [batch,seq], [batch,8,past,128]: small numbers for the names.
      if (std::find(summary->open_inputs.begin(), summary->open_inputs.end(), input.name) == summary->open_inputs.end())
        continue;
      std::vector<int64_t> dims;
      std::string text = input.type.substr(input.type.find('[') + 1);
      text.back() = 'x';
      for (size_t begin = 0, end; (end = text.find('x', begin)) != std::string::npos; begin = end + 1) {
        const std::string dim = text.substr(begin, end - begin);
        dims.push_back(dim == "batch" ? 2 : dim == "seq" ? 64 : dim == "past" ? 96 : std::stoll(dim));
      }
      options.shapes[input.name] = dims;
    }
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    const auto start = std::chrono::steady_clock::now();
    const absl::StatusOr<Imported> imported = Import(file.string(), context, options);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    EXPECT_TRUE(imported.ok()) << imported.status();
    std::cout << file.stem() << ": " << summary->nodes << " nodes, " << summary->parameters << " parameters, "
              << seconds << " s\n";
  }
}

// Imports the model of `folder` with all inputs fixed to those of its first data set and computes it. Empty: the
// outputs are the expected ones. Nothing where it cannot be imported or computed.
std::optional<std::string> Compute(const fs::path& folder, double tolerance) {
  const fs::path data = folder / "test_data_set_0";
  absl::StatusOr<Summary> summary = Summarize((folder / "model.onnx").string());
  if (!summary.ok()) return std::nullopt;
  ImportOptions options;
  for (size_t i = 0; i < summary->inputs.size(); ++i) {
    absl::StatusOr<Tensor> tensor = ReadTensor((data / absl::StrCat("input_", i, ".pb")).string());
    if (!tensor.ok()) continue;
    options.shapes[summary->inputs[i].name] = DimsOf(*tensor);
    options.values[summary->inputs[i].name] = tensor->bytes;
  }
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  absl::StatusOr<Imported> imported = Import((folder / "model.onnx").string(), context, options);
  if (!imported.ok()) return std::nullopt;
  bool all = true;
  std::string difference;
  const auto function = llvm::cast<mlir::func::FuncOp>(imported->module.get().getBody()->front());
  for (auto [i, elements] : llvm::enumerate(EvaluateFunction(function, *imported->weights))) {
    absl::StatusOr<Tensor> expected = ReadTensor((data / absl::StrCat("output_", i, ".pb")).string());
    all = all && elements && expected.ok();
    if (elements && expected.ok() && difference.empty()) difference = Difference(elements, *expected, tolerance);
  }
  if (!difference.empty() || all) return difference;
  return std::nullopt;
}

// With all inputs fixed, most of what importing makes can be computed here: it must be what ONNX expects.
TEST(CorpusTest, ResultsAreThoseThatOnnxExpects) {
  const fs::path root = FromEnvironment("PLIMSOLL_DEPS", "") / "onnx-wheel/onnx/backend/test/data";
  if (!fs::is_directory(root)) GTEST_SKIP() << "ONNX's test data are not there";
  const char* only = std::getenv("PLIMSOLL_ONLY");
  int computed = 0, left = 0;
  for (const fs::path& folder : SortedEntries(root / "node")) {
    const std::string name = folder.filename().string();
    if (only && name.find(only) == std::string::npos) continue;
    const std::optional<std::string> difference = Compute(folder, 1e-4);
    ++(difference ? computed : left);
    if (!difference && std::getenv("PLIMSOLL_VERBOSE")) std::cout << "left " << name << "\n";
    EXPECT_EQ(difference.value_or(""), "") << name;
  }
  std::cout << computed << " cases computed, " << left << " cannot be\n";
}

TEST(CorpusTest, SmallModelsGiveTheirReferenceOutputs) {
  const fs::path root = FromEnvironment("PLIMSOLL_MODELS", "");
  if (root.empty() || !fs::is_directory(root)) GTEST_SKIP() << "PLIMSOLL_MODELS names no folder";
  const char* only = std::getenv("PLIMSOLL_ONLY");
  for (const char* collection : {"tiny", "real"}) {
    for (const fs::path& folder : SortedEntries(root / collection)) {
      const std::string name = folder.filename().string();
      if (!fs::exists(folder / "model.onnx") ||
          (only ? name.find(only) == std::string::npos : name == "unet" || collection == std::string("real")))
        continue;
      const std::optional<std::string> difference = Compute(folder, 1e-3);
      std::cout << name << (difference ? ": computed" : ": cannot be computed") << std::endl;
      EXPECT_EQ(difference.value_or(""), "") << name;
    }
  }
}

TEST(CorpusTest, OnnxTestDataIsImportedOrRefused) {
  const fs::path root = FromEnvironment("PLIMSOLL_DEPS", "") / "onnx-wheel/onnx/backend/test/data";
  if (!fs::is_directory(root)) GTEST_SKIP() << "ONNX's test data are not there";
  const char* only = std::getenv("PLIMSOLL_ONLY");
  for (const char* collection : {"node", "simple", "pytorch-operator", "pytorch-converted"}) {
    Tally tally;
    for (const fs::path& folder : SortedEntries(root / collection)) {
      const std::string name = folder.filename().string();
      if (only && name.find(only) == std::string::npos) continue;
      if (fs::exists(folder / "model.onnx")) ImportInto(folder / "model.onnx", name, tally);
    }
    std::cout << collection << ": " << tally.imported << " imported, " << tally.unsupported << " unsupported, "
              << tally.failures.size() << " refused for other reasons\n";
    for (const std::string& failure : tally.failures) {
      EXPECT_EQ(failure.find("INTERNAL"), std::string::npos) << failure;
      if (std::getenv("PLIMSOLL_VERBOSE")) std::cout << "refused " << failure << "\n";
    }
  }
  Tally light;
  for (const fs::path& file : SortedEntries(root / "light")) {
    if (file.extension() == ".onnx") ImportInto(file, file.stem().string(), light);
  }
  for (const std::string& failure : light.failures) ADD_FAILURE() << failure;
  EXPECT_EQ(light.unsupported, 0);
}

// Models with a few bytes changed: refused with a reason or imported, never a crash. Reproducible.
TEST(CorpusTest, MutatedModelsAreImportedOrRefused) {
  const fs::path root = FromEnvironment("PLIMSOLL_DEPS", "") / "onnx-wheel/onnx/backend/test/data/node";
  if (!fs::is_directory(root)) GTEST_SKIP() << "ONNX's test data are not there";
  const char* wanted = std::getenv("PLIMSOLL_FUZZ_COUNT");
  const int count = wanted ? std::atoi(wanted) : 1;
  uint64_t state = 88172645463325252;
  auto random = [&](uint64_t below) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state % below;
  };
  const fs::path folder = fs::temp_directory_path() / absl::StrCat("plimsoll_mutations_", ::getpid());
  fs::create_directories(folder);
  for (const fs::path& original : SortedEntries(root)) {
    std::ifstream in(original / "model.onnx", std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    std::error_code ignored;
    fs::remove_all(folder / "test_data_set_0");
    fs::copy(original / "test_data_set_0", folder / "test_data_set_0", ignored);
    for (int i = 0; i < count && !bytes.empty(); ++i) {
      std::string mutated = bytes;
      for (uint64_t change = 1 + random(3); change > 0; --change) {
        const size_t at = random(mutated.size());
        switch (random(5)) {
          case 0:
            mutated[at] = static_cast<char>(random(256));
            break;
          case 1:
            mutated[at] ^= static_cast<char>(1 << random(8));
            break;
          case 2:
            mutated[at] = "\0\x7f\x80\xff"[random(4)];
            break;
          case 3:
            mutated.erase(at, 1 + random(4));
            break;
          default:
            mutated.insert(at, mutated.substr(at, 1 + random(8)));
            break;
        }
        if (mutated.empty()) mutated = "x";
      }
      std::ofstream(folder / "model.onnx", std::ios::binary) << mutated;
      if (wanted)
        fs::copy_file(folder / "model.onnx", fs::temp_directory_path() / "plimsoll_last_mutation.onnx",
                      fs::copy_options::overwrite_existing);
      mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
      const absl::StatusOr<Imported> imported = ImportWithData(folder / "model.onnx", context);
      EXPECT_NE(imported.status().code(), absl::StatusCode::kInternal)
          << original << " " << i << ": " << imported.status();
    }
  }
  fs::remove_all(folder);
}

}  // namespace
}  // namespace plimsoll::onnx_frontend
