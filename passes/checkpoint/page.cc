#include "passes/checkpoint/page.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace plimsoll::checkpoint {
namespace {

constexpr double kLeft = 110, kRight = 1060, kTop = 14, kBottom = 290;
constexpr size_t kColumns = 1900;  // of more steps than pixels, the highest of each column is drawn

std::string Escape(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

// "1.50 GiB".
std::string Size(double bytes) {
  const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  int unit = 0;
  while (bytes >= 1024 && unit < 6) bytes /= 1024, ++unit;
  return unit == 0 ? absl::StrFormat("%.0f B", bytes) : absl::StrFormat("%.2f %s", bytes, units[unit]);
}

std::string Percent(double value, double of) {
  return of > 0 ? absl::StrFormat("%.3g%%", 100 * (value / of - 1)) : "-";
}

// The least cost: of every node to compute, once.
double CostOfOnce(const Problem& problem) {
  double cost = 0;
  for (int v : OrderOf(problem)) cost += problem.nodes[v].cost;
  return cost;
}

std::string Summary(const NamedProblem& named, absl::Span<const Answer> answers) {
  std::string html =
      "<section><table><tr><th class=n>budget<th class=n>peak<th class=n>cost<th class=n>more than once each<th "
      "class=n>gap to the bound<th></tr>";
  for (const Answer& answer : answers) {
    absl::StrAppendFormat(&html, "<tr><td class=n>%s", Size(static_cast<double>(answer.budget)));
    if (!answer.status.ok()) {
      absl::StrAppend(&html, "<td class=n>-<td class=n>-<td class=n>-<td class=n>-<td>",
                      answer.status.code() == absl::StatusCode::kResourceExhausted ? "infeasible" : "nothing found",
                      "</tr>");
      continue;
    }
    const Solution& solution = answer.solution;
    absl::StrAppendFormat(&html, "<td class=n>%s<td class=n>%.6g<td class=n>%s<td class=n>%s<td>%s</tr>",
                          Size(static_cast<double>(solution.peak)), solution.cost,
                          Percent(solution.cost, CostOfOnce(named.problem)),
                          Percent(solution.cost, solution.lower_bound), solution.proven_optimal ? "optimal" : "");
  }
  return html + "</table></section>";
}

std::string Picture(const Problem& problem, const Answer& answer) {
  const std::vector<int>& sequence = answer.solution.sequence;
  const absl::StatusOr<std::vector<int64_t>> memory = Memory(problem, sequence);
  if (!memory.ok() || memory->empty()) return "";
  const size_t steps = memory->size(), columns = std::min(steps, kColumns);
  const double top = 1.05 * static_cast<double>(std::max<int64_t>(
                                1, std::max(answer.solution.peak, std::min(answer.budget, 2 * answer.solution.peak))));
  const double width = (kRight - kLeft) / static_cast<double>(columns);
  auto y_of = [&](double bytes) { return kBottom - (kBottom - kTop) * bytes / top; };
  std::vector<int64_t> highest(columns, 0);
  std::vector<char> again(columns, 0), seen(problem.nodes.size(), 0);
  for (size_t i = 0; i < steps; ++i) {
    const size_t column = i * columns / steps;
    highest[column] = std::max(highest[column], (*memory)[i]);
    if (seen[sequence[i]]) again[column] = 1;
    seen[sequence[i]] = 1;
  }
  std::string svg = "<svg viewBox='0 0 1080 320' role=img aria-label='memory over the steps'>", area;
  for (int tick = 0; tick <= 4; ++tick) {
    const double bytes = top * tick / 4, y = y_of(bytes);
    absl::StrAppendFormat(&svg,
                          "<line x1='%.0f' x2='%.0f' y1='%.1f' y2='%.1f' stroke='#dfe5ea'/><text x='%.0f' y='%.1f' "
                          "class=t text-anchor=end>%s</text>",
                          kLeft, kRight, y, y, kLeft - 8, y + 4, Size(bytes));
  }
  std::string marks;  // over the area
  for (size_t i = 0; i < columns; ++i) {
    const double x = kLeft + width * static_cast<double>(i), y = y_of(static_cast<double>(highest[i]));
    absl::StrAppendFormat(&area, "%.1f,%.1f %.1f,%.1f ", x, y, x + width, y);
    if (again[i]) {
      absl::StrAppendFormat(&marks, "<rect x='%.1f' y='%.1f' width='%.2f' height='%.1f' fill='#e6a23c'/>", x, y,
                            std::max(0.6, width), kBottom - y);
    }
  }
  absl::StrAppendFormat(&svg,
                        "<polygon points='%.1f,%.1f %s %.1f,%.1f' fill='#4a90d9' fill-opacity='.45' stroke='#2c6fb3'/>",
                        kLeft, kBottom, area, kRight, kBottom);
  svg += marks;
  if (const double budget = static_cast<double>(answer.budget); budget <= top) {
    absl::StrAppendFormat(
        &svg,
        "<line x1='%.0f' x2='%.0f' y1='%.1f' y2='%.1f' stroke='#c0392b' stroke-width='1.5' stroke-dasharray='6 4'/>",
        kLeft, kRight, y_of(budget), y_of(budget));
  }
  absl::StrAppendFormat(
      &svg,
      "<text x='%.0f' y='308' class=t>step 0</text><text x='%.0f' y='308' class=t text-anchor=end>step %d</text></svg>",
      kLeft, kRight, steps - 1);
  return svg;
}

std::string Costliest(const NamedProblem& named, const Solution& solution) {
  std::map<int, int> times;
  for (int v : solution.sequence) ++times[v];
  std::vector<std::pair<double, int>> again;
  for (auto [v, count] : times) {
    if (count > 1) again.emplace_back(-(count - 1) * named.problem.nodes[v].cost, v);
  }
  std::sort(again.begin(), again.end());
  if (again.empty()) return "<p>Nothing is computed twice.</p>";
  std::string html =
      absl::StrCat("<table><tr><th>computed again<th class=n>times<th class=n>cost<th class=n>output</tr>");
  for (size_t i = 0; i < again.size() && i < 20; ++i) {
    const int v = again[i].second;
    absl::StrAppendFormat(&html, "<tr><td>%s<td class=n>%d<td class=n>%.6g<td class=n>%s</tr>", Escape(named.nodes[v]),
                          times[v] - 1, -again[i].first, Size(static_cast<double>(named.problem.nodes[v].size)));
  }
  html += "</table>";
  if (again.size() > 20) absl::StrAppend(&html, "<p>and ", again.size() - 20, " more</p>");
  return html;
}

}  // namespace

std::string Page(const NamedProblem& named, absl::Span<const Answer> answers) {
  std::string html =
      "<!doctype html><html lang=en><meta charset=utf-8><title>Rematerialization</title><style>"
      "body{margin:0;background:#f4f6f8;color:#1c2733;font:15px/1.5 "
      "system-ui,sans-serif}main{max-width:1120px;margin:0 auto;padding:28px 20px}"
      "section{background:#fff;border:1px solid #dfe5ea;border-radius:8px;padding:16px 18px;margin:0 0 "
      "18px}h1{font-size:26px}h2{font-size:17px;margin:0}"
      "p{color:#5b6b7b;margin:4px "
      "0}svg{width:100%;height:auto}.t{font-size:11px;fill:#5b6b7b}table{border-collapse:collapse;font-size:13px}"
      "th,td{text-align:left;padding:2px 14px 2px 0;border-bottom:1px solid "
      "#eef1f4}.n{text-align:right}</style><main><h1>Rematerialization</h1>"
      "<p>Memory over the steps of the sequence; orange: computed again; dashed: the budget.</p>";
  absl::StrAppendFormat(&html, "<p>%d nodes; computed once each: cost %.6g, peak %s</p>", named.problem.nodes.size(),
                        CostOfOnce(named.problem),
                        Size(static_cast<double>(PeakWithoutRematerialization(named.problem))));
  html += Summary(named, answers);
  for (const Answer& answer : answers) {
    absl::StrAppendFormat(&html, "<section><h2>Budget %s (%d bytes)</h2>", Size(static_cast<double>(answer.budget)),
                          answer.budget);
    if (!answer.status.ok()) {
      absl::StrAppend(&html, "<p>", Escape(std::string(answer.status.message())), "</p></section>");
      continue;
    }
    const Solution& solution = answer.solution;
    absl::StrAppendFormat(&html, "<p>peak %d bytes; cost %.10g, lower bound %.10g%s; %d computations of %d nodes</p>",
                          solution.peak, solution.cost, solution.lower_bound,
                          solution.proven_optimal ? " (proven optimal)" : "", solution.sequence.size(),
                          named.problem.nodes.size());
    absl::StrAppend(&html, Picture(named.problem, answer), Costliest(named, solution), "</section>");
  }
  return html + "</main></html>\n";
}

}  // namespace plimsoll::checkpoint
