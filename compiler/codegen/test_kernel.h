// For tests and the benchmark: one operation in textual form, compiled, opened and run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compiler/codegen/codegen.h"

namespace plimsoll::codegen {

// The first operation with operands that are arguments, in a function of textual IR:
//   func.func @f(%x: tensor<2xf32>) { %y = graph.exp %x : tensor<2xf32> -> tensor<2xf32> return }
class TestKernel {
 public:
  // Aborts with the diagnostics where it does not compile.
  explicit TestKernel(const std::string& text, const std::string& cpu = "native");
  ~TestKernel();
  const Kernel& kernel() const { return kernel_; }
  const std::string& object() const { return object_; }
  const std::vector<size_t>& operand_bytes() const { return operand_bytes_; }
  const std::vector<size_t>& result_bytes() const { return result_bytes_; }
  bool one_kernel() const { return one_kernel_; }
  const std::vector<InPlacePair>& in_place() const { return in_place_; }
  double add_seconds() const { return add_seconds_; }
  double finish_seconds() const { return finish_seconds_; }

  // Tiles [begin, end) on these buffers.
  void Call(const std::vector<const void*>& buffers, int64_t begin, int64_t end) const;
  // All tiles, in `parts` calls, the last first; results in buffers of their own, with guards around them that must survive.
  std::vector<std::string> Run(const std::vector<std::string>& operands, int parts = 1) const;

 private:
  Kernel kernel_;
  std::string object_;
  std::vector<size_t> operand_bytes_, result_bytes_;
  // Runs again with results in the place of operands, as far as the kernel allows it: the same bytes.
  void CheckInPlace(const std::vector<std::string>& operands, const std::vector<std::string>& results) const;

  std::vector<InPlacePair> in_place_;
  bool one_kernel_ = false;
  double add_seconds_ = 0, finish_seconds_ = 0;
  struct Code;   // opened, or loaded into the emulator
  std::unique_ptr<Code> code_;
};

// Names of the dynamic symbols that a shared object leaves undefined.
std::vector<std::string> UndefinedSymbols(const std::string& object);

}  // namespace plimsoll::codegen
