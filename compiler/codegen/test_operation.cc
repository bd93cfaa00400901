#include "compiler/codegen/test_operation.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "ir/graph/graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

namespace plimsoll::codegen {
namespace {

mlir::DialectRegistry Dialects() {
  mlir::DialectRegistry registry;
  registry.insert<graph::GraphDialect, mlir::func::FuncDialect>();
  return registry;
}

template <typename Values>
std::vector<size_t> BytesOfAll(const Values& values) {
  std::vector<size_t> bytes;
  for (mlir::Value value : values)
    bytes.push_back(*graph::byteSize(llvm::cast<mlir::RankedTensorType>(value.getType())));
  return bytes;
}

}  // namespace

void Die(const std::string& why) {
  fprintf(stderr, "%s\n", why.c_str());
  abort();
}

double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

TestOperation::TestOperation(const std::string& text) : context_(Dialects(), mlir::MLIRContext::Threading::DISABLED) {
  context_.loadAllAvailableDialects();
  module_ = mlir::parseSourceString<mlir::ModuleOp>(text, &context_);
  if (!module_) Die("cannot parse:\n" + text);
  for (mlir::Operation& inner : (*module_->getOps<mlir::func::FuncOp>().begin()).getBody().front()) {
    if (op_ == nullptr && llvm::isa<graph::GraphDialect>(inner.getDialect())) op_ = &inner;
  }
  if (op_ == nullptr) Die("no graph operation in:\n" + text);
}

std::vector<size_t> TestOperation::OperandBytes() const { return BytesOfAll(op_->getOperands()); }
std::vector<size_t> TestOperation::ResultBytes() const { return BytesOfAll(op_->getResults()); }

}  // namespace plimsoll::codegen
