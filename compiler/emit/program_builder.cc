#include "compiler/emit/program_builder.h"

#include <algorithm>
#include <utility>

namespace plimsoll::compiler {

int ProgramBuilder::AddBuffer(const std::string& name, int64_t bytes, plan::MemoryClass memory_class,
                              int64_t alignment) {
  plan::Buffer& buffer = *program_.add_buffers();
  buffer.set_name(name);
  buffer.set_size_bytes(bytes);
  buffer.set_alignment(alignment > 0 ? alignment : alignment_);
  buffer.set_memory_class(memory_class);
  return buffers() - 1;
}

plan::Command& ProgramBuilder::AddCommand(const std::string& node, double flops) {
  plan::Command& command = *program_.add_commands();
  command.set_node(node);
  command.set_flops(flops);
  return command;
}

void ProgramBuilder::AddOperand(plan::Command& command, const Slice& slice, plan::Operand::Access access) {
  plan::Operand& operand = *command.add_operands();
  operand.set_buffer(slice.buffer);
  operand.set_offset(slice.offset);
  operand.set_length(slice.length);
  operand.set_access(access);
}

void ProgramBuilder::AddCopy(const std::string& node, const Slice& from, const Slice& to) {
  if (from.length == 0) return;
  plan::Command& command = AddCommand(node);
  command.mutable_copy();
  AddOperand(command, from, plan::Operand::READ);
  AddOperand(command, to, plan::Operand::WRITE);
}

void ProgramBuilder::AllowInPlace(int from, int to) { in_place_.push_back({commands() - 1, from, to}); }

void ProgramBuilder::ComputeIntervals() {
  const int count = commands();
  std::vector<int> first(buffers(), count), last(buffers(), 0);
  for (int c = 0; c < count; ++c) {
    for (const plan::Operand& operand : program_.commands(c).operands()) {
      first[operand.buffer()] = std::min(first[operand.buffer()], c);
      last[operand.buffer()] = std::max(last[operand.buffer()], c + 1);
    }
  }
  for (int buffer : from_start_) {
    first[buffer] = 0;
    last[buffer] = std::max(last[buffer], std::min(1, count));
  }
  for (int buffer : to_end_) {
    first[buffer] = std::min(first[buffer], std::max(0, count - 1));
    last[buffer] = count;
  }
  for (int i = 0; i < buffers(); ++i) {
    buffer(i).set_first(std::min(first[i], last[i]));
    buffer(i).set_last(last[i]);
  }
  SpanLoops();
  std::vector<int> enclosing_loop(count, -1);
  for (int c = 0; c < count; ++c) {
    if (!program_.commands(c).has_loop()) continue;
    const int end = c + 1 + program_.commands(c).loop().body_commands();
    for (int i = c + 1; i < end; ++i) enclosing_loop[i] = c;
  }
  in_place_.erase(std::remove_if(in_place_.begin(), in_place_.end(),
                                 [&](const InPlaceCandidate& pair) {
                                   const plan::Buffer& from = buffer(pair.from);
                                   const plan::Buffer& to = buffer(pair.to);
                                   return from.last() != pair.command + 1 || to.first() != pair.command ||
                                          from.has_weight() || to.has_weight() || from.size_bytes() == 0 ||
                                          from.size_bytes() != to.size_bytes() ||
                                          from.first() <= enclosing_loop[pair.command];
                                 }),
                  in_place_.end());
  // One for each buffer in either role: then those that share a place follow one another in time, and the bound on the
  // arena stays sharp. Of several the one that lives longest: it lies where others do not want to.
  std::stable_sort(in_place_.begin(), in_place_.end(), [&](const InPlaceCandidate& a, const InPlaceCandidate& b) {
    return std::make_pair(a.command, buffer(a.from).first()) < std::make_pair(b.command, buffer(b.from).first());
  });
  std::vector<bool> given(buffers(), false), taken(buffers(), false);
  in_place_.erase(std::remove_if(in_place_.begin(), in_place_.end(),
                                 [&](const InPlaceCandidate& pair) {
                                   if (taken[pair.from] || given[pair.to]) return true;
                                   taken[pair.from] = given[pair.to] = true;
                                   return false;
                                 }),
                  in_place_.end());
}

// What is touched in a loop's body and outside of it is alive through the whole loop.
void ProgramBuilder::SpanLoops() {
  // Innermost first: pre-order from the end.
  for (int c = commands() - 1; c >= 0; --c) {
    if (!program_.commands(c).has_loop()) continue;
    const int end = c + 1 + program_.commands(c).loop().body_commands();
    for (plan::Buffer& buffer : *program_.mutable_buffers()) {
      if (buffer.first() >= buffer.last()) continue;
      const bool inside = buffer.first() > c && buffer.last() <= end;
      const bool apart = buffer.last() <= c || buffer.first() >= end;
      if (inside || apart) continue;
      buffer.set_first(std::min(buffer.first(), c));
      buffer.set_last(std::max(buffer.last(), end));
    }
  }
}

}  // namespace plimsoll::compiler
