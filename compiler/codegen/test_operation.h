// The operation that a kernel test compiles, from textual IR: what the tests of every target begin with.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace plimsoll::codegen {

// Ends the process: a test that cannot go on.
[[noreturn]] void Die(const std::string& why);
double Seconds();

// The first operation of the graph dialect in the first function of `text`; dies where there is none.
class TestOperation {
 public:
  explicit TestOperation(const std::string& text);

  mlir::Operation* get() { return op_; }
  std::vector<size_t> OperandBytes() const;
  std::vector<size_t> ResultBytes() const;

 private:
  mlir::MLIRContext context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  mlir::Operation* op_ = nullptr;
};

}  // namespace plimsoll::codegen
