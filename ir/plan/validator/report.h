// Where the checks put what they find.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "ir/plan/validator.h"

namespace plimsoll::plan::validator {

class Report {
 public:
  explicit Report(int limit) : limit_(limit) {}

  template <typename... Args>
  void Add(int constraint, const Args&... args) {
    if (full()) return;
    violations_.push_back({constraint, absl::StrCat(args...)});
  }

  bool full() const { return static_cast<int>(violations_.size()) >= limit_; }
  bool clean() const { return violations_.empty(); }
  std::vector<Violation> Take() { return std::move(violations_); }

 private:
  int limit_;
  std::vector<Violation> violations_;
};

// A name out of a hostile file, fit for a terminal.
inline std::string Quote(const std::string& name) {
  constexpr size_t kMost = 120;
  const std::string shown = absl::CHexEscape(name.substr(0, kMost));
  return name.size() > kMost ? absl::StrCat("'", shown, "...'") : absl::StrCat("'", shown, "'");
}

}  // namespace plimsoll::plan::validator
