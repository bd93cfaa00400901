// What a vendor library can do, asked in the order can it -> how much workspace and which packed layout -> run.
// The compiler asks (Query) and the runtime runs (Prepare) through this one description, so that the sizes in a plan
// are the sizes that the library wants.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "ir/plan/library.pb.h"
#include "ir/plan/plan.pb.h"

namespace plimsoll::runtime {

// An operand (by its index in the operation's order) that the library wants in its own layout of `bytes` bytes.
struct PackedOperand {
  int operand = 0;
  int64_t bytes = 0;
};

struct Requirements {
  int64_t workspace_bytes = 0;
  std::vector<PackedOperand> packed;
};

// The queue of a device that work is put into: a CUstream; null on the CPU, where Run computes before it returns.
using StreamHandle = void*;

// A library operation that is ready to run.
class PreparedOp {
 public:
  virtual ~PreparedOp() = default;

  // Runs it. `operands` follow the order in library.proto; the workspace is last where workspace_bytes() > 0.
  // Operands are aligned to their element, the workspace to 64 bytes. One run at a time: not safe for concurrent calls
  // on one object. Objects are cheap to make twice, the generated code behind them is shared.
  // On CUDA, operands are device addresses, the device's context is current, and Run returns when the work is in
  // `stream`.
  virtual absl::Status Run(absl::Span<void* const> operands, StreamHandle stream) = 0;

  virtual int64_t workspace_bytes() const = 0;
  // How many operands Run takes, the workspace included.
  virtual int operand_count() const = 0;
};

// What times algorithms on a device, for plans that are tuned at load.
class Tuner {
 public:
  virtual ~Tuner() = default;
  // Seconds that `work` takes on the device, the median of several runs. `work` is given the addresses of operands that
  // hold anything and may be overwritten, in the order of Run, and the stream to put itself into.
  virtual absl::StatusOr<double> Seconds(
      absl::FunctionRef<absl::Status(absl::Span<void* const> operands, StreamHandle stream)> work) = 0;
};

// What Prepare may count on. CUDA only; the CPU needs none of it.
struct PrepareOptions {
  // The ordinal of the device whose context is current.
  int device = 0;
  // What the address of each operand, the workspace included, is a multiple of: bytes, powers of two. Empty: 16 each,
  // as operands of CUDA plans are; fast kernels want no more.
  std::vector<int64_t> alignments;
  // Null: the library's own first choice.
  Tuner* tuner = nullptr;
};

// The library that computes `op` on `target`: "onednn" on the CPU; on CUDA "cublaslt", "cudnn", or "" where only a
// generated kernel does. The rules need no device.
std::string LibraryFor(const plan::LibraryOp& op, const plan::Target& target);

// What `op` needs on `target`. kUnimplemented where the library cannot do it; the message says why.
// kFailedPrecondition where this CPU has less than target.library_isa, or the process is capped to another one.
// With `constant_weights`, operands that are weights and not packed yet (packed_bytes == 0) are asked in the layout
// that the library likes best: Requirements.packed names those that differ from the given one; the workspace is the one
// of the operation with these operands packed.
// On CUDA no device and no library is asked: the workspace is a cap, and what fits it is chosen in Prepare. Where
// op.library is empty the answer is that of the generated kernels, which want nothing (kUnimplemented for types that
// have none).
absl::StatusOr<Requirements> Query(const plan::LibraryOp& op, const plan::Target& target,
                                   bool constant_weights = false);

// Makes `op` runnable. Errors as Query; kFailedPrecondition too where the library's sizes are not those in `op`
// (packed_bytes, workspace_bytes), which a plan made for another library version or CPU would show.
// On CUDA the device's context is current here and when the object is destroyed; kUnavailable where the library cannot
// be opened, kUnimplemented where it has no algorithm for this device, these alignments and this workspace: the
// command's fallback kernel computes the same.
absl::StatusOr<std::unique_ptr<PreparedOp>> Prepare(const plan::LibraryOp& op, const plan::Target& target,
                                                    const PrepareOptions& options = {});

}  // namespace plimsoll::runtime
