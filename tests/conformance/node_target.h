// What the node tests run on: one implementation an executable.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "compiler/plugin.h"
#include "tools/plimsoll/execution.h"

namespace plimsoll::cli {

// Compiles the model for the target and loads it; a session may be made of it.
absl::StatusOr<std::shared_ptr<const runtime::Program>> LoadOnTarget(const compiler::Plugin& compiler,
                                                                     const std::string& model, const Tensors& inputs);
// What the target has to say when a test has run and its program is gone: empty, or what was wrong.
std::string ComplaintOfTarget();
// Whether plans for the target may have host calls only where a list allows them.
bool HostCallsAreListed();

}  // namespace plimsoll::cli
