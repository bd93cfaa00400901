// Kernels of library operations: which function of the device library (device/) computes one, the description that it
// is specialized by, and the grid.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compiler/codegen/cuda/cuda.h"
#include "compiler/codegen/cuda/device/description.h"
#include "compiler/codegen/cuda/library_views.h"
#include "ir/plan/library.pb.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace plimsoll::codegen {

struct LibraryKernel {
  std::string skeleton;     // "matmul", "convolution", ...
  std::string function;     // of the device library, without its prefix; empty: nothing to compute
  std::string description;  // the bytes of a device:: structure
  int operands = 0;
  uint64_t read_only = 0;  // bit i: nobody writes operand i while the kernel runs
  int64_t blocks = 0;
  int threads = 256;
  int blocks_of_multiprocessor = 2;  // as many must fit: bounds the registers
  std::string tensor_type;           // of the products of tensor cores; empty: they are not used
  double repetition = 1;             // arithmetic for one of the operation's
  int most_width = 4;                // neighbouring elements of the destination that one access may take
};

// kUnimplemented: no kernel for it, with the reason. kInvalidArgument: shapes that do not agree.
absl::StatusOr<LibraryKernel> PlanLibraryKernel(const plan::LibraryOp& op, const CudaTarget& target);
absl::StatusOr<LibraryKernel> PlanMatmul(const plan::Matmul& op, const CudaTarget& target);
absl::StatusOr<LibraryKernel> PlanConvolution(const plan::Convolution& op, const CudaTarget& target);
absl::StatusOr<LibraryKernel> PlanDirectConvolution(const plan::Convolution& op, const std::vector<SpatialDim>& dims,
                                                    const std::string& sum, const CudaTarget& target);
absl::StatusOr<LibraryKernel> PlanPool(const plan::Pool& op, const CudaTarget& target);
absl::StatusOr<LibraryKernel> PlanRecurrent(const plan::Recurrent& op, const CudaTarget& target);
absl::StatusOr<LibraryKernel> PlanPack(const plan::Pack& op, const CudaTarget& target);
absl::StatusOr<LibraryKernel> PlanAttention(const plan::Attention& op, const CudaTarget& target);
absl::StatusOr<LibraryKernel> PlanAttentionGradient(const plan::AttentionGradient& op, const CudaTarget& target);
// A convolution's bias with the destination's rank but for the batch.
absl::StatusOr<plan::MemoryDesc> ChannelBias(const plan::Convolution& op);

// Adds the entry, which calls the device library's function: a declaration until LinkDeviceLibrary.
void EmitLibraryKernel(llvm::Module& module, const std::string& symbol, const LibraryKernel& kernel);

// Brings in the functions of the device library that the module calls and folds the descriptions into them. A module
// that calls none stays as it is.
absl::Status LinkDeviceLibrary(llvm::Module& module, llvm::TargetMachine& machine);

}  // namespace plimsoll::codegen
