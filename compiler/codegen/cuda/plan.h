// What a GPU makes of a nest: which skeleton runs it, what one thread does, how many blocks there are.
#pragma once

#include "compiler/codegen/cuda/cuda.h"
#include "compiler/codegen/nest.h"

namespace plimsoll::codegen {

enum class Skeleton {
  kMap,        // a thread takes `lanes` neighbouring elements at a time, and goes on by whole grids
  kTranspose,  // squares go through shared memory: loads walk along another dim than the stores
  kRow,        // threads_per_row threads share a row that lies along memory, and exchange what they reduced
  kColumn,     // memory runs across the rows: a warp takes 32 of them, the block's warps share out what is reduced
  kSerial,     // a thread takes a whole row: the general one
};
const char* NameOf(Skeleton skeleton);

struct CudaNest : Nest {
  Skeleton skeleton = Skeleton::kMap;
  int vector_dim = -1;  // along which `lanes` lie; kTranspose: along which the stores walk. -1: none
  int lanes = 1;        // kTranspose: elements of a word; a square has 32 words a side
  int block_dim = -1;            // kTranspose: along which the transposed loads walk
  llvm::SmallVector<int> order;  // dims of the thread's number, the fastest first: of the elements, or of the rows
  llvm::SmallVector<int> columns_order;  // reduced dims, the fastest first
  int64_t rows = 1, columns = 1;         // points that are not reduced, and that are
  int threads_per_row = 1;               // kRow: a power of two; more than 32: the whole block
  int64_t chunks = 1;                    // kRow: steps of threads_per_row * lanes columns
  bool held = false;                     // kRow: the row stays in registers between passes; else it is read again
  bool wide = false;                     // numbers of points need 64 bits
  int64_t blocks = 0;
};

struct CudaKernelPlan {
  std::vector<CudaNest> nests;  // each has a range of the grid's blocks
  int threads = 256;
  int64_t blocks = 0;
  int capability = 0;                 // of the text: 80 for sm_80
  llvm::SmallVector<int> alignments;  // of operands and results, bytes
};

// `alignments`: missing ones are 16.
mlir::FailureOr<CudaKernelPlan> PlanCudaKernel(const Region& region, const CudaTarget& target,
                                               llvm::ArrayRef<int> alignments);

// How many elements from `address` on, up to `lanes`, one access may take: a power of two. The address is contiguous
// along `dim`, whose value is a multiple of `lanes`; all else that it is a sum of keeps it aligned. At most 16 bytes.
int AccessWidth(const IndexSpace& space, const Index& address, int dim, int lanes, int bytes, int alignment);

}  // namespace plimsoll::codegen
