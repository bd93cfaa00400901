#include "tests/conformance/node_target.h"

namespace plimsoll::cli {

absl::StatusOr<std::shared_ptr<const runtime::Program>> LoadOnTarget(const compiler::Plugin& compiler,
                                                                     const std::string& model, const Tensors& inputs) {
  compiler::Options options;
  options.threads = 2;
  auto compiled = CompileAndLoad(compiler, model, options, inputs);
  if (!compiled.ok()) return compiled.status();
  return std::move(compiled->program);
}

std::string ComplaintOfTarget() { return ""; }
bool HostCallsAreListed() { return false; }

}  // namespace plimsoll::cli
