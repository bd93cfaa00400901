#include "tests/conformance/node_target.h"
#include "tests/emulation/run_emulated.h"

namespace plimsoll::cli {
namespace {

// A GPU for each test.
std::unique_ptr<emulation::EmulatedGpu>& Gpu() {
  static auto* gpu = new std::unique_ptr<emulation::EmulatedGpu>();
  return *gpu;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const runtime::Program>> LoadOnTarget(const compiler::Plugin& compiler,
                                                                     const std::string& model, const Tensors& inputs) {
  Gpu().reset();
  Gpu() = std::make_unique<emulation::EmulatedGpu>();
  compiler::Options options;
  options.target = "cuda:sm_80";
  return emulation::CompileAndLoad(*Gpu(), compiler, model, options, inputs);
}

std::string ComplaintOfTarget() { return Gpu() == nullptr ? "" : Gpu()->violation(); }
bool HostCallsAreListed() { return true; }

}  // namespace plimsoll::cli
