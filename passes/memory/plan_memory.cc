#include "passes/memory/plan_memory.h"

#include <algorithm>

#include "passes/memory/csv_io.h"
#include "passes/memory/solver.h"
#include "passes/memory/validator.h"

namespace plimsoll::passes {
namespace {

// What is never alive, or has no bytes, may lie anywhere.
bool IsPlaced(const MemoryRequest::Buffer& buffer) { return buffer.first < buffer.last && buffer.size_bytes != 0; }

// `numbers` by buffer of the request: its index in the problem, -1 if it is not placed.
memory::Problem ToProblem(const MemoryRequest& request, std::vector<int>& numbers) {
  memory::Problem problem;
  numbers.assign(request.buffers.size(), -1);
  for (size_t i = 0; i < request.buffers.size(); ++i) {
    const MemoryRequest::Buffer& buffer = request.buffers[i];
    if (!IsPlaced(buffer)) continue;
    numbers[i] = static_cast<int>(problem.buffers.size());
    const int64_t unit = request.whole_units ? request.alignment : 1;
    problem.buffers.push_back({.lower = buffer.first,
                               .upper = buffer.last,
                               .size = (buffer.size_bytes + unit - 1) / unit * unit,
                               .alignment = request.alignment});
  }
  for (auto [a, b] : request.may_share) {
    if (numbers[a] >= 0 && numbers[b] >= 0) problem.may_share.push_back({numbers[a], numbers[b]});
  }
  return problem;
}

}  // namespace

std::string MemoryProblemCsv(const MemoryRequest& request, const std::vector<std::string>& ids,
                             const std::vector<std::string>& names) {
  std::vector<int> numbers;
  memory::CsvProblem csv{.problem = ToProblem(request, numbers), .has_alignment = true, .has_may_share = true};
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] < 0) continue;
    csv.ids.push_back(ids[i]);
    csv.names.push_back(names[i]);
  }
  return memory::FormatCsv(csv);
}

absl::StatusOr<MemoryPlan> PlanMemory(const MemoryRequest& request) {
  std::vector<int> numbers;
  const memory::Problem problem = ToProblem(request, numbers);
  MemoryPlan plan;
  plan.offsets.assign(request.buffers.size(), 0);
  // Inside the arena all the same: the size counts there.
  for (const MemoryRequest::Buffer& buffer : request.buffers) {
    if (!IsPlaced(buffer)) plan.size_bytes = std::max(plan.size_bytes, buffer.size_bytes);
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
