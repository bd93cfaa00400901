#include "passes/schedule/json_document.h"

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

}  // namespace

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
