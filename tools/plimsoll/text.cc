#include "tools/plimsoll/text.h"

#include <array>
#include <cctype>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace plimsoll::cli {

absl::StatusOr<int64_t> ParseBytes(const std::string& text) {
  auto bad = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is not a size: write bytes, or a number with K, M, G or T (base 2), as 512M or 6GiB"));
  };
  size_t digits = 0;
  while (digits < text.size() && (std::isdigit(static_cast<unsigned char>(text[digits])) || text[digits] == '.')) ++digits;
  double number = 0;
  int64_t whole = 0;
  const std::string head = text.substr(0, digits);
  if (!absl::SimpleAtod(head, &number) || !std::isfinite(number)) return bad();
  std::string unit;
  for (char c : text.substr(digits)) unit += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  int shift = 0;
  if (!unit.empty() && unit != "B") {
    const size_t which = std::string("KMGT").find(unit[0]);
    if (which == std::string::npos || !(unit.size() == 1 || unit.substr(1) == "B" || unit.substr(1) == "IB")) return bad();
    shift = 10 * static_cast<int>(which + 1);
  }
  if (shift == 0 && absl::SimpleAtoi(head, &whole)) return whole;
  const double bytes = std::ldexp(number, shift);
  if (bytes > std::ldexp(1.0, 62)) return bad();
  return static_cast<int64_t>(bytes);
}

std::string FormatBytes(int64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (std::abs(value) >= 1024 && unit + 1 < kUnits.size()) value /= 1024, ++unit;
  return unit == 0 ? absl::StrCat(bytes, " B") : absl::StrFormat("%.2f %s", value, kUnits[unit]);
}

std::string FormatSeconds(double seconds) {
  if (seconds < 1e-3) return absl::StrFormat("%.1f us", seconds * 1e6);
  if (seconds < 1) return absl::StrFormat("%.2f ms", seconds * 1e3);
  return absl::StrFormat("%.2f s", seconds);
}

std::string FormatCount(double count) {
  static constexpr std::array<const char*, 6> kUnits = {"", " k", " M", " G", " T", " P"};
  size_t unit = 0;
  while (count >= 1000 && unit + 1 < kUnits.size()) count /= 1000, ++unit;
  return unit == 0 ? absl::StrFormat("%.0f", count) : absl::StrFormat("%.1f%s", count, kUnits[unit]);
}

absl::StatusOr<std::pair<std::string, std::vector<int64_t>>> ParseShape(const std::string& text) {
  const size_t colon = text.rfind(':');
  auto bad = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is not a shape: write NAME:DIMxDIM..., as x:1x3x224x224 (NAME: alone is a scalar)"));
  };
  if (colon == std::string::npos || colon == 0) return bad();
  std::pair<std::string, std::vector<int64_t>> result{text.substr(0, colon), {}};
  const std::string dims = text.substr(colon + 1);
  if (dims.empty()) return result;
  for (absl::string_view dim : absl::StrSplit(dims, 'x')) {
    int64_t size = 0;
    if (!absl::SimpleAtoi(dim, &size) || size < 0) return bad();
    result.second.push_back(size);
  }
  return result;
}

}  // namespace plimsoll::cli
