// Runs generated GPU kernels on the host: the optimized LLVM IR that their PTX is printed from, compiled for the CPU,
// special registers, barriers and shuffles replaced. Blocks run one after another in an order drawn from the seed, a
// block's threads as fibers (fibers.h). For tests. What it cannot show: what LLVM's instruction selection and ptxas
// make of the IR, the accuracy of approximate instructions, the memory model within a warp, speed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compiler/codegen/cuda/emulator/traffic.h"

namespace plimsoll::codegen {

class EmulatedCuda {
 public:
  // `bitcode`: of CudaCode. kUnimplemented names an instruction that is not known here.
  static absl::StatusOr<std::unique_ptr<EmulatedCuda>> Load(const std::vector<std::string>& bitcode);
  ~EmulatedCuda();

  // Launches an entry and waits for it. `buffers`: operands, then results. Shared memory holds garbage when a block
  // begins. kNotFound: no such entry. kInternal: threads that do not meet at a barrier or shuffle. One launch at a time
  // in a process.
  absl::Status Launch(const std::string& symbol, int64_t blocks, int threads, const std::vector<void*>& buffers,
                      uint64_t seed);

  // A barrier, or a wait for asynchronous copies, left out of the code, to see that a test notices: for tests of the
  // emulator.
  static absl::StatusOr<std::unique_ptr<EmulatedCuda>> LoadWithoutBarrier(const std::vector<std::string>& bitcode,
                                                                          int number);

  // As Load, and counts what warps ask of memory. Slow.
  static absl::StatusOr<std::unique_ptr<EmulatedCuda>> LoadCounting(const std::vector<std::string>& bitcode);
  // Of all launches so far; nothing unless it counts.
  const MemoryTraffic& traffic() const;

 private:
  struct State;
  static absl::StatusOr<std::unique_ptr<EmulatedCuda>> Load(const std::vector<std::string>& bitcode, int without_barrier,
                                                            bool counts);
  explicit EmulatedCuda(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::codegen
