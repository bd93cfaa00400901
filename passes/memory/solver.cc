#include "passes/memory/solver.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "passes/memory/bound.h"
#include "passes/memory/greedy.h"
#include "passes/memory/instance.h"
#include "passes/memory/limits.h"

namespace plimsoll::memory {
namespace {

constexpr int64_t kDefaultSteps = 20'000'000;

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

// What is known of one part of one arena.
struct Part {
  Instance instance;
  int64_t bound = 0;
  Packing best;
};

void ImproveByOrders(Part& part, int64_t goal, Limits& limits) {
  for (const std::vector<int>& order : GoodOrders(part.instance)) {
    for (Fit fit : {Fit::kLowest, Fit::kBest}) {
      const bool first = part.best.offsets.empty();
      if (!first && (part.best.height <= goal || !limits.Spend(static_cast<int64_t>(order.size())))) return;
      std::optional<Packing> packing =
          PlaceInOrder(part.instance, order, fit, first ? INT64_MAX : part.best.height - 1);
      if (packing.has_value()) part.best = *std::move(packing);
    }
  }
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
      parts.push_back({std::move(instance), bound});
    }
  }
  for (const auto& [arena, bound] : bounds) {
    if (bound > capacity) {
      return absl::ResourceExhaustedError(
          absl::StrCat("infeasible: arena ", arena, " needs at least ", bound, " bytes, capacity ", capacity));
    }
  }
  for (Part& part : parts) {
    int64_t goal = bounds[part.instance.arena];
    if (problem.capacity.has_value() && options.stop_at_capacity) goal = capacity;
    ImproveByOrders(part, goal, limits);
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
