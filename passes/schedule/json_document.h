// What the readers of problem files in JSON share: parsing with the place of a syntax error, and messages that say
// where and what.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace plimsoll::json_document {

using Json = nlohmann::ordered_json;

// kInvalidArgument: "WHERE: WHAT".
absl::Status Error(absl::string_view where, absl::string_view what);

// One line; bytes that are not UTF-8 replaced.
std::string Dump(const Json& value);

// "found ...": a short rendering of what was found.
std::string Found(const Json& value);

// An object. kInvalidArgument with line and column of a syntax error, for another kind of document, or for one that is
// nested deeper than 64 levels.
absl::StatusOr<Json> Parse(absl::string_view json);

// The error with "line N: " before it, where its message begins with a key of the document or an element of an array
// there: "nodes[7].size: ...". `json` has been parsed.
absl::Status WithLine(const absl::Status& error, absl::string_view json);

}  // namespace plimsoll::json_document
