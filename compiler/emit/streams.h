// Several streams for a placed program: commands that do not depend on each other may run at one time on a GPU. Addresses
// stay as they are, so that this costs no memory; what reuses bytes waits for those before it, by events.
#pragma once

#include <functional>

#include "ir/plan/plan.pb.h"

namespace plimsoll::compiler {

// What a command takes of the GPU when it runs alone.
struct CommandCost {
  double seconds = 0;
  double share = 1;   // of the GPU's multiprocessors that it keeps busy, in (0, 1]
};

struct StreamOptions {
  int most_streams = 4;
  double least_gain = 0.03;   // of the estimated time; below it, everything stays on one stream
};

struct StreamEstimate {
  int streams = 1;
  double serial_seconds = 0;     // one command after the other
  double seconds = 0;            // as assigned
};

// Assigns streams and inserts the events [P3] asks for; intervals of buffers follow the new numbers, and the certificate is
// stated again. Programs with branches, loops or host calls are left on one stream: their order is the host's.
StreamEstimate AssignStreams(plan::Plan& plan, const std::function<CommandCost(const plan::Command&)>& cost,
                             const StreamOptions& options = {});

}  // namespace plimsoll::compiler
