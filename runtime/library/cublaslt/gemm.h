// A plan's matmul as cuBLASLt knows products: one strided batch of column-major matrices. The rules of what the library
// takes, which need neither the library nor a device.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "ir/plan/library.pb.h"
#include "ir/plan/plan.pb.h"
#include "runtime/library/nvidia/description.h"

namespace plimsoll::runtime::cublaslt {

// D = activation(alpha * op(A) * op(B) + beta * C + bias), each matrix column-major. A row-major matrix is its
// transpose in column-major order, so that a row-major product is computed as D^T = B^T A^T: A is then the plan's b.
struct Gemm {
  struct Matrix {
    int operand = 0;  // index in the operation's order
    plan::DataType dtype = plan::DATA_TYPE_UNDEFINED;
    int64_t rows = 0, columns = 0;
    int64_t leading = 0;       // elements from a column to the next
    int64_t batch_stride = 0;  // elements from a matrix to the next; 0: all the same
  };
  Matrix a, b, c, d;  // c is d without an addend
  bool transpose_a = false, transpose_b = false;
  int64_t batch = 1;
  int64_t inner = 0;  // columns of op(A)
  double alpha = 1;
  bool has_addend = false;  // beta is 1, else 0
  int bias_operand = -1;    // one element a row of D, of D's type; -1: none
  nvidia::Activation activation = nvidia::Activation::kNone;
  bool tf32 = false;
  bool is_empty = false;        // no element to compute: the fields above say nothing
  int operands = 0;             // of the plan's operation, without the workspace
  int64_t workspace_bytes = 0;  // the cap: WorkspaceCap
};

// kUnimplemented for what the library cannot do in one call, kInvalidArgument where the description contradicts itself.
absl::StatusOr<Gemm> GemmOf(const plan::LibraryOp& op, const plan::Target& target);

// Most bytes of workspace that a product may take. NVIDIA's advice is 32 MiB from sm_90 on, 4 MiB before (cuBLAS,
// cublasSetWorkspace). Workspace holds the partial sums of a product whose inner dimension is shared out (split-K,
// stream-K): one of at most 256 inner elements has none, and a small result never needs more than 32 partial sums an
// element.
int64_t WorkspaceCap(int architecture, int64_t rows, int64_t columns, int64_t batch, int64_t inner);

// cuBLASLt wants its workspace at multiples of this. The cap has room to begin there wherever the buffer lies.
inline constexpr int64_t kWorkspaceAlignment = 256;

}  // namespace plimsoll::runtime::cublaslt
