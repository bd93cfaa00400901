// Addresses: the intervals of the buffers become an allocation problem for each arena.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/emit/emission.h"
#include "ir/plan/certificate.h"
#include "passes/memory/plan_memory.h"

namespace plimsoll::compiler {

// Alive for ever, so that nothing is to be found out: one after another.
absl::Status Emission::PlaceParameters() {
  plan::Plan& plan = emitted_.contents.plan;
  const int64_t alignment = BufferAlignment(request_.target);
  int64_t size = 0;
  int arena = -1;
  auto place = [&](int load_buffer, int run_buffer) {
    if (arena < 0) {
      arena = plan.arenas_size();
      plan.add_arenas()->set_scope(plan::Arena::PARAMETERS);
    }
    plan::Buffer& from = load_.builder.buffer(load_buffer);
    plan::Buffer& to = run_.builder.buffer(run_buffer);
    for (plan::Buffer* buffer : {&from, &to}) {
      buffer->set_arena(arena);
      buffer->set_offset(size);
    }
    to.set_first(0);
    to.set_last(run_.builder.commands());
    load_arena_[load_buffer] = run_arena_[run_buffer] = arena;
    size += (from.size_bytes() + alignment - 1) / alignment * alignment;
  };
  load_arena_.assign(load_.builder.buffers(), -1);
  run_arena_.assign(run_.builder.buffers(), -1);
  for (int i = 0; i < storages_.size(); ++i) {
    if (!parameter_[i]) continue;
    if (load_.buffers[i] < 0) return absl::InternalError("a parameter that load does not compute");
    place(load_.buffers[i], run_.buffers[i]);
  }
  for (const Packed& packed : packed_) place(packed.load_buffer, packed.run_buffer);
  if (arena < 0) return absl::OkStatus();
  plan.mutable_arenas(arena)->set_size_bytes(size);
  plan.mutable_arenas(arena)->set_alignment(alignment);
  return absl::OkStatus();
}

absl::StatusOr<bool> Emission::PlaceArena(ProgramBuilder& builder, int arena, plan::Arena::Scope scope) {
  const std::vector<int>& arenas = &builder == &run_.builder ? run_arena_ : load_arena_;
  passes::MemoryRequest request;
  request.max_steps = request_.max_steps;
  request.alignment = BufferAlignment(request_.target);
  request.whole_units = is_cuda();
  std::vector<int> buffers;
  std::vector<int> numbers(builder.buffers(), -1);   // in the request
  for (int i = 0; i < builder.buffers(); ++i) {
    const plan::Buffer& buffer = builder.buffer(i);
    if (buffer.has_weight() || arenas[i] >= 0) continue;
    numbers[i] = static_cast<int>(buffers.size());
    buffers.push_back(i);
    request.buffers.push_back({buffer.first(), buffer.last(), buffer.size_bytes()});
    // A program without commands, and a buffer that nothing touches.
    if (builder.commands() == 0) request.buffers.back().last = 1;
  }
  if (buffers.empty()) return true;
  for (const ProgramBuilder::InPlaceCandidate& pair : builder.in_place()) {
    if (numbers[pair.from] >= 0 && numbers[pair.to] >= 0) {
      request.may_share.push_back({numbers[pair.from], numbers[pair.to]});
    }
  }
  if (request_.keep_problem && scope == plan::Arena::SESSION) {
    std::vector<std::string> ids, names;
    for (int buffer : buffers) {
      ids.push_back(absl::StrCat(buffer));
      names.push_back(builder.buffer(buffer).name());
    }
    emitted_.problem = passes::MemoryProblemCsv(request, ids, names);
  }
  absl::StatusOr<passes::MemoryPlan> solution = passes::PlanMemory(request);
  if (!solution.ok()) return solution.status();
  for (size_t i = 0; i < buffers.size(); ++i) {
    plan::Buffer& buffer = builder.buffer(buffers[i]);
    buffer.set_arena(arena);
    buffer.set_offset(solution->offsets[i]);
  }
  for (const ProgramBuilder::InPlaceCandidate& pair : builder.in_place()) {
    if (numbers[pair.from] < 0 || numbers[pair.to] < 0) continue;
    if (builder.buffer(pair.from).offset() == builder.buffer(pair.to).offset()) {
      builder.buffer(pair.to).set_in_place_of(pair.from);
    }
  }
  plan::Arena& added = *emitted_.contents.plan.add_arenas();
  added.set_scope(scope);
  added.set_size_bytes(solution->size_bytes);
  added.set_alignment(request.alignment);
  return solution->proven_optimal;
}

absl::StatusOr<Emitted> Emission::Finish() {
  plan::Plan& plan = emitted_.contents.plan;
  run_.builder.ComputeIntervals();
  load_.builder.ComputeIntervals();
  if (absl::Status status = PlaceParameters(); !status.ok()) return status;
  absl::StatusOr<bool> session = PlaceArena(run_.builder, plan.arenas_size(), plan::Arena::SESSION);
  if (!session.ok()) return session.status();
  absl::StatusOr<bool> load = PlaceArena(load_.builder, plan.arenas_size(), plan::Arena::LOAD);
  if (!load.ok()) return load.status();
  *plan.mutable_target() = request_.target;
  *plan.mutable_run() = std::move(run_.builder.program());
  *plan.mutable_load() = std::move(load_.builder.program());
  *plan.mutable_certificate() = plan::ComputeCertificate(plan);
  plan.mutable_certificate()->set_session_proven_optimal(
      *session && (is_cuda() || plan.certificate().session_arena_bytes() == plan.certificate().session_lower_bound_bytes()));
  emitted_.session_proven_optimal = plan.certificate().session_proven_optimal();
  emitted_.keep_alive = weights_.keep_alive();
  return std::move(emitted_);
}

}  // namespace plimsoll::compiler
