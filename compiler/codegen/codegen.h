// Generated kernels of the CPU: a graph.fusion (or one operation of LowerToLinalgInterface) becomes the function
//   void SYMBOL(const void* const* buffers, int64_t begin, int64_t end)
// of one shared object. `buffers`: the operands, then the results; [begin, end): a part of the kernel's tiles. Any split of
// the tiles over threads gives the same bytes. A kernel allocates nothing and refers to no outside symbol. A bool in memory is
// one byte, 0 or 1; integers are as graph::storageType says.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "llvm/ADT/ArrayRef.h"
#include "mlir/IR/Operation.h"
#include "mlir/Support/LogicalResult.h"

namespace plimsoll::codegen {

// What the kernels may use of a CPU.
struct CpuTarget {
  std::string cpu;        // LLVM's name
  std::string features;   // LLVM's list: "+avx2,-avx512f,..."
  int vector_bits = 256;  // widest registers that are worth using
};
// native, x86-64-v3 or x86-64-v4. kInvalidArgument: another name.
absl::StatusOr<CpuTarget> ResolveCpu(const std::string& name);

struct Kernel {
  std::string symbol;
  int64_t tiles = 0;           // 0 where the results are empty: nothing to launch
  int64_t tiles_per_task = 1;  // tiles that are worth a task of the runtime's parallel loop (tens of microseconds)
};

// Collects the kernels of one model. Not thread-safe; Finish works with several threads, and its bytes do not depend on how many.
class KernelCompiler {
 public:
  explicit KernelCompiler(CpuTarget target);
  ~KernelCompiler();

  // `op`: a graph.fusion, or one operation of LowerToLinalgInterface, of static shapes. Operations alike but for names, locations
  // and operands share a kernel. Fails, with a diagnostic at the operation, where CanBeOneKernel is false.
  mlir::FailureOr<Kernel> Add(mlir::Operation* op);
  // The shared object of everything added (empty where nothing was); call once. kInternal: LLVM or lld failed.
  absl::StatusOr<std::string> Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Whether Add would take the operation and the kernel be no worse than the parts: dry, some tens of microseconds an operation.
bool CanBeOneKernel(mlir::Operation* op);
// The same for operations of one block, before they are grouped. `results`: the values that the fusion would yield.
bool CanBeOneKernel(llvm::ArrayRef<mlir::Operation*> ops, llvm::ArrayRef<mlir::Value> results);

// Operand and result numbers that may share memory when the kernel runs: each element of the operand is read only to compute the
// element of the same address.
struct InPlacePair {
  unsigned operand = 0;
  unsigned result = 0;
};
std::vector<InPlacePair> InPlacePairs(mlir::Operation* op);

}  // namespace plimsoll::codegen
