#include "passes/memory/validator.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"

namespace plimsoll::memory {
namespace {

absl::Status Broken(absl::string_view rule, absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat("[", rule, "] ", what));
}

// Buffers that are alive now in one arena, grouped by offset: buffers in a group share their place.
using Alive = std::map<int64_t, std::set<int>>;

class Checker {
 public:
  Checker(const Problem& problem, const Solution& solution) : problem_(problem), solution_(solution) {
    for (const auto& [a, b] : problem.may_share) pairs_.insert({std::min(a, b), std::max(a, b)});
  }

  absl::Status Offsets() const {
    if (solution_.offsets.size() != problem_.buffers.size()) {
      return Broken("M1", absl::StrCat(solution_.offsets.size(), " offsets for ", problem_.buffers.size(), " buffers"));
    }
    for (size_t i = 0; i < problem_.buffers.size(); ++i) {
      const Buffer& buffer = problem_.buffers[i];
      const int64_t offset = solution_.offsets[i];
      if (offset < 0 || offset % buffer.alignment != 0) {
        return Broken("M1", absl::StrCat("buffer ", i, " at offset ", offset, ", alignment ", buffer.alignment));
      }
      if (offset > INT64_MAX - buffer.size) return Broken("M1", absl::StrCat("buffer ", i, " ends beyond 2^63"));
      if (buffer.fixed_offset.has_value() && *buffer.fixed_offset != offset) {
        return Broken("M2", absl::StrCat("buffer ", i, " at offset ", offset, ", fixed at ", *buffer.fixed_offset));
      }
    }
    return absl::OkStatus();
  }

  // Sweeps over time; what ends at an instant leaves before what begins at it enters.
  absl::Status Overlaps() const {
    std::vector<std::tuple<int64_t, bool, int>> events;  // (time, begins, buffer)
    events.reserve(2 * problem_.buffers.size());
    for (size_t i = 0; i < problem_.buffers.size(); ++i) {
      if (problem_.buffers[i].size == 0) continue;
      events.push_back({problem_.buffers[i].lower, true, static_cast<int>(i)});
      events.push_back({problem_.buffers[i].upper, false, static_cast<int>(i)});
    }
    std::sort(events.begin(), events.end());
    std::map<int, Alive> arenas;
    for (const auto& [time, begins, i] : events) {
      Alive& alive = arenas[problem_.buffers[i].arena];
      const int64_t offset = solution_.offsets[i];
      if (!begins) {
        auto group = alive.find(offset);
        group->second.erase(i);
        if (group->second.empty()) alive.erase(group);
        continue;
      }
      auto next = alive.lower_bound(offset);
      if (next != alive.begin()) {
        for (int other : std::prev(next)->second) {
          if (End(other) > offset) return Overlap(other, i, time);
        }
      }
      for (; next != alive.end() && next->first < End(i); ++next) {
        for (int other : next->second) {
          const bool in_place = next->first == offset && pairs_.count({std::min(i, other), std::max(i, other)}) > 0;
          if (!in_place) return Overlap(other, i, time);
        }
      }
      alive[offset].insert(i);
    }
    return absl::OkStatus();
  }

  absl::Status Forbidden() const {
    for (size_t r = 0; r < problem_.forbidden.size(); ++r) {
      const Region& region = problem_.forbidden[r];
      for (size_t i = 0; i < problem_.buffers.size(); ++i) {
        const Buffer& buffer = problem_.buffers[i];
        if (buffer.arena != region.arena || buffer.size == 0) continue;
        if (buffer.lower >= region.upper || region.lower >= buffer.upper) continue;
        if (solution_.offsets[i] < region.end && region.begin < End(i)) {
          return Broken("M4", absl::StrCat("buffer ", i, " at [", solution_.offsets[i], ", ", End(i),
                                           ") touches forbidden region ", r));
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status Sizes() const {
    std::map<int, int64_t> sizes;
    for (size_t i = 0; i < problem_.buffers.size(); ++i) {
      int64_t& size = sizes[problem_.buffers[i].arena];
      size = std::max(size, End(i));
    }
    int64_t sum = 0;
    for (const auto& [arena, size] : sizes) {
      const size_t index = static_cast<size_t>(arena);
      if (index >= solution_.arena_sizes.size() || solution_.arena_sizes[index] != size) {
        return Broken("M5", absl::StrCat("arena ", arena, " reaches to ", size, ", which is not the size stated"));
      }
      if (problem_.capacity.has_value() && size > *problem_.capacity) {
        return Broken("M5", absl::StrCat("arena ", arena, " has ", size, " bytes, capacity ", *problem_.capacity));
      }
      if (size > INT64_MAX - sum) return Broken("M5", "the arenas together exceed 2^63 bytes");
      sum += size;
    }
    if (solution_.arena_size != sum) {
      return Broken("M5", absl::StrCat("the arenas have ", sum, " bytes, stated as ", solution_.arena_size));
    }
    if (solution_.lower_bound > sum) {
      return Broken("M6", absl::StrCat("bound ", solution_.lower_bound, " above the size ", sum));
    }
    if (solution_.proven_optimal && solution_.lower_bound != sum) {
      return Broken("M6", absl::StrCat("called optimal with bound ", solution_.lower_bound, " and size ", sum));
    }
    return absl::OkStatus();
  }

 private:
  int64_t End(size_t i) const { return solution_.offsets[i] + problem_.buffers[i].size; }

  absl::Status Overlap(int a, int b, int64_t time) const {
    return Broken("M3", absl::StrCat("buffers ", a, " at [", solution_.offsets[a], ", ", End(a), ") and ", b, " at [",
                                     solution_.offsets[b], ", ", End(b), ") overlap at time ", time));
  }

  const Problem& problem_;
  const Solution& solution_;
  std::set<std::pair<int, int>> pairs_;
};

}  // namespace

absl::Status Validate(const Problem& problem, const Solution& solution) {
  if (absl::Status status = CheckProblem(problem); !status.ok()) return status;
  const Checker checker(problem, solution);
  if (absl::Status status = checker.Offsets(); !status.ok()) return status;
  if (absl::Status status = checker.Overlaps(); !status.ok()) return status;
  if (absl::Status status = checker.Forbidden(); !status.ok()) return status;
  return checker.Sizes();
}

}  // namespace plimsoll::memory
