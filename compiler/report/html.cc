#include "compiler/report/html.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "compiler/report/parts.h"
#include "ir/plan/types.h"

namespace plimsoll::report {
namespace {

constexpr char kStyle[] = R"(
:root{--ink:#1c2733;--soft:#5b6b7b;--line:#dfe5ea;--card:#fff;--page:#f4f6f8}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 20px}h1{margin:0 0 2px;font-size:26px}h2{font-size:17px;margin:0 0 8px}
.sub{color:var(--soft);margin:0 0 18px}.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px 18px;margin:0 0 18px}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px;margin:0 0 18px}
.fact{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 14px}.fact b{display:block;font-size:20px}
.fact span{color:var(--soft);font-size:13px}svg{width:100%;height:auto;display:block}table{border-collapse:collapse;width:100%;font-size:13px}
th{text-align:left;color:var(--soft);font-weight:600;border-bottom:1px solid var(--line);padding:4px 8px;background:var(--card);position:sticky;top:0}
td{padding:3px 8px;border-bottom:1px solid #eef1f4;word-break:break-word}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.scroll{max-height:480px;overflow:auto}.legend span{display:inline-block;margin-right:16px;font-size:13px}
.legend i{display:inline-block;width:11px;height:11px;border-radius:2px;margin-right:5px;vertical-align:-1px}p{margin:0 0 8px;color:var(--soft)}
)";

std::string Fact(const std::string& value, const std::string& label) {
  return absl::StrCat("<div class=fact><b>", Escape(value), "</b><span>", Escape(label), "</span></div>");
}

std::string Facts(const plan::Plan& plan) {
  const plan::Certificate& certificate = plan.certificate();
  std::string html = "<div class=facts>";
  absl::StrAppend(&html, Fact(Bytes(certificate.peak_bytes()), absl::StrCat("planned peak, ", certificate.peak_bytes(), " bytes")));
  if (plan.has_budget_bytes()) absl::StrAppend(&html, Fact(Bytes(plan.budget_bytes()), "budget"));
  absl::StrAppend(&html, Fact(Bytes(certificate.resident_weight_bytes()), "resident weights"));
  absl::StrAppend(&html, Fact(Bytes(certificate.session_arena_bytes()),
                              absl::StrCat("arena; lower bound ", Bytes(certificate.session_lower_bound_bytes()),
                                           certificate.session_proven_optimal() ? ", proven optimal" : "")));
  absl::StrAppend(&html, Fact(Bytes(certificate.load_peak_bytes()), "peak while loading"));
  absl::StrAppend(&html, Fact(absl::StrCat(plan.run().commands_size()), "commands a run"));
  return html + "</div>";
}

std::string Legend(const plan::Plan& plan) {
  std::string html = "<p class=legend>";
  std::array<bool, plan::MemoryClass_ARRAYSIZE> seen{};
  for (const auto& point : plan.certificate().timeline()) {
    for (const auto& bytes : point.bytes()) {
      if (bytes.bytes() > 0) seen[bytes.memory_class()] = true;
    }
  }
  for (int i = 0; i < plan::MemoryClass_ARRAYSIZE; ++i) {
    const auto memory_class = static_cast<plan::MemoryClass>(i);
    if (seen[i]) {
      absl::StrAppend(&html, "<span><i style=\"background:", ClassColor(memory_class), "\"></i>", ClassLabel(memory_class), "</span>");
    }
  }
  return html + "</p>";
}

std::string Signature(const plan::Plan& plan) {
  std::string html = "<table><tr><th>input or output<th>type<th class=n>bytes</tr>";
  auto row = [&](const char* kind, const plan::Binding& binding) {
    absl::StrAppend(&html, "<tr><td>", kind, " ", Escape(binding.name()), binding.fixed() ? " (fixed)" : "", "<td>",
                    Escape(plan::ToString(binding.type())), "<td class=n>", plan::ByteSize(binding.type()).value_or(0), "</tr>");
  };
  for (const auto& input : plan.signature().inputs()) row("input", input);
  for (const auto& output : plan.signature().outputs()) row("output", output);
  return html + "</table>";
}

}  // namespace

std::string Escape(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string Bytes(int64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) value /= 1024, ++unit;
  return unit == 0 ? absl::StrCat(bytes, " B") : absl::StrFormat("%.*f %s", value < 10 ? 2 : 1, value, kUnits[unit]);
}

const char* ClassLabel(plan::MemoryClass memory_class) {
  switch (memory_class) {
    case plan::WEIGHTS: return "weights";
    case plan::GRADIENTS: return "gradients";
    case plan::OPTIMIZER_STATES: return "optimizer states";
    case plan::ACTIVATIONS: return "activations";
    case plan::WORKSPACE: return "workspace";
    case plan::COMMUNICATION: return "communication";
    case plan::RESERVED: return "reserved";
    default: return "inputs and outputs";
  }
}

const char* ClassColor(plan::MemoryClass memory_class) {
  switch (memory_class) {
    case plan::WEIGHTS: return "#35618e";
    case plan::GRADIENTS: return "#b5542d";
    case plan::OPTIMIZER_STATES: return "#7d5ba6";
    case plan::ACTIVATIONS: return "#4aa3a2";
    case plan::WORKSPACE: return "#d9a441";
    case plan::COMMUNICATION: return "#c75b7a";
    case plan::RESERVED: return "#8a949e";
    default: return "#86b56b";
  }
}

const char* CommandKind(const plan::Command& command) {
  switch (command.kind_case()) {
    case plan::Command::kLaunch: return "kernel";
    case plan::Command::kLibraryCall: return "library";
    case plan::Command::kCopy: return "copy";
    case plan::Command::kFill: return "fill";
    case plan::Command::kHostCall: return "host";
    case plan::Command::kBranch: return "branch";
    case plan::Command::kLoop: return "loop";
    case plan::Command::kCollective: return "collective";
    default: return "event";
  }
}

std::string ByteAxis(int64_t top, double left, double right, double bottom, double height) {
  std::string svg;
  constexpr int kTicks = 4;
  for (int i = 0; i <= kTicks; ++i) {
    const double y = bottom - height * i / kTicks;
    absl::StrAppendFormat(&svg, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='#dfe5ea'/>", left, right, y, y);
    absl::StrAppendFormat(&svg, "<text x='%.1f' y='%.1f' text-anchor='end' font-size='11' fill='#5b6b7b'>%s</text>", left - 6, y + 4,
                          Bytes(top * i / kTicks));
  }
  return svg;
}

std::string PlanPage(const plan::Plan& plan) {
  const std::string name = Escape(plan.model_name());
  return absl::StrCat(
      "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\"><title>", name,
      " - Plimsoll plan</title><style>", kStyle, "</style><main><h1>", name, "</h1><p class=sub>Plan for ", Escape(plan.target().isa()),
      ", ", plan.target().threads(), " threads; ", Escape(plan.producer()), "</p>", Facts(plan),
      "<section class=card><h2>Memory over the run</h2><p>Bytes alive at each command, resident weights included. The dashed line is the "
      "planned peak; the red one the budget.</p>", TimelinePicture(plan), Legend(plan), "</section>",
      "<section class=card><h2>The arena</h2><p>Each box is a buffer: its place in the arena over the commands during which it is alive. Point "
      "at one for its name.</p>", ArenaPicture(plan), "</section>",
      "<section class=card><h2>Biggest tensors</h2><div class=scroll>", BiggestTensors(plan), "</div></section>",
      plan.groups_size() == 0 ? "" : absl::StrCat("<section class=card><h2>Ranks</h2>", Ranks(plan), "</section>"),
      "<section class=card><h2>Signature</h2>", Signature(plan), "</section>",
      "<section class=card><h2>Commands</h2><div class=scroll>", Commands(plan), "</div></section></main></html>\n");
}

}  // namespace plimsoll::report
