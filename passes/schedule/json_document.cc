#include "passes/schedule/json_document.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace plimsoll::json_document {
namespace {

// nlohmann reports a syntax error through an exception or not at all; the SAX interface gives the position without one.
struct Errors : nlohmann::json_sax<Json> {
  std::string text;
  int depth = 0;
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool key(string_t&) override { return true; }
  bool Open() {
    if (++depth <= 64) return true;
    text = "nested deeper than 64 levels";
    return false;
  }
  bool start_object(size_t) override { return Open(); }
  bool start_array(size_t) override { return Open(); }
  bool end_object() override { return --depth, true; }
  bool end_array() override { return --depth, true; }
  bool parse_error(size_t position, const std::string& token, const nlohmann::detail::exception& e) override {
    text = absl::StrCat("byte ", position, ": ", e.what());
    if (const size_t at = text.find("parse error at "); at != std::string::npos) {
      text = absl::StrCat("syntax error at ", text.substr(at + 15));
    }
    return false;
  }
};

// The line, from 1, on which the value of `key` begins, or its element `index` where that is not negative; 0 where there
// is none.
int LineOf(absl::string_view json, absl::string_view key, int64_t index) {
  int line = 1, depth = 0;
  bool inside = false;      // in the array of `key`
  bool waiting = false;     // for the first character of a value
  int64_t element = 0;
  absl::string_view last;   // string
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '\n') ++line;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (waiting && (!inside || element == index)) return line;
    waiting = false;
    if (c == '"') {
      const size_t begin = ++i;
      while (i < json.size() && json[i] != '"') i += json[i] == '\\' ? 2 : 1;
      last = json.substr(begin, std::min(i, json.size()) - begin);
    } else if (c == ':' && depth == 1 && last == key) {
      if (index < 0) waiting = true;
      inside = index >= 0;
    } else if (c == '{' || c == '[') {
      waiting = ++depth == 2 && inside && c == '[';
    } else if (c == '}' || c == ']') {
      if (--depth == 1) inside = false;
    } else if (c == ',' && depth == 2 && inside) {
      ++element;
      waiting = true;
    }
  }
  return 0;
}

}  // namespace

absl::Status WithLine(const absl::Status& error, absl::string_view json) {
  absl::string_view message = error.message();
  const size_t length = message.find_first_not_of("abcdefghijklmnopqrstuvwxyz_");
  if (error.ok() || length == 0 || length == message.npos) return error;
  const absl::string_view key = message.substr(0, length), rest = message.substr(length);
  int64_t index = -1;
  if (rest[0] == '[' && !absl::SimpleAtoi(rest.substr(1, rest.find(']') - 1), &index)) return error;
  if (rest[0] != '[' && rest[0] != ':') return error;
  const int line = LineOf(json, key, index);
  return line == 0 ? error : absl::Status(error.code(), absl::StrCat("line ", line, ": ", message));
}

absl::Status Error(absl::string_view where, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

std::string Dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string Found(const Json& value) {
  std::string text = Dump(value);
  if (text.size() > 40) text = text.substr(0, 40) + "...";
  return absl::StrCat("found ", text);
}

absl::StatusOr<Json> Parse(absl::string_view json) {
  Errors errors;
  if (!Json::sax_parse(json.begin(), json.end(), &errors)) {
    return absl::InvalidArgumentError(errors.text.empty() ? "not JSON" : errors.text);
  }
  Json document = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return absl::InvalidArgumentError("not JSON");
  if (!document.is_object()) return Error("document", absl::StrCat("expected an object, ", Found(document)));
  return document;
}

}  // namespace plimsoll::json_document
