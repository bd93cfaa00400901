#include "compiler/refusal.h"

#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace plimsoll::compiler {

constexpr char kPayload[] = "plimsoll.Refusal";

void AttachRefusal(absl::Status& status, const Refusal& refusal) {
  const std::string text = absl::StrCat(refusal.smallest_feasible_budget_bytes, " ", refusal.lower_bound_bytes, " ",
                                        refusal.proven_infeasible ? 1 : 0, " ", refusal.binding_tensor);
  // Not from a std::string: Clang does not find the constructor that GCC built into the library.
  status.SetPayload(kPayload, absl::Cord(absl::string_view(text)));
}

std::optional<Refusal> RefusalOf(const absl::Status& status) {
  auto payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return std::nullopt;
  const std::string text(*payload);
  const std::vector<std::string> fields = absl::StrSplit(text, absl::MaxSplits(' ', 3));
  Refusal refusal;
  int proven = 0;
  if (fields.size() != 4 || !absl::SimpleAtoi(fields[0], &refusal.smallest_feasible_budget_bytes) ||
      !absl::SimpleAtoi(fields[1], &refusal.lower_bound_bytes) || !absl::SimpleAtoi(fields[2], &proven)) {
    return std::nullopt;
  }
  refusal.proven_infeasible = proven != 0;
  refusal.binding_tensor = fields[3];
  return refusal;
}

}  // namespace plimsoll::compiler
