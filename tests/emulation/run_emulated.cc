#include "tests/emulation/run_emulated.h"

#include <filesystem>
#include <utility>
#include <vector>

#include "ir/plan/artefact.h"

namespace plimsoll::emulation {

absl::StatusOr<std::shared_ptr<const runtime::Program>> CompileAndLoad(EmulatedGpu& gpu, const compiler::Plugin& compiler,
                                                                       const std::string& model,
                                                                       compiler::Options options,
                                                                       const cli::Tensors& inputs) {
  EmulatedGpu::SetOptions(options);
  for (const auto& [name, tensor] : inputs) {
    options.shapes.try_emplace(name, std::vector<int64_t>(tensor.type.dims().begin(), tensor.type.dims().end()));
    options.available_values.try_emplace(name, tensor.bytes);
  }
  absl::StatusOr<compiler::Compiled> compiled = compiler.compile(model, options);
  if (!compiled.ok()) return compiled.status();
  if (absl::Status status = gpu.Install(*compiled); !status.ok()) return status;
  auto bytes = plan::WriteArtefactToMemory(compiled->artefact);
  if (!bytes.ok()) return bytes.status();
  auto artefact = plan::ReadArtefactFromMemory(*std::move(bytes));
  if (!artefact.ok()) return artefact.status();
  runtime::LoadOptions load;
  load.verify_weights = false;  // written a moment ago
  load.weights_directory = std::filesystem::absolute(model).parent_path().string();
  load.device = gpu.device();
  return runtime::Program::Load(*std::move(artefact), load);
}

}  // namespace plimsoll::emulation
