// The process-wide state of oneDNN: engine, stream, the cap on its instruction set, the number of threads.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "dnnl.hpp"
#include "ir/plan/plan.pb.h"

namespace plimsoll::runtime::onednn {

const dnnl::engine& Engine();

// Caps the library to target.library_isa. The cap can be set once a process, before the library's first use: another
// cap later is kFailedPrecondition, as is a CPU that has less. An empty library_isa leaves things as they are.
absl::Status CapToTarget(const plan::Target& target);

// Runs `body`, turning what oneDNN throws into a status: unimplemented -> kUnimplemented, else kInternal.
absl::Status Guard(const char* what, const std::function<absl::Status()>& body);
absl::Status FromDnnl(const char* what, dnnl_status_t status);

// Sizes that oneDNN states depend on the calling thread's thread count: sets it to `threads` (0: all) for a scope.
class ThreadCount {
 public:
  explicit ThreadCount(int threads);
  ~ThreadCount();
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int former_;
};

}  // namespace plimsoll::runtime::onednn
