#include "passes/page/page.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace plimsoll::page {

std::string Escape(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::string Size(double bytes) {
  const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  int unit = 0;
  while (bytes >= 1024 && unit < 6) bytes /= 1024, ++unit;
  return unit == 0 ? absl::StrFormat("%.0f B", bytes) : absl::StrFormat("%.2f %s", bytes, units[unit]);
}

std::string Begin(const std::string& title, const std::string& style) {
  return absl::StrCat(
      "<!doctype html><html lang=en><meta charset=utf-8><title>", Escape(title),
      "</title><style>body{margin:0;background:#f4f6f8;color:#1c2733;font:15px/1.5 system-ui,sans-serif}"
      "main{max-width:1120px;margin:0 auto;padding:28px 20px}"
      "section{background:#fff;border:1px solid #dfe5ea;border-radius:8px;padding:16px 18px;margin:0 0 18px}"
      "h1{font-size:26px}h2{font-size:17px;margin:0}p{color:#5b6b7b;margin:4px 0 12px}"
      "svg{width:100%;height:auto}.t{font-size:11px;fill:#5b6b7b}table{border-collapse:collapse;font-size:13px}"
      "th,td{text-align:left;padding:2px 14px 2px 0;border-bottom:1px solid #eef1f4}.n{text-align:right}",
      style, "</style><main><h1>", Escape(title), "</h1>");
}

std::string End() { return "</main></html>\n"; }

}  // namespace plimsoll::page
