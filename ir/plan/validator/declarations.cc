// [P6] What the plan declares besides its programs.
#include <set>
#include <string>
#include <vector>

#include "ir/plan/artefact.h"
#include "ir/plan/types.h"
#include "ir/plan/validator/checks.h"
#include "ir/weights/external_file.h"

namespace plimsoll::plan::validator {
namespace {

constexpr int64_t kMostBytes = int64_t{1} << 60;  // sums of two such numbers stay far from overflow

void CheckPrecision(const std::string& precision, const Target& target, Report& report) {
  if (precision.empty() || precision == "bf16" || precision == "f16") return;
  if (precision == "tf32" && target.kind() == Target::CUDA) return;
  report.Add(6, "precision ", Quote(precision), "; bf16, f16, tf32 on CUDA, or none was expected");
}

void CheckTarget(const Target& target, Report& report) {
  if (!Target::Kind_IsValid(target.kind())) report.Add(6, "target: unknown kind ", static_cast<int>(target.kind()));
  if (target.threads() < 0) report.Add(6, "target: ", target.threads(), " threads; 0 or more were expected");
  const int64_t most = target.kind() == Target::CUDA ? kMostBytes : 0;
  if (target.reserved_bytes() < 0 || target.reserved_bytes() > most) {
    report.Add(6, "target: ", target.reserved_bytes(), " bytes reserved; 0 to ", most, " were expected");
  }
  const bool is_architecture = target.architecture().size() > 3 && target.architecture().size() <= 8 &&
                               target.architecture().rfind("sm_", 0) == 0 &&
                               target.architecture().find_first_not_of("0123456789", 3) == std::string::npos;
  if (target.kind() == Target::CUDA && !is_architecture) {
    report.Add(6, "target: architecture ", Quote(target.architecture()), "; one such as sm_80 was expected");
  }
}

void CheckWeight(const Weight& weight, const MemberInfo& members, Report& report) {
  const std::string where = absl::StrCat("weight ", Quote(weight.name()));
  const absl::StatusOr<int64_t> bytes = ByteSize(weight.type());
  if (!bytes.ok()) {
    report.Add(6, where, ": ", bytes.status().message());
    return;
  }
  if (weight.type().slots_size() != 0) report.Add(6, where, ": its shape is not known at compile time");
  if (weight.length() != *bytes) {
    report.Add(6, where, ": ", weight.length(), " bytes, but ", ToString(weight.type()), " takes ", *bytes);
    return;
  }
  if (weight.offset() < 0 || weight.offset() > kMostBytes - weight.length()) {
    report.Add(6, where, ": offset ", weight.offset(), " is negative or beyond 2^60");
    return;
  }
  if (!weight.file().empty()) {
    const absl::Status status = weights::CheckRelativePath(weight.file(), where);
    if (!status.ok()) report.Add(6, status.message());
    return;
  }
  const auto member = members.sizes.find(kWeightsMember);
  const int64_t size = member == members.sizes.end() ? 0 : member->second;
  if (weight.offset() + weight.length() > size) {
    report.Add(6, where, ": bytes ", weight.offset(), " + ", weight.length(), " of ", kWeightsMember, ", which holds ",
               size);
  }
}

void CheckCode(const Plan& plan, const MemberInfo& members, Report& report) {
  std::set<std::string> seen;
  for (const Code& code : plan.code()) {
    const std::string where = absl::StrCat("code ", Quote(code.member()));
    std::vector<std::string> names = {code.member()};
    if (!code.binary().empty()) names.push_back(code.binary());
    for (const std::string& name : names) {
      if (name.rfind("code/", 0) != 0) report.Add(6, where, ": the name ", Quote(name), " must begin with code/");
      if (!seen.insert(name).second) report.Add(6, where, ": ", Quote(name), " is declared twice");
      const auto member = members.sizes.find(name);
      if (member == members.sizes.end()) {
        report.Add(6, where, ": the artefact has no member ", Quote(name));
      } else if (member->second == 0) {
        report.Add(6, where, ": the member ", Quote(name), " is empty");
      }
    }
  }
}

void CheckArenas(const Plan& plan, Report& report) {
  int64_t total = 0;
  for (int i = 0; i < plan.arenas_size() && !report.full(); ++i) {
    const Arena& arena = plan.arenas(i);
    if (!Arena::Scope_IsValid(arena.scope())) {
      report.Add(6, "arena ", i, ": unknown scope ", static_cast<int>(arena.scope()));
    }
    if (!Arena::Space_IsValid(arena.space())) {
      report.Add(6, "arena ", i, ": unknown space ", static_cast<int>(arena.space()));
    }
    if (arena.size_bytes() < 0 || arena.size_bytes() > kMostBytes - total) {
      report.Add(6, "arena ", i, ": ", arena.size_bytes(), " bytes are negative, or bring the arenas beyond 2^60");
      return;
    }
    total += arena.size_bytes();
    const int64_t alignment = arena.alignment();
    if (alignment < 1 || alignment > (1 << 30) || (alignment & (alignment - 1)) != 0) {
      report.Add(6, "arena ", i, ": alignment ", alignment, " is not a power of two from 1 to 2^30");
    }
    if (arena.device() != 0) report.Add(6, "arena ", i, ": device ", arena.device(), " in a plan for one device");
  }
}

}  // namespace

void CheckDeclarations(const Plan& plan, const MemberInfo& members, Report& report) {
  CheckTarget(plan.target(), report);
  CheckPrecision(plan.precision(), plan.target(), report);
  int64_t length = 0;
  for (const Weight& weight : plan.weights()) {
    if (report.full()) return;
    CheckWeight(weight, members, report);
    if (weight.length() < 0) continue;
    if (weight.length() > kMostBytes - length) {
      report.Add(6, "the weights together are beyond 2^60 bytes");
      return;
    }
    length += weight.length();
  }
  CheckCode(plan, members, report);
  CheckArenas(plan, report);
  if (plan.has_budget_bytes() && plan.budget_bytes() < 0) report.Add(6, "a budget of ", plan.budget_bytes(), " bytes");
}

}  // namespace plimsoll::plan::validator
