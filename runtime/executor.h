// One program of a plan (`load` or `run`) with every address resolved, ready to be executed on a device: what Program
// and Session have in common.
//
// On the host's own processor a command is done when its call returns. On another device commands are put into streams.
// There the program is cut into segments, the longest runs of commands that need nothing of the host: it is needed for
// host calls, and to decide branches and loops. A segment that is executed again and again is captured as a graph and
// launched as a whole. It begins on the main stream, forks to the other streams that it uses, and joins them at its
// end.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ir/plan/plan.pb.h"
#include "runtime/collective/groups.h"
#include "runtime/device/device.h"
#include "runtime/host/host_function.h"
#include "runtime/library/library.h"
#include "runtime/upload.h"

namespace plimsoll::runtime {

// Where things are. All must outlive the executor.
struct Memory {
  std::vector<std::byte*> arenas;         // by plan.arenas, where its space is; null: not needed by this program
  std::vector<const std::byte*> weights;  // by plan.weights, on the host
  std::vector<const Code*> code;          // by plan.code; null: of no use to the device
  const collective::Groups* groups = nullptr;  // null: the plan has none
};

struct ExecutorOptions {
  bool graphs = true;
  // Waits for each command, so that an error of the device names the one that it comes from.
  bool check_every_command = false;
  // Libraries' algorithms are chosen by timing them, where the library has a choice.
  bool tune = false;
};

// A library call that a kernel of the plan computes instead.
struct Fallback {
  int command = 0;
  absl::Status reason;
};

// Not safe for concurrent calls. The device is entered (DeviceScope) around every call. Issue allocates nothing of its
// own, except where it captures a segment anew; libraries and host functions do.
class Executor {
 public:
  // Prepares every command. The plan must have been validated; plan and device outlive the executor. Errors name the
  // command.
  static absl::StatusOr<std::unique_ptr<Executor>> Create(Device& device, const plan::Plan& plan,
                                                          const plan::Program& program, const Memory& memory,
                                                          const ExecutorOptions& options = {});

  // Where a buffer's bytes are; writes to a weight's are not allowed.
  std::byte* address(int buffer) const { return addresses_[buffer]; }
  // Where the plan puts them, whatever Rebind said.
  std::byte* planned_address(int buffer) const { return planned_[buffer]; }
  // Has all commands use these bytes, as many as the buffer has, instead of the planned ones. Segments that use the
  // buffer are issued command by command once, and captured again when the address has stayed for a second run.
  void Rebind(int buffer, std::byte* address);
  // Whether some command writes to the buffer.
  bool is_written(int buffer) const { return written_[buffer]; }

  int64_t& slot(int index) { return slots_[index]; }

  // The executor's own main stream.
  StreamHandle stream() const { return streams_[0].get(); }

  // Puts all commands into `stream` (done on return on the host's processor). Blocks where the host needs a result.
  // `cancel`, if given, is looked at between commands or segments: kCancelled once it is true. `after(i)`, if given, is
  // called when command i, or the branch or loop that it begins, has ended (`ended`) or has been issued and the host's
  // bytes that it reads were read; outermost commands only.
  absl::Status Issue(StreamHandle stream, const std::atomic<bool>* cancel = nullptr,
                     const std::function<void(int)>* after = nullptr, bool ended = true);
  // Waits for what Issue put into its stream. Errors say which commands they may come from.
  absl::Status Finish();
  // The same for what was issued before `event` was recorded.
  absl::Status FinishAt(EventHandle event);
  // After an error: ends the ranks' communicator, if the program has collectives, so that no rank waits for this one, and
  // waits for all streams; whatever they say.
  void GiveUp(const absl::Status& reason);
  // Whether other ranks take part in the program.
  bool has_ranks() const { return ranks_; }
  // Waits for the stream; where other ranks take part, no longer than they have time, and no longer than they live. Not so
  // the device's own Synchronize, nor copies to memory of the host that is not pinned.
  absl::Status Await(StreamHandle stream);

  // Counters.
  const std::vector<Fallback>& fallbacks() const { return fallbacks_; }
  int segment_count() const { return static_cast<int>(segments_.size()); }
  int captured_segments() const;

 private:
  struct Step {
    const plan::Command* command = nullptr;
    int first_operand = 0;                 // in pointers_
    int operands = 0;                      // that the kernel takes
    const plan::Launch* launch = nullptr;  // also of a fallback
    Kernel kernel = nullptr;
    PreparedOp* library = nullptr;
    HostFunction host = nullptr;
    int host_tensors = 0;    // the first of this command's in host_tensors_
    int segment = -1;        // that it belongs to
    bool skipped = false;    // a wait for what is done anyway
    // Of a copy, or what a collective copies.
    Device::Direction direction = Device::Direction::kWithin;
    bool uploads = false;    // a weight's bytes, to the device
    bool in_host = false;    // between places of the host
    collective::Communicator* communicator = nullptr;  // of a collective; null: it is this rank's alone
    int position = 0;
    int64_t block_bytes = 0;
  };
  struct OperandPlace {
    int pointer;  // index into pointers_
    int64_t offset;
    int command;
  };
  // Commands [begin, end).
  struct Segment {
    int begin = 0;
    int end = 0;
    std::vector<int> side_streams;
    Resource graph;
    bool captured = false;
    bool changed = false;  // an address, since it was executed last
    bool capturable = true;
  };

  Executor(Device& device, const plan::Plan& plan, const plan::Program& program, const ExecutorOptions& options)
      : device_(device), plan_(plan), program_(program), options_(options) {}

  absl::Status ResolveBuffers(const Memory& memory);
  absl::Status PrepareStep(int index, const Memory& memory);
  absl::Status PrepareLaunch(Step& step, const plan::Launch& launch, int operands, const Memory& memory);
  absl::Status PrepareLibraryCall(int index, const Memory& memory);
  absl::Status PrepareHostCall(Step& step);
  absl::Status PrepareCollective(Step& step);
  absl::StatusOr<PreparedOp*> PrepareLibrary(const plan::LibraryOp& op, absl::Span<void* const> operands);
  absl::Status FindPlaces(Step& step);
  absl::Status CreateStreams();
  absl::Status AllocateStaging();
  void CutSegments();

  absl::Status RunRange(int begin, int end, const std::function<void(int)>* after = nullptr);
  absl::Status RunSegment(Segment& segment, const std::function<void(int)>* after);
  absl::Status IssueSegment(const Segment& segment, const std::function<void(int)>* after);
  absl::Status Capture(Segment& segment);
  absl::Status RunStep(const Step& step);
  absl::Status RunLoop(int index);
  absl::Status RunHost(const Step& step);
  absl::Status RunCopy(const Step& step, void* to, const void* from, int64_t bytes, StreamHandle stream);
  absl::Status RunCollective(const Step& step, void* const* operands, StreamHandle stream);
  absl::Status AwaitEvent(EventHandle event);
  absl::Status AwaitRanks(absl::FunctionRef<absl::StatusOr<bool>()> done);
  absl::StatusOr<bool> ReadCondition(int pointer);
  absl::Status Cancelled() const;
  StreamHandle StreamOf(int stream) const { return stream == 0 ? main_ : streams_[stream].get(); }
  void Note(int first, int last);

  // `status` with the command and its node, or the commands that were issued since the last wait, in front.
  absl::Status Annotate(int index, const absl::Status& status) const;
  absl::Status AnnotateIssued(const absl::Status& status) const;
  const char* program_name() const { return &program_ == &plan_.load() ? "load" : "run"; }

  Device& device_;
  const plan::Plan& plan_;
  const plan::Program& program_;
  const ExecutorOptions options_;
  const collective::Groups* groups_ = nullptr;
  bool ranks_ = false;  // commands wait for other ranks
  std::vector<std::byte*> planned_;
  std::vector<std::byte*> addresses_;
  std::vector<bool> written_;
  std::vector<std::vector<OperandPlace>> uses_;  // by buffer
  std::vector<void*> pointers_;                  // operands of all commands, in order
  std::vector<Step> steps_;
  std::vector<HostTensor> host_tensors_;
  std::vector<int64_t> staged_at_;  // offset in staging_ of each of host_tensors_
  std::vector<int64_t> slots_;
  // Equal operations share one: commands run one after the other.
  std::vector<std::pair<std::string, std::unique_ptr<PreparedOp>>> libraries_;
  std::vector<Fallback> fallbacks_;

  std::vector<Segment> segments_;
  std::vector<Resource> streams_;  // by the program's streams
  std::vector<Resource> events_;   // by the program's events; only those that order something
  Resource fork_;
  std::vector<Resource> joins_;  // by stream
  Block staging_;                // pinned: operands of host calls; conditions in front
  std::unique_ptr<Uploader> uploader_;

  // Of the run in progress.
  StreamHandle main_ = nullptr;
  const std::atomic<bool>* cancel_ = nullptr;
  bool ended_ = true;
  int first_issued_ = -1;
  int last_issued_ = -1;
};

}  // namespace plimsoll::runtime
