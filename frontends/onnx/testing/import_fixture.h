// For the tests of the import: models from ONNX's text form, and what became of them.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "frontends/onnx/import.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "onnx/defs/parser.h"

namespace plimsoll::onnx_frontend {

namespace fs = std::filesystem;

inline onnx::ModelProto Parse(const std::string& text) {
  onnx::ModelProto model;
  onnx::OnnxParser parser(text.c_str());
  const onnx::Common::Status status = parser.Parse(model);
  EXPECT_TRUE(status.IsOK()) << status.ErrorMessage();
  return model;
}

// A model of one graph at `opset`.
inline onnx::ModelProto Graph(const std::string& graph, int opset = 20) {
  return Parse("<ir_version: 8, opset_import: [\"\" : " + std::to_string(opset) + ", \"com.microsoft\" : 1]> " + graph);
}

class ImportTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("plimsoll_import_test_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Write(const std::string& bytes) {
    const fs::path path = folder_ / "model.onnx";
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }
  absl::StatusOr<Imported> ImportModel(const onnx::ModelProto& model, const ImportOptions& options = {}) {
    return Import(Write(model.SerializeAsString()), context_, options);
  }
  // Operations of the function's body by name.
  static std::map<std::string, int> Count(Imported& imported) {
    std::map<std::string, int> count;
    imported.module->walk([&](mlir::Operation* op) { ++count[op->getName().getStringRef().str()]; });
    return count;
  }
  static mlir::DenseElementsAttr Result(Imported& imported, unsigned i = 0) {
    auto function = llvm::cast<mlir::func::FuncOp>(imported.module.get().getBody()->front());
    return graph::constantOf(function.getBody().front().getTerminator()->getOperand(i));
  }

  mlir::MLIRContext context_{mlir::MLIRContext::Threading::DISABLED};
  fs::path folder_;
};

}  // namespace plimsoll::onnx_frontend
