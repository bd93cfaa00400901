#include "passes/memory/page.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "passes/page/page.h"

namespace plimsoll::memory {
namespace {

constexpr double kLeft = 130, kRight = 1060, kTop = 14, kBottom = 470;
constexpr size_t kMostBoxes = 5000;   // The largest by area; the rest would hardly be seen.
constexpr size_t kMostPoints = 4000;  // Of the load.
constexpr const char* kColors[] = {"#4a90d9", "#50b38e", "#e6a23c", "#a77bca", "#5bb8c9",
                                   "#d9736a", "#8fae4b", "#c98bb0", "#7a8fb8", "#b59a6a"};

// From time and bytes to the picture.
struct Scale {
  double begin, end, top;
  double X(int64_t time) const { return kLeft + (kRight - kLeft) * (double(time) - begin) / (end - begin); }
  double Y(int64_t bytes) const { return kBottom - (kBottom - kTop) * double(bytes) / top; }
};

// The change of the bytes alive at each moment; what an in-place pair shares counts once.
std::map<int64_t, int64_t> Changes(const Problem& problem, const Solution& solution, int arena) {
  std::map<int64_t, int64_t> changes;
  for (const Buffer& buffer : problem.buffers) {
    if (buffer.arena != arena) continue;
    changes[buffer.lower] += buffer.size;
    changes[buffer.upper] -= buffer.size;
  }
  for (auto [a, b] : problem.may_share) {
    const Buffer &one = problem.buffers[a], &other = problem.buffers[b];
    const int64_t begin = std::max(one.lower, other.lower), end = std::min(one.upper, other.upper);
    const int64_t bytes = std::min(solution.offsets[a] + one.size, solution.offsets[b] + other.size) -
                          std::max(solution.offsets[a], solution.offsets[b]);
    if (one.arena != arena || other.arena != arena || begin >= end || bytes <= 0) continue;
    changes[begin] -= bytes;
    changes[end] += bytes;
  }
  return changes;
}

// The bytes alive, as the points of a polyline; of more changes than can be seen, the highest of each group.
std::string LoadLine(const std::map<int64_t, int64_t>& changes, const Scale& scale) {
  const size_t group = changes.size() / kMostPoints + 1;
  std::string points;
  int64_t load = 0, before = 0, highest = 0;
  size_t count = 0;
  for (const auto& [time, change] : changes) {
    load += change;
    highest = std::max(highest, load);
    if (++count % group != 0 && count != changes.size()) continue;
    absl::StrAppendFormat(&points, "%.1f,%.2f %.1f,%.2f ", scale.X(time), scale.Y(before), scale.X(time),
                          scale.Y(highest));
    before = load;
    highest = 0;
  }
  return absl::StrCat("<polyline points='", points, "' fill=none stroke='#1c2733' stroke-width='1.2'/>");
}

std::string Line(double y, const char* color) {
  return absl::StrFormat("<line x1='%.0f' x2='%.0f' y1='%.2f' y2='%.2f' stroke='%s' stroke-dasharray='6 4'/>", kLeft,
                         kRight, y, y, color);
}

std::string Picture(const CsvProblem& named, const Solution& solution, int arena) {
  std::vector<size_t> boxes;
  int64_t begin = INT64_MAX, end = INT64_MIN;
  for (size_t i = 0; i < named.problem.buffers.size(); ++i) {
    const Buffer& buffer = named.problem.buffers[i];
    if (buffer.arena != arena || buffer.size == 0) continue;
    boxes.push_back(i);
    begin = std::min(begin, buffer.lower);
    end = std::max(end, buffer.upper);
  }
  if (boxes.empty()) return "<p>It holds no bytes.</p>";
  const int64_t size = solution.arena_sizes[arena];
  const int64_t most = named.problem.capacity ? std::max(size, std::min(*named.problem.capacity, 2 * size)) : size;
  const Scale scale{double(begin), double(end), 1.04 * double(most)};
  const auto area = [&](size_t i) {
    const Buffer& buffer = named.problem.buffers[i];
    return double(buffer.size) * (double(buffer.upper) - double(buffer.lower));
  };
  std::sort(boxes.begin(), boxes.end(),
            [&](size_t a, size_t b) { return std::pair(-area(a), a) < std::pair(-area(b), b); });
  const size_t left_out = boxes.size() > kMostBoxes ? boxes.size() - kMostBoxes : 0;
  boxes.resize(boxes.size() - left_out);
  std::string svg = "<svg viewBox='0 0 1080 500' role=img aria-label='the packing'>";
  for (int tick = 0; tick <= 4; ++tick) {
    const int64_t bytes = size / 4 * tick;
    const double y = scale.Y(bytes);
    absl::StrAppendFormat(&svg,
                          "<line x1='%.0f' x2='%.0f' y1='%.1f' y2='%.1f' stroke='#dfe5ea'/><text x='%.0f' y='%.1f' "
                          "class=t text-anchor=end>%d</text>",
                          kLeft, kRight, y, y, kLeft - 8, y + 4, bytes);
  }
  for (size_t i : boxes) {
    const Buffer& buffer = named.problem.buffers[i];
    const double x = scale.X(buffer.lower), y = scale.Y(solution.offsets[i] + buffer.size);
    absl::StrAppendFormat(
        &svg, "<rect x='%.2f' y='%.2f' width='%.2f' height='%.2f' fill='%s'><title>%s: %d bytes at %d, [%d, %d)", x, y,
        std::max(0.4, scale.X(buffer.upper) - x), std::max(0.2, scale.Y(solution.offsets[i]) - y),
        kColors[i % std::size(kColors)], page::Escape(named.ids[i]), buffer.size, solution.offsets[i], buffer.lower,
        buffer.upper);
    svg += "</title></rect>";
  }
  absl::StrAppend(&svg, LoadLine(Changes(named.problem, solution, arena), scale), Line(scale.Y(size), "#2c6fb3"));
  if (named.problem.capacity && *named.problem.capacity <= most) {
    absl::StrAppend(&svg, Line(scale.Y(*named.problem.capacity), "#c0392b"));
  }
  absl::StrAppendFormat(&svg,
                        "<text x='%.0f' y='490' class=t>time %d</text><text x='%.0f' y='490' class=t "
                        "text-anchor=end>%d</text></svg>",
                        kLeft, begin, kRight, end);
  if (left_out > 0) absl::StrAppend(&svg, "<p>", left_out, " smaller buffers are not drawn.</p>");
  return svg;
}

}  // namespace

std::string Page(const CsvProblem& named, const Solution& solution) {
  std::string html = page::Begin("Allocation", "rect{fill-opacity:.75;stroke:#fff;stroke-width:.4}");
  absl::StrAppend(&html, "<p>", named.ids.size(), " buffers in ", solution.arena_size,
                  " bytes; no packing takes less than ", solution.lower_bound,
                  solution.proven_optimal ? " (proven optimal)" : "",
                  ". Boxes: buffers over time and addresses; black: the bytes alive; dashed: the arena's size, and the "
                  "capacity in red.</p>");
  for (int arena = 0; arena < static_cast<int>(solution.arena_sizes.size()); ++arena) {
    if (solution.arena_sizes[arena] == 0) continue;
    absl::StrAppend(&html, "<section><h2>Arena ", arena, ": ", solution.arena_sizes[arena], " bytes</h2>",
                    Picture(named, solution, arena), "</section>");
  }
  return html + page::End();
}

}  // namespace plimsoll::memory
