// One program of a plan (`load` or `run`) with every address resolved: what Program and Session have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ir/plan/plan.pb.h"
#include "runtime/device/cpu/kernel_library.h"
#include "runtime/host/host_function.h"
#include "runtime/library/library.h"

namespace plimsoll::runtime {

// Where things are. All must outlive the executor.
struct Memory {
  std::vector<std::byte*> arenas;          // by plan.arenas; null: not needed by this program
  std::vector<const std::byte*> weights;   // by plan.weights
  std::vector<const cpu::KernelLibrary*> code;  // by plan.code
};

// Not safe for concurrent calls. Run allocates nothing of its own; oneDNN and host functions do.
class Executor {
 public:
  // Prepares every command. The plan must have been validated and outlive the executor. Errors name the command.
  static absl::StatusOr<std::unique_ptr<Executor>> Create(const plan::Plan& plan, const plan::Program& program,
                                                          const Memory& memory);

  // Where a buffer's bytes are; writes to a weight's are not allowed.
  std::byte* address(int buffer) const { return addresses_[buffer]; }
  // Where the plan puts them, whatever Rebind said.
  std::byte* planned_address(int buffer) const { return planned_[buffer]; }
  // Has all commands use these bytes, as many as the buffer has, instead of the planned ones.
  void Rebind(int buffer, std::byte* address);
  // Whether some command writes to the buffer.
  bool is_written(int buffer) const { return written_[buffer]; }

  int64_t& slot(int index) { return slots_[index]; }

  absl::Status Run();
  // The same, calling `after(i)` when command i, or the branch or loop that it begins, has ended. Outermost only.
  absl::Status Run(const std::function<void(int)>& after);

 private:
  struct Step {
    const plan::Command* command = nullptr;
    int first_operand = 0;  // in pointers_
    cpu::Kernel kernel = nullptr;
    PreparedOp* library = nullptr;
    HostFunction host = nullptr;
    int host_tensors = 0;   // the first of this command's in host_tensors_
  };
  struct OperandPlace {
    int pointer;    // index into pointers_
    int64_t offset;
  };

  Executor(const plan::Plan& plan, const plan::Program& program) : plan_(plan), program_(program) {}

  absl::Status ResolveBuffers(const Memory& memory);
  absl::Status PrepareStep(int index, const Memory& memory);
  absl::StatusOr<PreparedOp*> PrepareLibrary(const plan::LibraryOp& op);
  absl::Status RunRange(int begin, int end, const std::function<void(int)>* after = nullptr);
  absl::Status RunStep(const Step& step);
  absl::Status RunLoop(int index);
  absl::Status RunHost(const Step& step);
  // `status` with the command and its node in front.
  absl::Status Annotate(int index, const absl::Status& status) const;

  const plan::Plan& plan_;
  const plan::Program& program_;
  std::vector<std::byte*> planned_;
  std::vector<std::byte*> addresses_;
  std::vector<bool> written_;
  std::vector<std::vector<OperandPlace>> uses_;  // by buffer
  std::vector<void*> pointers_;                  // operands of all commands, in order
  std::vector<Step> steps_;
  std::vector<HostTensor> host_tensors_;
  std::vector<int64_t> slots_;
  // Equal operations share one: commands run one after the other.
  std::vector<std::pair<std::string, std::unique_ptr<PreparedOp>>> libraries_;
};

}  // namespace plimsoll::runtime
