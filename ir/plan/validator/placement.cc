// [P1] Every buffer lies inside its arena, aligned. [P2] Lifetimes: buffers are touched while they are alive only, and
// a buffer that outlives an iteration of a loop is alive through the whole loop.
#include "ir/plan/artefact.h"
#include "ir/plan/validator/checks.h"

namespace plimsoll::plan::validator {
namespace {

constexpr int64_t kPageBytes = 4096;

// Walks the loops that `command` is or is in, and says whether the buffer lives in each of them in one of the two ways:
// within one iteration, or through all of them.
bool FitsLoops(const ProgramView& view, const Buffer& buffer, int command, int& offending) {
  for (int loop = view.IsLoop(command) ? command : view.EnclosingLoop(command); loop >= 0;
       loop = view.EnclosingLoop(loop)) {
    const bool inside = buffer.first() > loop && buffer.last() <= view.end[loop];
    const bool around = buffer.first() <= loop && buffer.last() >= view.end[loop];
    if (inside || around) continue;
    offending = loop;
    return false;
  }
  return true;
}

void CheckParameters(const ProgramView& view, int index, Report& report) {
  const Buffer& buffer = view.program.buffers(index);
  if (view.is_load && buffer.last() != view.count) {
    report.Add(2, view.Buffer(index), ": lies in a PARAMETERS arena but ends at command ", buffer.last(), " of ",
               view.count, "; what load leaves to run lives to its end");
  } else if (!view.is_load && (buffer.first() != 0 || buffer.last() != view.count)) {
    report.Add(2, view.Buffer(index), ": lies in a PARAMETERS arena but is alive in [", buffer.first(), ", ",
               buffer.last(), ") only; in run it is there from 0 to ", view.count);
  }
}

}  // namespace

void CheckPlacement(const ProgramView& view, Report& report) {
  for (int i = 0; i < view.program.buffers_size() && !report.full(); ++i) {
    const Buffer& buffer = view.program.buffers(i);
    if (buffer.has_weight()) {
      const Weight& weight = view.plan.weights(buffer.weight());
      // Where the bytes that offsets count from lie: a member, or the mapping of a file.
      const int64_t base = weight.file().empty() ? kMemberAlignment : kPageBytes;
      if (weight.offset() % buffer.alignment() != 0 || buffer.alignment() > base) {
        report.Add(1, view.Buffer(i), ": must be aligned to ", buffer.alignment(), ", but its weight lies at offset ",
                   weight.offset(), " of bytes aligned to ", base);
      }
      continue;
    }
    const Arena& arena = view.plan.arenas(buffer.arena());
    if (buffer.offset() < 0 || buffer.offset() > arena.size_bytes() ||
        buffer.size_bytes() > arena.size_bytes() - buffer.offset()) {
      report.Add(1, view.Buffer(i), ": bytes ", buffer.offset(), " + ", buffer.size_bytes(), " of arena ",
                 buffer.arena(), ", which has ", arena.size_bytes());
    }
    if (buffer.offset() % buffer.alignment() != 0 || buffer.alignment() > arena.alignment()) {
      report.Add(1, view.Buffer(i), ": must be aligned to ", buffer.alignment(), ", but lies at offset ",
                 buffer.offset(), " of an arena aligned to ", arena.alignment());
    }
  }
}

void CheckLifetimes(const ProgramView& view, Report& report) {
  for (int i = 0; i < view.program.buffers_size() && !report.full(); ++i) {
    const Buffer& buffer = view.program.buffers(i);
    if (!buffer.has_weight() && view.plan.arenas(buffer.arena()).scope() == Arena::PARAMETERS) {
      CheckParameters(view, i, report);
    }
    if (buffer.first() == buffer.last()) continue;
    int loop = -1;
    if (!FitsLoops(view, buffer, buffer.first(), loop) || !FitsLoops(view, buffer, buffer.last() - 1, loop)) {
      report.Add(2, view.Buffer(i), ": alive in [", buffer.first(), ", ", buffer.last(), "), which cuts the loop [",
                 loop, ", ", view.end[loop], "); it must lie in the body or span the whole loop");
    }
  }
  for (int c = 0; c < view.count && !report.full(); ++c) {
    for (const Operand& operand : view.program.commands(c).operands()) {
      const Buffer& buffer = view.program.buffers(operand.buffer());
      if (operand.length() > 0 && (c < buffer.first() || c >= buffer.last())) {
        report.Add(2, view.Command(c), ": touches ", view.Buffer(operand.buffer()), ", which is alive in [",
                   buffer.first(), ", ", buffer.last(), ") only");
      }
    }
  }
}

}  // namespace plimsoll::plan::validator
