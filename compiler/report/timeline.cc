// Memory by class over the commands of `run`, as a stacked area.
#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/report/parts.h"

namespace plimsoll::report {
namespace {

constexpr int kClasses = plan::MemoryClass_ARRAYSIZE;
constexpr double kLeft = 80, kRight = 1060, kTop = 12, kBottom = 282;
constexpr size_t kColumns = 1200;   // more points than pixels are merged: the highest of each column is drawn
using Column = std::array<int64_t, kClasses>;

int64_t Total(const Column& column) {
  int64_t sum = 0;
  for (int64_t bytes : column) sum += bytes;
  return sum;
}

std::vector<Column> Columns(const plan::Certificate& certificate) {
  const size_t points = certificate.timeline_size();
  std::vector<Column> columns(std::min(points, kColumns), Column{});
  for (size_t i = 0; i < points; ++i) {
    Column column{};
    for (const auto& bytes : certificate.timeline(i).bytes()) {
      if (bytes.memory_class() >= 0 && bytes.memory_class() < kClasses) column[bytes.memory_class()] += bytes.bytes();
    }
    Column& target = columns[i * columns.size() / points];
    if (Total(column) > Total(target)) target = column;
  }
  return columns;
}

}  // namespace

std::string TimelinePicture(const plan::Plan& plan) {
  const std::vector<Column> columns = Columns(plan.certificate());
  int64_t top = std::max<int64_t>(1, plan.certificate().peak_bytes());
  if (plan.has_budget_bytes() && plan.budget_bytes() < 4 * top) top = std::max<int64_t>(top, plan.budget_bytes());
  const double height = kBottom - kTop;
  auto y_of = [&](int64_t bytes) { return kBottom - height * static_cast<double>(bytes) / static_cast<double>(top); };
  const double width = columns.empty() ? 0 : (kRight - kLeft) / static_cast<double>(columns.size());
  std::string svg = "<svg viewBox='0 0 1080 310' role=img aria-label='memory over the run'>";
  absl::StrAppend(&svg, ByteAxis(top, kLeft, kRight, kBottom, height));
  std::vector<int64_t> base(columns.size(), 0);
  for (int c = 0; c < kClasses; ++c) {
    bool any = false;
    std::string upper, lower;
    for (size_t i = 0; i < columns.size(); ++i) {
      any |= columns[i][c] > 0;
      const double x0 = kLeft + width * static_cast<double>(i), x1 = x0 + width;
      const double y = y_of(base[i] + columns[i][c]), y_base = y_of(base[i]);
      absl::StrAppendFormat(&upper, "%.1f,%.1f %.1f,%.1f ", x0, y, x1, y);
      lower = absl::StrFormat("%.1f,%.1f %.1f,%.1f ", x1, y_base, x0, y_base) + lower;
      base[i] += columns[i][c];
    }
    if (!any) continue;
    const auto memory_class = static_cast<plan::MemoryClass>(c);
    absl::StrAppend(&svg, "<polygon fill='", ClassColor(memory_class), "' points='", upper, lower, "'><title>", ClassLabel(memory_class),
                    "</title></polygon>");
  }
  auto line = [&](int64_t bytes, const char* color, const char* label) {
    if (bytes > top) return;
    absl::StrAppendFormat(&svg, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='%s' stroke-dasharray='6 4' stroke-width='1.5'>"
                          "<title>%s %s</title></line>", kLeft, kRight, y_of(bytes), y_of(bytes), color, label, Bytes(bytes));
  };
  line(plan.certificate().peak_bytes(), "#1c2733", "planned peak");
  if (plan.has_budget_bytes()) line(plan.budget_bytes(), "#c0392b", "budget");
  absl::StrAppendFormat(&svg, "<text x='%.1f' y='304' font-size='11' fill='#5b6b7b'>command 0</text>", kLeft);
  absl::StrAppendFormat(&svg, "<text x='%.1f' y='304' font-size='11' text-anchor='end' fill='#5b6b7b'>command %d</text>", kRight,
                        std::max(0, plan.certificate().timeline_size() - 1));
  return svg + "</svg>";
}

}  // namespace plimsoll::report
