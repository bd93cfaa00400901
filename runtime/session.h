// A program being run: one arena of exactly the planned size, one run at a time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/executor.h"
#include "runtime/program.h"

namespace plimsoll::runtime {

// Any number of sessions of one program run in parallel. One session is for one thread at a time; a second concurrent
// Run is kFailedPrecondition.
//
//   auto session = Session::Create(program);
//   (*session)->BindInput("x", x.data(), x.size() * sizeof(float));   // or fill (*session)->input(0)
//   (*session)->Run();
//   (*session)->output(0)->data
class Session {
 public:
  struct View {
    std::byte* data = nullptr;
    int64_t bytes = 0;            // of the actual size
    plan::DataType dtype = plan::DATA_TYPE_UNDEFINED;
    absl::Span<const int64_t> dims;  // the actual size; valid until the next Run
  };

  static absl::StatusOr<std::unique_ptr<Session>> Create(std::shared_ptr<const Program> program);

  const Program& program() const { return *program_; }
  const plan::Signature& signature() const { return program_->plan().signature(); }
  // Index of the input or output of that name; -1: there is none.
  int FindInput(const std::string& name) const;
  int FindOutput(const std::string& name) const;

  // From now on, Run reads the input from the caller's memory, which stays the caller's. No copy where the memory is
  // aligned as the plan says (64 bytes always do) and no command writes over it; else Run copies it to the arena.
  // `bytes` is the tensor's size. `dims`: its actual sizes where the signature leaves them open, checked if given
  // otherwise. An input whose value the plan fixed is compared with that value. kInvalidArgument where anything differs.
  absl::Status BindInput(int index, const void* data, int64_t bytes, absl::Span<const int64_t> dims = {});
  absl::Status BindInput(const std::string& name, const void* data, int64_t bytes, absl::Span<const int64_t> dims = {});

  // From now on, Run leaves the output in the caller's memory of `bytes` bytes: the tensor's size, at least its upper
  // bound where that is open.
  absl::Status BindOutput(int index, void* data, int64_t bytes);
  absl::Status BindOutput(const std::string& name, void* data, int64_t bytes);

  // The input's place, to be filled before each Run (other tensors use the place too); binds it back to the arena if it
  // was bound elsewhere. As large as the upper bound; open sizes are set with SetInputDims.
  absl::StatusOr<absl::Span<std::byte>> input(int index);
  absl::Status SetInputDims(int index, absl::Span<const int64_t> dims);

  // The output of the last Run, where it was bound or in the arena, until the next Run.
  absl::StatusOr<View> output(int index) const;

  // Executes the plan. Errors name the command and the ONNX node; what outputs hold is then undefined.
  absl::Status Run();
  // The same, calling `after(i)` when command i of the run program, or the branch or loop that it begins, has ended.
  absl::Status Run(const std::function<void(int)>& after);

  int64_t arena_bytes() const { return arena_bytes_; }

 private:
  struct Port {
    const plan::Binding* binding = nullptr;
    const plan::FixedValue* fixed = nullptr;  // then there is no buffer
    int64_t bytes = 0;                        // at the upper bound
    std::vector<int64_t> dims;                // actual
    std::byte* host = nullptr;                // bound memory
    bool copied = false;                      // between `host` and the arena, by Run
  };

  explicit Session(std::shared_ptr<const Program> program) : program_(std::move(program)) {}

  absl::Status MakePorts();
  absl::Status CheckDims(const Port& port, absl::Span<const int64_t> dims) const;
  absl::StatusOr<Port*> InputPort(int index);
  int64_t ActualBytes(const Port& port) const;
  bool IsAligned(const Port& port, const void* data) const;
  void ResolveOutputDims();

  std::shared_ptr<const Program> program_;
  std::vector<cpu::Arena> arenas_;
  int64_t arena_bytes_ = 0;
  std::unique_ptr<Executor> executor_;
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
  std::atomic<bool> running_{false};
};

}  // namespace plimsoll::runtime
