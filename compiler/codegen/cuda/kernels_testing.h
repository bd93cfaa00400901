// Kernels of graph operations written as text, for tests.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "compiler/codegen/cuda/cuda.h"
#include "compiler/codegen/pch.h"
#include "ir/graph/graph.h"
#include "mlir/Parser/Parser.h"

namespace plimsoll::codegen {

inline CudaTarget Target(const std::string& arch) { return *ResolveCuda(arch); }

// The graph operations of a function whose operands are its arguments.
class Kernels {
 public:
  explicit Kernels(const std::string& text) : context_(mlir::MLIRContext::Threading::DISABLED) {
    mlir::DialectRegistry registry;
    registry.insert<graph::GraphDialect, mlir::func::FuncDialect>();
    context_.appendDialectRegistry(registry);
    context_.loadAllAvailableDialects();
    module_ = mlir::parseSourceString<mlir::ModuleOp>(text, &context_);
  }
  std::vector<mlir::Operation*> operations() {
    std::vector<mlir::Operation*> operations;
    for (mlir::Operation& op : (*module_->getOps<mlir::func::FuncOp>().begin()).getBody().front())
      if (llvm::isa<graph::GraphDialect>(op.getDialect())) operations.push_back(&op);
    return operations;
  }
  CudaCode Compile(const std::string& arch, bool keep_bitcode = false, llvm::ArrayRef<int> alignments = {}) {
    kernels.clear();
    CudaKernelCompiler compiler(Target(arch), FindCudaToolkit());
    for (mlir::Operation* op : operations()) {
      auto kernel = compiler.Add(op, alignments);
      EXPECT_TRUE(mlir::succeeded(kernel));
      kernels.push_back(*kernel);
    }
    auto code = compiler.Finish(keep_bitcode);
    EXPECT_TRUE(code.ok()) << code.status();
    return code.ok() ? *code : CudaCode{};
  }
  std::vector<CudaKernel> kernels;

 private:
  mlir::MLIRContext context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
};

}  // namespace plimsoll::codegen
