// Generated kernels of NVIDIA GPUs: a graph.fusion (or one operation of LowerToLinalgInterface) becomes one entry of a
// PTX text,
//   .entry SYMBOL(.u64 operand..., .u64 result...)
// launched as one grid of `blocks` x `threads`, one-dimensional, without dynamic shared memory. Every shape is a
// constant of the code. A kernel allocates nothing. Values in memory are as on the CPU (codegen.h); pointers are
// multiples of 16 bytes unless Add was told less. Any order of blocks and threads gives the same bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ir/plan/library.pb.h"
#include "llvm/ADT/ArrayRef.h"
#include "mlir/IR/Operation.h"
#include "mlir/Support/LogicalResult.h"

namespace plimsoll::codegen {

// An architecture that code is made for. PTX of one runs on all later ones.
struct CudaTarget {
  std::string arch;          // "sm_80": what the code is for
  std::string text_arch;     // what LLVM makes the text for: `arch`, or the latest before it that LLVM knows
  int capability = 0;        // 80
  int multiprocessors = 0;   // of the GPU of that architecture that grids are sized for
  bool tf32 = false;         // operands of f32 products may be rounded to TF32
  std::string last_toolkit;  // of older architectures: the last CUDA whose ptxas takes them ("12.9"); else empty
};
// sm_60 to sm_120. kInvalidArgument: another name; says which there are.
absl::StatusOr<CudaTarget> ResolveCuda(const std::string& arch);

// As CanBeOneKernel (codegen.h), for a GPU: whether operations of one block, as a fusion that yields `results`, are one
// kernel and no worse than the parts.
bool CanBeOneCudaKernel(llvm::ArrayRef<mlir::Operation*> ops, llvm::ArrayRef<mlir::Value> results,
                        const CudaTarget& target);

// The parts of NVIDIA's toolkit that code generation uses, from the first of: $PLIMSOLL_CUDA, the dependencies' folder
// (tools/setup.sh --cuda), /usr/local/cuda. What is not there is an empty path.
struct CudaToolkit {
  std::string libdevice;  // libdevice.10.bc: elementary functions; needed by kernels that call one
  std::string ptxas;      // the assembler; optional
};
CudaToolkit FindCudaToolkit();

struct CudaKernel {
  std::string symbol;
  int64_t blocks = 0;                  // 0 where the results are empty: nothing to launch
  int threads = 0;                     // of a block
  std::vector<std::string> skeletons;  // one for each part of the grid: "map", "transpose", "row", "column",
                                       // "serial"; of a library operation "matmul", "convolution", ...
  // How it computes a library operation, for estimates. The type of tensor cores' products: "f16", "bf16", "tf32"; empty:
  // they are not used. Then: blocks that share a multiprocessor, and the arithmetic that is done for one of the
  // operation's, more than 1 where something is computed again.
  std::string tensor_type;
  int blocks_of_multiprocessor = 0;
  double repetition = 1;
};

struct CudaCode {
  std::string ptx;                   // of all kernels; empty where nothing was added
  std::vector<std::string> bitcode;  // the optimized LLVM modules that the text was printed from, where kept
};

// Collects the kernels of one model. Not thread-safe; Finish works with several threads, and its bytes do not depend on
// how many.
class CudaKernelCompiler {
 public:
  CudaKernelCompiler(CudaTarget target, CudaToolkit toolkit);
  ~CudaKernelCompiler();

  // As KernelCompiler::Add: takes what that takes. `alignments`: of the operands and results, bytes, where they are
  // less than 16. `symbol`: the entry's name; empty: one is made. Alike operations share a kernel, by its first name.
  mlir::FailureOr<CudaKernel> Add(mlir::Operation* op, llvm::ArrayRef<int> alignments = {},
                                  llvm::StringRef symbol = {});
  // The kernel of a library operation: its operands in library.proto's order without the workspace. Alike operations
  // share a kernel, whatever library they name. kUnimplemented: no kernel computes it, with the reason;
  // kInvalidArgument: its shapes do not agree.
  absl::StatusOr<CudaKernel> AddLibrary(const plan::LibraryOp& op, llvm::StringRef symbol = {});
  // The text of everything added; call once. kUnavailable: a kernel needs libdevice, and it was not found. kInternal:
  // LLVM failed.
  absl::StatusOr<CudaCode> Finish(bool keep_bitcode = false);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What ptxas says of a kernel.
struct CudaResources {
  std::string symbol;
  int registers = 0;
  int64_t spill_bytes = 0;  // stored and loaded
  int64_t stack_bytes = 0;
  int64_t shared_bytes = 0;
};
struct CudaBinary {
  std::string cubin;
  std::vector<CudaResources> resources;  // in ptxas's order
};
// Runs the toolkit's ptxas for `arch` (which may be later than the text's). kUnavailable: there is none, or it cannot
// be run. kInternal, with its words: it refuses the text.
absl::StatusOr<CudaBinary> Assemble(const std::string& ptx, const std::string& arch, const CudaToolkit& toolkit);

}  // namespace plimsoll::codegen
