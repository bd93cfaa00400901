// [P6] The buffers' own references, types and intervals; the shape slots.
#include "ir/plan/types.h"
#include "ir/plan/validator/checks.h"

namespace plimsoll::plan::validator {

int64_t CheckType(const std::string& where, const TensorType& type, const Program& program, Report& report) {
  const absl::StatusOr<int64_t> bytes = ByteSize(type);
  if (!bytes.ok()) {
    report.Add(6, where, ": ", bytes.status().message());
    return -1;
  }
  if (type.slots_size() != 0 && type.slots_size() != type.dims_size()) {
    report.Add(6, where, ": ", type.slots_size(), " shape slots for ", type.dims_size(), " dimensions");
    return -1;
  }
  for (int i = 0; i < type.slots_size(); ++i) {
    const int slot = type.slots(i);
    if (slot < 0 || slot > program.shape_slots_size()) {
      report.Add(6, where, ": shape slot ", slot, " of ", program.shape_slots_size());
      return -1;
    }
    if (slot > 0 && program.shape_slots(slot - 1).upper_bound() > type.dims(i)) {
      report.Add(6, where, ": dimension ", i, " is at most ", type.dims(i), ", but its shape slot goes up to ",
                 program.shape_slots(slot - 1).upper_bound());
      return -1;
    }
  }
  return *bytes;
}

void CheckBuffers(const ProgramView& view, Report& report) {
  const Program& program = view.program;
  if (program.streams() < 0 || program.streams() > 16) {
    report.Add(6, view.name, ": ", program.streams(), " streams; 0 to 16 are known");
  }
  if (program.events() < 0 || program.events() > 65536) {
    report.Add(6, view.name, ": ", program.events(), " events; 0 to 65536 are known");
  }
  for (const ShapeSlot& slot : program.shape_slots()) {
    if (slot.upper_bound() < 0) {
      report.Add(6, view.name, ": shape slot ", Quote(slot.name()), ": upper bound ", slot.upper_bound());
    }
  }
  for (int i = 0; i < program.buffers_size() && !report.full(); ++i) {
    const Buffer& buffer = program.buffers(i);
    const std::string where = view.Buffer(i);
    if (buffer.size_bytes() < 0) report.Add(6, where, ": ", buffer.size_bytes(), " bytes");
    if (buffer.first() < 0 || buffer.first() > buffer.last() || buffer.last() > view.count) {
      report.Add(6, where, ": interval [", buffer.first(), ", ", buffer.last(), ") is not one of ", view.count,
                 " commands");
    }
    if (!MemoryClass_IsValid(buffer.memory_class())) {
      report.Add(6, where, ": unknown memory class ", static_cast<int>(buffer.memory_class()));
    }
    const int64_t alignment = buffer.alignment();
    if (alignment < 1 || alignment > (1 << 30) || (alignment & (alignment - 1)) != 0) {
      report.Add(6, where, ": alignment ", alignment, " is not a power of two from 1 to 2^30");
    }
    if (buffer.has_type() && buffer.type().dtype() != DATA_TYPE_UNDEFINED) {
      const int64_t bytes = CheckType(where, buffer.type(), program, report);
      if (bytes > buffer.size_bytes()) {
        report.Add(6, where, ": ", ToString(buffer.type()), " takes ", bytes, " bytes, it has ", buffer.size_bytes());
      }
    }
    if (buffer.has_in_place_of() &&
        (buffer.in_place_of() < 0 || buffer.in_place_of() >= program.buffers_size() || buffer.in_place_of() == i)) {
      report.Add(6, where, ": in place of buffer ", buffer.in_place_of(), " of ", program.buffers_size());
    }
    if (buffer.has_weight()) {
      if (!view.is_load && view.plan.target().kind() == Target::CUDA) {
        report.Add(6, where, ": a weight in the host's memory, which only load of a CUDA plan reads");
      }
      if (buffer.weight() < 0 || buffer.weight() >= view.plan.weights_size()) {
        report.Add(6, where, ": weight ", buffer.weight(), " of ", view.plan.weights_size());
      } else if (buffer.size_bytes() != view.plan.weights(buffer.weight()).length()) {
        report.Add(6, where, ": ", buffer.size_bytes(), " bytes, its weight has ",
                   view.plan.weights(buffer.weight()).length());
      }
      continue;
    }
    if (buffer.arena() < 0 || buffer.arena() >= view.plan.arenas_size()) {
      report.Add(6, where, ": arena ", buffer.arena(), " of ", view.plan.arenas_size());
      continue;
    }
    const Arena::Scope scope = view.plan.arenas(buffer.arena()).scope();
    if (scope == (view.is_load ? Arena::SESSION : Arena::LOAD)) {
      report.Add(6, where, ": lies in a ", Arena::Scope_Name(scope), " arena, which ", view.name, " does not have");
    }
  }
}

}  // namespace plimsoll::plan::validator
