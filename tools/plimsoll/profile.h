// Where the time of a run goes.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "runtime/session.h"
#include "tools/plimsoll/command.h"

namespace plimsoll::cli {

struct CommandTime {
  int command = 0;
  double seconds = 0;  // median of the timed runs
};

// The time of each outermost command; a branch's or a loop's holds its body's. Longest first. On a GPU the host waits for each
// command, so that a launch costs some microseconds more than in a run.
absl::StatusOr<std::vector<CommandTime>> Profile(runtime::Session& session, int runs);

// Into `json` ("profile": command, seconds, kind, node, bytes, flops), and as a table unless `as_json`.
void ShowProfile(const plan::Plan& plan, const std::vector<CommandTime>& times, Json& json, bool as_json);

}  // namespace plimsoll::cli
