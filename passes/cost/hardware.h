// The hardware catalogue, built in: passes/cost/hardware/*.textproto.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "passes/cost/hardware.pb.h"

namespace plimsoll::hardware {

// All entries, sorted by name. Checked when first asked for: a wrong entry of the catalogue is a bug and ends the process.
const std::vector<Gpu>& Catalogue();

// By name or alias, any case. kInvalidArgument names what there is.
absl::StatusOr<const Gpu*> FindGpu(absl::string_view name);

// "sm_90".
std::string Architecture(const Gpu& gpu);
// Bytes that a plan may take on it: memory less reserve.
int64_t BudgetBytes(const Gpu& gpu);
// Operations a second, 0 where the unit does not know the type.
double RateOf(const Gpu& gpu, Rate::Unit unit, absl::string_view type);

// An entry from its text. kInvalidArgument where it does not parse, a figure is missing, negative or without source.
absl::StatusOr<Gpu> ParseGpu(const std::string& text, absl::string_view where);

}  // namespace plimsoll::hardware
