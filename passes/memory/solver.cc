#include "passes/memory/solver.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "passes/memory/bound.h"
#include "passes/memory/improve.h"
#include "passes/memory/instance.h"
#include "passes/memory/limits.h"

namespace plimsoll::memory {
namespace {

// Limits where the caller sets none: of all steps, and of search in each part, to minimize or to reach a capacity.
constexpr int64_t kDefaultSteps = 50'000'000;
constexpr int64_t kMinimizeSteps = 500'000;
constexpr int64_t kCapacitySteps = 10'000'000;

// Two items whose fixed places contradict each other: buffers that overlap and may not share, or a buffer in a region.
std::optional<std::pair<int, int>> FixedConflict(const Instance& instance) {
  std::vector<int> fixed;
  for (int i = 0; i < static_cast<int>(instance.items.size()); ++i) {
    if (instance.items[i].is_fixed()) fixed.push_back(i);
  }
  std::sort(fixed.begin(), fixed.end(), [&](int a, int b) {
    return std::pair(instance.items[a].fixed, a) < std::pair(instance.items[b].fixed, b);
  });
  for (size_t i = 0; i < fixed.size(); ++i) {
    const Item& a = instance.items[fixed[i]];
    for (size_t j = i + 1; j < fixed.size(); ++j) {
      const Item& b = instance.items[fixed[j]];
      if (b.fixed >= a.fixed + a.size) break;
      if (a.begin >= b.end || b.begin >= a.end || (a.is_region() && b.is_region())) continue;
      if (a.fixed != b.fixed || !instance.MayShare(fixed[i], fixed[j])) return std::pair(fixed[i], fixed[j]);
    }
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<Solution> Solve(const Problem& problem, const Options& options) {
  if (absl::Status status = CheckProblem(problem); !status.ok()) return status;
  if (options.max_steps.value_or(0) < 0 || !(options.seconds.value_or(0) >= 0)) {
    return absl::InvalidArgumentError("a limit of steps or seconds is negative");
  }
  Limits limits(options, kDefaultSteps);
  const int64_t capacity = problem.capacity.value_or(INT64_MAX);
  Solution solution;
  solution.offsets.assign(problem.buffers.size(), 0);
  std::map<int, int64_t> bounds, sizes;
  for (size_t i = 0; i < problem.buffers.size(); ++i) {  // Those without bytes count too, if they are fixed.
    const int64_t end = problem.buffers[i].fixed_offset.value_or(0) + problem.buffers[i].size;
    solution.offsets[i] = problem.buffers[i].fixed_offset.value_or(0);
    bounds[problem.buffers[i].arena] = std::max(bounds[problem.buffers[i].arena], end);
  }
  std::vector<Part> parts;
  for (const Instance& arena : BuildInstances(problem)) {
    if (const auto conflict = FixedConflict(arena)) {
      const auto name = [&](int i) {
        const int buffer = arena.items[i].buffer;
        return buffer < 0 ? std::string("a forbidden region") : absl::StrCat("buffer ", buffer);
      };
      return absl::ResourceExhaustedError(absl::StrCat("infeasible: ", name(conflict->first), " and ",
                                                       name(conflict->second), " are fixed and overlap"));
    }
    for (Instance& instance : SplitByTime(arena)) {
      const int64_t bound = LowerBound(instance);
      bounds[instance.arena] = std::max(bounds[instance.arena], bound);
      parts.push_back({std::move(instance), bound, {}});
    }
  }
  for (const auto& [arena, bound] : bounds) {
    if (bound > capacity) {
      return absl::ResourceExhaustedError(
          absl::StrCat("infeasible: arena ", arena, " needs at least ", bound, " bytes, capacity ", capacity));
    }
  }
  const bool only_goal = problem.capacity.has_value() && options.stop_at_capacity;
  const bool unlimited = options.max_steps.has_value() || options.seconds.has_value();
  const int64_t search_steps = unlimited ? INT64_MAX : only_goal ? kCapacitySteps : kMinimizeSteps;
  std::map<int, int64_t> heights;  // By arena, of the parts that are done.
  for (Part& part : parts) PlaceFirst(part);
  // The part that most needs it first; a part need not be lower than one that is at its bound.
  std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) {
    return std::pair(a.best.height, a.instance.items.size()) > std::pair(b.best.height, b.instance.items.size());
  });
  for (Part& part : parts) {
    int64_t& bound = bounds[part.instance.arena];
    int64_t& reached = heights[part.instance.arena];
    Improve(part, only_goal ? capacity : std::max(bound, reached), only_goal, search_steps, limits);
    reached = std::max(reached, part.best.height);
    bound = std::max(bound, part.bound);
    if (bound > capacity) {
      return absl::ResourceExhaustedError(absl::StrCat("infeasible: arena ", part.instance.arena, " needs at least ",
                                                       bound, " bytes, capacity ", capacity));
    }
    for (size_t i = 0; i < part.instance.items.size(); ++i) {
      if (!part.instance.items[i].is_region()) solution.offsets[part.instance.items[i].buffer] = part.best.offsets[i];
    }
  }
  for (size_t i = 0; i < problem.buffers.size(); ++i) {
    int64_t& size = sizes[problem.buffers[i].arena];
    size = std::max(size, solution.offsets[i] + problem.buffers[i].size);
  }
  for (const auto& [arena, size] : sizes) {
    if (size > capacity) {
      return absl::DeadlineExceededError(absl::StrCat("limit reached after ", limits.used(), " steps: arena ", arena,
                                                      " has ", size, " bytes at best, at least ", bounds[arena],
                                                      " are needed, capacity ", capacity));
    }
    solution.arena_sizes.resize(arena + 1, 0);
    solution.arena_sizes[arena] = size;
    solution.arena_size += size;
    solution.lower_bound += bounds[arena];
  }
  solution.proven_optimal = solution.arena_size == solution.lower_bound;
  solution.steps = limits.used();
  return solution;
}

}  // namespace plimsoll::memory
