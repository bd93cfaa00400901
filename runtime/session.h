// A program being run: arenas of exactly the planned size, one run at a time.
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
#include "runtime/device/device.h"
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
//
// On a GPU, bound memory of the host is copied by each run, from and to where it lies: faster where it is pinned, as
// what input(i) and output(i) give is. BindDeviceInput and BindDeviceOutput take memory of the GPU.
class Session {
 public:
  struct View {
    std::byte* data = nullptr;
    int64_t bytes = 0;  // of the actual size
    plan::DataType dtype = plan::DATA_TYPE_UNDEFINED;
    absl::Span<const int64_t> dims;  // the actual size; valid until the next Run
    bool on_device = false;          // bound memory of a GPU: an address that the host must not look at
  };

  // Where ranks meet in the run program, a program has one session at a time (kFailedPrecondition), and creating one waits
  // for the other ranks to do the same.
  // The first session of a program on a GPU has its arenas in the program's block of memory, others allocate theirs:
  // kResourceExhausted, with program and other sessions as usable as before, where there is not that much.
  static absl::StatusOr<std::unique_ptr<Session>> Create(std::shared_ptr<const Program> program);
  // Waits for what RunAsync began.
  ~Session();

  const Program& program() const { return *program_; }
  const plan::Signature& signature() const { return program_->plan().signature(); }
  // Index of the input or output of that name; -1: there is none.
  int FindInput(const std::string& name) const;
  int FindOutput(const std::string& name) const;

  // From now on, Run reads the input from the caller's memory, which stays the caller's. On the CPU no copy where the
  // memory is aligned as the plan says (64 bytes always do) and no command writes over it; else Run copies it to the
  // arena. `bytes` is the tensor's size. `dims`: its actual sizes where the signature leaves them open, checked if
  // given otherwise. An input whose value the plan fixed is compared with that value. kInvalidArgument where anything
  // differs.
  absl::Status BindInput(int index, const void* data, int64_t bytes, absl::Span<const int64_t> dims = {});
  absl::Status BindInput(const std::string& name, const void* data, int64_t bytes, absl::Span<const int64_t> dims = {});

  // From now on, Run leaves the output in the caller's memory of `bytes` bytes: the tensor's size, at least its upper
  // bound where that is open.
  absl::Status BindOutput(int index, void* data, int64_t bytes);
  absl::Status BindOutput(const std::string& name, void* data, int64_t bytes);

  // The same with memory of the device that the program is on (on the CPU: as above). Commands use it where it is, if
  // it is aligned as the plan says (256 bytes always do) and is not written over; else it is copied within the device.
  // Memory that changes from run to run keeps the commands that use it out of graphs.
  absl::Status BindDeviceInput(int index, const void* data, int64_t bytes, absl::Span<const int64_t> dims = {});
  absl::Status BindDeviceOutput(int index, void* data, int64_t bytes);

  // The input's place, to be filled before each Run (on the CPU other tensors use the place too); binds it back if it
  // was bound elsewhere. As large as the upper bound; open sizes are set with SetInputDims.
  absl::StatusOr<absl::Span<std::byte>> input(int index);
  absl::Status SetInputDims(int index, absl::Span<const int64_t> dims);

  // The output of the last Run, where it was bound, or in memory of the session that the host reads, until the next
  // Run. On a GPU that memory is made when it is first asked for.
  absl::StatusOr<View> output(int index) const;

  // Executes the plan. Errors name the command and the ONNX node; what outputs hold is then undefined, and the session
  // may run again. kCancelled after Cancel.
  // Where other ranks take part, all run equally often, in the same order. An error of one ends the run on all: theirs is
  // kAborted, or kDeadlineExceeded where nobody could tell them. No session of these programs runs again: load the plan
  // anew, with a new communicator.
  absl::Status Run();
  // The same, calling `after(i)` when command i of the run program, or the branch or loop that it begins, has ended. On
  // a GPU the host then waits for each command.
  absl::Status Run(const std::function<void(int)>& after);

  // On a GPU: puts the run into `stream` (a CUstream of the program's device; null: the session's own), after what that
  // holds and, if this is not the first, after the session's run before. Returns when all of it is there, which is at
  // once, unless the plan has host calls, branches or loops: the host waits for those. Bound memory must be the
  // device's or pinned (kFailedPrecondition otherwise) and is the run's until Wait returns, or the stream has come so
  // far. On the CPU: the same as Run, done when it returns; `stream` must be null.
  absl::Status RunAsync(StreamHandle stream = nullptr);
  // Waits for the runs that RunAsync began; their errors. Before it nothing may be bound or looked at through the
  // session.
  absl::Status Wait();

  // From any thread: the run in progress ends with kCancelled at the next command or, on a GPU, before the next part of
  // it is put into the stream. What is in the stream is waited for, but for other ranks. No effect where nothing runs.
  void Cancel();

  int64_t arena_bytes() const { return arena_bytes_; }
  // Library calls that the plan's own kernels compute, because the library is not there or cannot.
  const std::vector<Fallback>& fallbacks() const { return executor_->fallbacks(); }
  // Parts of the run program between commands that need the host, and how many of them are launched as graphs.
  int segment_count() const { return executor_->segment_count(); }
  int graph_count() const { return executor_->captured_segments(); }

 private:
  struct Port {
    const plan::Binding* binding = nullptr;
    const plan::FixedValue* fixed = nullptr;     // then there is no buffer
    int64_t bytes = 0;                           // at the upper bound
    std::vector<int64_t> dims;                   // actual
    std::byte* bound = nullptr;                  // memory of the caller, or `own`
    Device::Place place = Device::Place::kHost;  // of `bound`
    bool copied = false;                         // between `bound` and the arena, by Run
    Block own;                                   // pinned, on a device that is not the host
  };

  explicit Session(std::shared_ptr<const Program> program)
      : program_(std::move(program)), device_(program_->device()) {}

  absl::Status TakeRanks();
  absl::Status Prepare();
  absl::Status MakePorts();
  absl::Status CheckDims(const Port& port, absl::Span<const int64_t> dims) const;
  absl::StatusOr<Port*> InputPort(int index);
  absl::Status CheckIdle(const char* what) const;
  absl::Status Bind(int index, const void* data, int64_t bytes, absl::Span<const int64_t> dims, bool on_device);
  absl::Status Bind(int index, void* data, int64_t bytes, bool on_device);
  absl::StatusOr<Device::Place> Locate(const Port& port, const void* data, bool on_device) const;
  absl::Status MakeOwn(Port& port) const;
  absl::Status CheckPinned() const;
  int64_t ActualBytes(const Port& port) const;
  bool IsAligned(const Port& port, const void* data) const;
  void ResolveOutputDims();
  absl::Status CopyIn(StreamHandle stream);
  absl::Status CopyOut(StreamHandle stream);
  // Everything that a run does, but waiting for its end.
  absl::Status Issue(StreamHandle stream, const std::function<void(int)>* after);

  std::shared_ptr<const Program> program_;
  Device& device_;
  Block block_;       // the arenas, where they are not in the program's block
  Block host_block_;  // the arenas of the host
  bool has_program_place_ = false;
  bool has_ranks_ = false;  // the program's one session that meets other ranks
  int64_t arena_bytes_ = 0;
  std::unique_ptr<Executor> executor_;
  std::vector<Port> inputs_;
  mutable std::vector<Port> outputs_;
  Resource done_;         // recorded behind each RunAsync
  bool pending_ = false;  // RunAsync was called since the last wait
  bool has_run_ = false;
  mutable std::atomic<bool> running_{false};
  std::atomic<bool> cancelled_{false};
};

}  // namespace plimsoll::runtime
