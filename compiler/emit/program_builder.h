// One program of a plan in the making: buffers without addresses, and commands in order.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "ir/plan/plan.pb.h"

namespace plimsoll::compiler {

// Where the bytes of a storage lie, as a command sees them.
struct Slice {
  int buffer = -1;
  int64_t offset = 0;
  int64_t length = 0;
};

class ProgramBuilder {
 public:
  // `alignment`: of buffers, in bytes.
  explicit ProgramBuilder(int64_t alignment) : alignment_(alignment) {}

  // Appends a buffer; its interval follows from the commands that touch it. `alignment`: 0 stands for the builder's.
  int AddBuffer(const std::string& name, int64_t bytes, plan::MemoryClass memory_class, int64_t alignment = 0);
  plan::Buffer& buffer(int index) { return *program_.mutable_buffers(index); }
  int buffers() const { return program_.buffers_size(); }

  // Appends a command; returns its index. The reference is good until the next one is added.
  plan::Command& AddCommand(const std::string& node, double flops = 0);
  plan::Command& command(int index) { return *program_.mutable_commands(index); }
  int commands() const { return program_.commands_size(); }
  static void AddOperand(plan::Command& command, const Slice& slice, plan::Operand::Access access);
  void AddCopy(const std::string& node, const Slice& from, const Slice& to);

  // The command may write `to` where `from` is, element by element: both are whole buffers.
  void AllowInPlace(int from, int to);
  // Alive from the first command, or to the last.
  void KeepFromStart(int buffer) { from_start_.push_back(buffer); }
  void KeepToEnd(int buffer) { to_end_.push_back(buffer); }
  // Two buffers that may share their bytes if they are placed alike, as far as the intervals allow it.
  struct InPlaceCandidate {
    int command;
    int from;
    int to;
  };

  // Sets every buffer's interval, and leaves those candidates that the intervals permit.
  void ComputeIntervals();
  const std::vector<InPlaceCandidate>& in_place() const { return in_place_; }

  plan::Program& program() { return program_; }

 private:
  void SpanLoops();

  const int64_t alignment_;
  plan::Program program_;
  std::vector<InPlaceCandidate> in_place_;
  std::vector<int> from_start_, to_end_;
};

}  // namespace plimsoll::compiler
