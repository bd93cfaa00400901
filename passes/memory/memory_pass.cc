#include "passes/memory/memory_pass.h"

#include "passes/memory/solver.h"
#include "passes/memory/validator.h"

namespace plimsoll::passes {

absl::StatusOr<MemoryPlan> PlanMemory(const MemoryRequest& request) {
  memory::Problem problem;
  std::vector<int> numbers(request.buffers.size(), -1);  // in the problem
  MemoryPlan plan;
  plan.offsets.assign(request.buffers.size(), 0);
  for (size_t i = 0; i < request.buffers.size(); ++i) {
    const MemoryRequest::Buffer& buffer = request.buffers[i];
    // What is never alive, or has no bytes, may lie anywhere.
    if (buffer.first >= buffer.last || buffer.size_bytes == 0) {
      // Inside the arena all the same: its size counts there.
      plan.size_bytes = std::max(plan.size_bytes, buffer.size_bytes);
      continue;
    }
    numbers[i] = static_cast<int>(problem.buffers.size());
    memory::Buffer item;
    item.lower = buffer.first;
    item.upper = buffer.last;
    item.size = buffer.size_bytes;
    item.alignment = request.alignment;
    problem.buffers.push_back(item);
  }
  for (auto [a, b] : request.may_share) {
    if (numbers[a] >= 0 && numbers[b] >= 0) problem.may_share.push_back({numbers[a], numbers[b]});
  }
  plan.proven_optimal = true;
  if (problem.buffers.empty()) return plan;
  memory::Options options;
  if (request.max_steps > 0) options.max_steps = request.max_steps;
  absl::StatusOr<memory::Solution> solution = memory::Solve(problem, options);
  if (!solution.ok()) return solution.status();
  if (absl::Status status = memory::Validate(problem, *solution); !status.ok()) {
    return absl::InternalError(std::string(status.message()));
  }
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] >= 0) plan.offsets[i] = solution->offsets[numbers[i]];
  }
  plan.size_bytes = std::max(plan.size_bytes, solution->arena_size);
  plan.proven_optimal = solution->proven_optimal;
  return plan;
}

}  // namespace plimsoll::passes
