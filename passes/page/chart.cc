#include "passes/page/chart.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "passes/page/page.h"

namespace plimsoll::page {
namespace {

constexpr double kLeft = 110, kRight = 1060, kTop = 14, kBottom = 290;
constexpr size_t kColumns = 1900;

class Picture {
 public:
  explicit Picture(const StepChart& chart)
      : chart_(chart), columns_(std::min(std::max(chart.bytes.size(), chart.other.size()), kColumns)) {
    double most = 1;
    for (const auto* series : {&chart.bytes, &chart.other}) {
      for (int64_t bytes : *series) most = std::max(most, static_cast<double>(bytes));
    }
    // A limit far above leaves the picture.
    top_ = 1.05 * std::max(most, std::min(chart.limit, 2 * most));
  }

  std::string Draw() const {
    std::string svg = "<svg viewBox='0 0 1080 320' role=img aria-label='memory over the steps'>";
    for (int tick = 0; tick <= 4; ++tick) {
      const double bytes = top_ * tick / 4, y = Y(bytes);
      absl::StrAppendFormat(&svg,
                            "<line x1='%.0f' x2='%.0f' y1='%.1f' y2='%.1f' stroke='#dfe5ea'/><text x='%.0f' y='%.1f' "
                            "class=t text-anchor=end>%s</text>",
                            kLeft, kRight, y, y, kLeft - 8, y + 4, Size(bytes));
    }
    absl::StrAppendFormat(
        &svg, "<polygon points='%.1f,%.1f %s %.1f,%.1f' fill='#4a90d9' fill-opacity='.45' stroke='#2c6fb3'/>", kLeft,
        kBottom, Points(chart_.bytes), kRight, kBottom);
    svg += Marks();  // over the area
    if (!chart_.other.empty()) {
      absl::StrAppendFormat(&svg, "<polyline points='%s' fill=none stroke='#7b8794' stroke-width='1.2'/>",
                            Points(chart_.other));
    }
    if (chart_.limit >= 0 && chart_.limit <= top_) {
      absl::StrAppendFormat(
          &svg,
          "<line x1='%.0f' x2='%.0f' y1='%.1f' y2='%.1f' stroke='#c0392b' stroke-width='1.5' stroke-dasharray='6 4'/>",
          kLeft, kRight, Y(chart_.limit), Y(chart_.limit));
    }
    absl::StrAppendFormat(&svg,
                          "<text x='%.0f' y='308' class=t>step 0</text><text x='%.0f' y='308' class=t "
                          "text-anchor=end>step %d</text></svg>",
                          kLeft, kRight, chart_.bytes.size() - 1);
    return svg;
  }

 private:
  double Width() const { return (kRight - kLeft) / static_cast<double>(columns_); }
  double Y(double bytes) const { return kBottom - (kBottom - kTop) * bytes / top_; }

  std::vector<int64_t> Highest(const std::vector<int64_t>& series) const {
    std::vector<int64_t> highest(columns_, 0);
    for (size_t i = 0; i < series.size(); ++i) {
      int64_t& column = highest[i * columns_ / series.size()];
      column = std::max(column, series[i]);
    }
    return highest;
  }

  std::string Points(const std::vector<int64_t>& series) const {
    std::string points;
    const std::vector<int64_t> highest = Highest(series);
    for (size_t i = 0; i < columns_; ++i) {
      const double x = kLeft + Width() * static_cast<double>(i), y = Y(static_cast<double>(highest[i]));
      absl::StrAppendFormat(&points, "%.1f,%.1f %.1f,%.1f ", x, y, x + Width(), y);
    }
    return points;
  }

  std::string Marks() const {
    std::string marks;
    const std::vector<int64_t> highest = Highest(chart_.bytes);
    size_t former = columns_;
    for (size_t i = 0; i < chart_.marked.size(); ++i) {
      const size_t column = i * columns_ / chart_.marked.size();
      if (!chart_.marked[i] || column == former) continue;
      former = column;
      const double y = Y(static_cast<double>(highest[column]));
      absl::StrAppendFormat(&marks, "<rect x='%.1f' y='%.1f' width='%.2f' height='%.1f' fill='#e6a23c'/>",
                            kLeft + Width() * static_cast<double>(column), y, std::max(0.6, Width()), kBottom - y);
    }
    return marks;
  }

  const StepChart& chart_;
  const size_t columns_;
  double top_ = 1;
};

}  // namespace

std::string Draw(const StepChart& chart) { return chart.bytes.empty() ? "" : Picture(chart).Draw(); }

}  // namespace plimsoll::page
