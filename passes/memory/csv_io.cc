#include "passes/memory/csv_io.h"

#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace plimsoll::memory {
namespace {

enum Column { kId, kLower, kUpper, kSize, kAlignment, kFixedOffset, kArena, kMayShare, kForbidden, kColumns };
constexpr std::array<absl::string_view, kColumns> kNames = {
    "id", "lower", "upper", "size", "alignment", "fixed_offset", "arena", "may_share", "forbidden"};

// What a line says of sharing; resolved once all ids are known.
struct Sharing {
  int64_t line;
  int buffer;
  std::string ids;
};

absl::Status At(int64_t line, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", reason));
}

// Where each column stands in the header; -1: absent.
absl::StatusOr<std::array<int, kColumns>> ReadHeader(int64_t line, absl::string_view text) {
  std::array<int, kColumns> position;
  position.fill(-1);
  int field = 0;
  for (absl::string_view name : absl::StrSplit(text, ',')) {
    name = absl::StripAsciiWhitespace(name);
    for (int column = 0; column < kColumns; ++column) {
      if (name != kNames[column]) continue;
      if (position[column] >= 0) return At(line, absl::StrCat("column \"", name, "\" is named twice"));
      position[column] = field;
    }
    ++field;
  }
  for (int column = 0; column < kAlignment; ++column) {
    if (position[column] < 0) {
      return At(line, absl::StrCat("no column \"", kNames[column], "\" in the header; expected id,lower,upper,size"));
    }
  }
  return position;
}

absl::Status ReadInteger(int64_t line, absl::string_view name, absl::string_view field, int64_t& value) {
  if (absl::SimpleAtoi(field, &value)) return absl::OkStatus();
  return At(line, absl::StrCat(name, " \"", field.substr(0, 40), "\" is not an integer of 64 bits"));
}

absl::Status CheckLine(int64_t line, const Buffer& buffer) {
  if (buffer.lower >= buffer.upper) {
    return At(line, absl::StrCat("the interval [", buffer.lower, ", ", buffer.upper,
                                 ") is empty; upper must be above lower"));
  }
  if (buffer.size < 0) return At(line, absl::StrCat("size ", buffer.size, " is negative"));
  if (buffer.alignment < 1) return At(line, absl::StrCat("alignment ", buffer.alignment, " is below 1"));
  if (const int64_t offset = buffer.fixed_offset.value_or(0); offset < 0 || offset % buffer.alignment != 0) {
    return At(line, absl::StrCat("fixed_offset ", offset, " is negative, or no multiple of the alignment ",
                                 buffer.alignment));
  }
  return absl::OkStatus();
}

// The columns of a forbidden region, as those of a buffer.
absl::Status AddRegion(int64_t line, const Buffer& row, Problem& problem) {
  if (!row.fixed_offset.has_value()) return At(line, "a forbidden region without fixed_offset");
  if (row.size == 0) return At(line, "a forbidden region of size 0");
  if (row.size > INT64_MAX - *row.fixed_offset) return At(line, "the forbidden region ends beyond 2^63");
  problem.forbidden.push_back({.lower = row.lower,
                               .upper = row.upper,
                               .begin = *row.fixed_offset,
                               .end = *row.fixed_offset + row.size,
                               .arena = row.arena});
  return absl::OkStatus();
}

absl::Status AddPairs(const Sharing& sharing, const absl::flat_hash_map<std::string, int>& buffer_of,
                      Problem& problem) {
  for (absl::string_view id : absl::StrSplit(sharing.ids, ' ', absl::SkipWhitespace())) {
    const auto found = buffer_of.find(id);
    const absl::string_view shown = id.substr(0, 40);
    if (found == buffer_of.end())
      return At(sharing.line, absl::StrCat("may_share: no line has the id \"", shown, "\""));
    if (found->second < 0) return At(sharing.line, absl::StrCat("may_share: \"", shown, "\" is a forbidden region"));
    if (found->second == sharing.buffer) return At(sharing.line, "may_share names the line's own id");
    if (problem.buffers[found->second].arena != problem.buffers[sharing.buffer].arena) {
      return At(sharing.line, absl::StrCat("may_share: \"", shown, "\" is in another arena"));
    }
    problem.may_share.push_back({sharing.buffer, found->second});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CsvProblem> ParseCsv(absl::string_view text) {
  absl::ConsumePrefix(&text, "\xEF\xBB\xBF");
  CsvProblem result;
  absl::flat_hash_map<std::string, int> buffer_of;  // By id; -1: a region.
  std::vector<Sharing> sharing;
  std::array<int, kColumns> position;
  bool has_header = false;
  int64_t number = 0;
  std::vector<absl::string_view> fields;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    if (!has_header) {
      absl::StatusOr<std::array<int, kColumns>> header = ReadHeader(number, line);
      if (!header.ok()) return header.status();
      position = *header;
      has_header = true;
      result.has_alignment = position[kAlignment] >= 0;
      result.has_fixed_offset = position[kFixedOffset] >= 0;
      result.has_arena = position[kArena] >= 0;
      result.has_may_share = position[kMayShare] >= 0;
      result.has_forbidden = position[kForbidden] >= 0;
      continue;
    }
    fields = absl::StrSplit(line, ',');
    for (int column = 0; column < kColumns; ++column) {
      if (position[column] >= static_cast<int>(fields.size())) {
        return At(number, absl::StrCat("no \"", kNames[column], "\": it has ", fields.size(), " fields"));
      }
    }
    const auto field = [&](Column column) { return absl::StripAsciiWhitespace(fields[position[column]]); };
    Buffer buffer;
    for (const auto& [column, value] : {std::pair(kLower, &buffer.lower), std::pair(kUpper, &buffer.upper),
                                        std::pair(kSize, &buffer.size), std::pair(kAlignment, &buffer.alignment)}) {
      if (position[column] < 0) continue;
      if (absl::Status status = ReadInteger(number, kNames[column], field(column), *value); !status.ok()) return status;
    }
    if (position[kFixedOffset] >= 0 && !field(kFixedOffset).empty()) {
      int64_t offset = 0;
      absl::Status status = ReadInteger(number, kNames[kFixedOffset], field(kFixedOffset), offset);
      if (!status.ok()) return status;
      buffer.fixed_offset = offset;
    }
    if (position[kArena] >= 0 && (!absl::SimpleAtoi(field(kArena), &buffer.arena) || buffer.arena < 0)) {
      return At(number, absl::StrCat("arena \"", field(kArena).substr(0, 40), "\" is not a number from 0 on"));
    }
    if (absl::Status status = CheckLine(number, buffer); !status.ok()) return status;
    std::string id(field(kId));
    if (id.empty()) return At(number, "the id is empty");
    const absl::string_view forbidden = position[kForbidden] < 0 ? "" : field(kForbidden);
    if (!forbidden.empty() && forbidden != "0" && forbidden != "1") {
      return At(number, absl::StrCat("forbidden \"", forbidden.substr(0, 40), "\" is neither 0 nor 1"));
    }
    const bool is_region = forbidden == "1";
    const int index = static_cast<int>(result.problem.buffers.size());
    if (!buffer_of.emplace(id, is_region ? -1 : index).second) {
      return At(number, absl::StrCat("id \"", id, "\" occurs twice"));
    }
    if (position[kMayShare] >= 0 && !field(kMayShare).empty()) {
      if (is_region) return At(number, "a forbidden region shares with nothing: may_share must be empty");
      sharing.push_back({number, index, std::string(field(kMayShare))});
    }
    if (is_region) {
      if (absl::Status status = AddRegion(number, buffer, result.problem); !status.ok()) return status;
      result.region_ids.push_back(std::move(id));
    } else {
      result.problem.buffers.push_back(buffer);
      result.ids.push_back(std::move(id));
    }
  }
  if (!has_header) return absl::InvalidArgumentError("line 1: empty; expected a header naming id,lower,upper,size");
  for (const Sharing& one : sharing) {
    if (absl::Status status = AddPairs(one, buffer_of, result.problem); !status.ok()) return status;
  }
  return result;
}

absl::StatusOr<CsvProblem> ReadCsv(const std::string& path) {
  errno = 0;
  gzFile file = gzopen(path.c_str(), "rb");  // Reads what is not gzip as it is.
  if (file == nullptr) {
    const std::string message = absl::StrCat(path, ": cannot be opened: ", std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(message) : absl::UnavailableError(message);
  }
  std::string text;
  std::vector<char> chunk(1 << 16);
  int count = 0;
  while ((count = gzread(file, chunk.data(), static_cast<unsigned>(chunk.size()))) > 0)
    text.append(chunk.data(), count);
  int error = Z_OK;
  const std::string reason = gzerror(file, &error);
  const bool truncated = gzclose_r(file) == Z_BUF_ERROR;
  if (error == Z_ERRNO) return absl::UnavailableError(absl::StrCat(path, ": cannot be read: ", std::strerror(errno)));
  if (count < 0 || truncated) {
    return absl::DataLossError(absl::StrCat(path, ": broken gzip stream: ", truncated ? "it ends early" : reason));
  }
  absl::StatusOr<CsvProblem> problem = ParseCsv(text);
  if (problem.ok()) return problem;
  return absl::Status(problem.status().code(), absl::StrCat(path, ": ", problem.status().message()));
}

namespace {

std::string Format(const CsvProblem& problem, const Solution* solution) {
  std::string text = "id,lower,upper,size";
  const auto add_column = [&](bool has, absl::string_view name) {
    if (has) absl::StrAppend(&text, ",", name);
  };
  add_column(problem.has_alignment, "alignment");
  add_column(problem.has_fixed_offset, "fixed_offset");
  add_column(problem.has_arena, "arena");
  add_column(problem.has_may_share, "may_share");
  add_column(problem.has_forbidden, "forbidden");
  add_column(!problem.names.empty(), "name");
  add_column(solution != nullptr, "offset");
  text += "\n";
  std::vector<std::string> shared(problem.ids.size());
  for (const auto& [a, b] : problem.problem.may_share) {
    absl::StrAppend(&shared[a], shared[a].empty() ? "" : " ", problem.ids[b]);
  }
  for (size_t i = 0; i < problem.ids.size(); ++i) {
    const Buffer& buffer = problem.problem.buffers[i];
    absl::StrAppend(&text, problem.ids[i], ",", buffer.lower, ",", buffer.upper, ",", buffer.size);
    if (problem.has_alignment) absl::StrAppend(&text, ",", buffer.alignment);
    if (problem.has_fixed_offset) text += ",";
    if (problem.has_fixed_offset && buffer.fixed_offset.has_value()) absl::StrAppend(&text, *buffer.fixed_offset);
    if (problem.has_arena) absl::StrAppend(&text, ",", buffer.arena);
    if (problem.has_may_share) absl::StrAppend(&text, ",", shared[i]);
    if (problem.has_forbidden) text += ",0";
    if (!problem.names.empty()) {
      absl::StrAppend(&text, ",", absl::StrReplaceAll(problem.names[i], {{",", "_"}, {"\n", "_"}, {"\r", "_"}}));
    }
    if (solution != nullptr) absl::StrAppend(&text, ",", solution->offsets[i]);
    text += "\n";
  }
  for (size_t i = 0; i < problem.region_ids.size(); ++i) {
    const Region& region = problem.problem.forbidden[i];
    absl::StrAppend(&text, problem.region_ids[i], ",", region.lower, ",", region.upper, ",", region.end - region.begin);
    if (problem.has_alignment) text += ",1";
    absl::StrAppend(&text, ",", region.begin);
    if (problem.has_arena) absl::StrAppend(&text, ",", region.arena);
    if (problem.has_may_share) text += ",";
    text += ",1";
    if (!problem.names.empty()) text += ",";
    if (solution != nullptr) absl::StrAppend(&text, ",", region.begin);
    text += "\n";
  }
  return text;
}

}  // namespace

std::string FormatCsv(const CsvProblem& problem, const Solution& solution) { return Format(problem, &solution); }
std::string FormatCsv(const CsvProblem& problem) { return Format(problem, nullptr); }

absl::Status WriteCsv(const std::string& path, const CsvProblem& problem, const Solution& solution) {
  gzFile file = gzopen(path.c_str(), absl::EndsWith(path, ".gz") ? "wb" : "wbT");
  if (file == nullptr) return absl::UnavailableError(absl::StrCat(path, ": cannot be opened: ", std::strerror(errno)));
  const std::string text = FormatCsv(problem, solution);
  bool written = true;
  for (size_t at = 0; at < text.size() && written;) {
    const size_t size = std::min<size_t>(text.size() - at, 1 << 20);
    written = gzwrite(file, text.data() + at, static_cast<unsigned>(size)) == static_cast<int>(size);
    at += size;
  }
  if (gzclose_w(file) != Z_OK) written = false;
  if (!written) return absl::UnavailableError(absl::StrCat(path, ": cannot be written: ", std::strerror(errno)));
  return absl::OkStatus();
}

}  // namespace plimsoll::memory
