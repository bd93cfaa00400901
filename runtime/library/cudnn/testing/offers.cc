// What the real cuDNN offers, on devices that are not there, for the convolutions of plans: `cudnn_offers F.plim...`
// prints how many distinct ones have an engine within their workspace on each device.
#include <cstdio>
#include <set>
#include <string>

#include "ir/plan/artefact.h"
#include "runtime/library/cudnn/convolution_graph.h"
#include "runtime/library/cudnn/layer.h"
#include "runtime/library/cudnn/prepared_graph.h"
#include "runtime/library/cudnn/testing/deviceless.h"
#include "runtime/library/library.h"

namespace plimsoll::runtime::cudnn {
namespace {

// Operations of all programs, each once.
absl::Status Collect(const std::string& path, std::set<std::string>& operations) {
  absl::StatusOr<plan::Artefact> artefact = plan::ReadArtefact(path, {.defer_weights = true});
  if (!artefact.ok()) return artefact.status();
  for (const plan::Program* program : {&artefact->plan().load(), &artefact->plan().run()}) {
    for (const plan::Command& command : program->commands()) {
      const plan::LibraryOp& op = command.library_call().op();
      if (op.has_convolution()) operations.insert(op.SerializeAsString());
    }
  }
  return absl::OkStatus();
}

int Report(int count, char** paths) {
  absl::StatusOr<const Api*> api = OpenWithoutDevice();
  if (!api.ok()) return std::fprintf(stderr, "%s\n", api.status().ToString().c_str()), 1;
  std::set<std::string> operations;
  for (int i = 1; i < count; ++i) {
    if (absl::Status status = Collect(paths[i], operations); !status.ok()) {
      return std::fprintf(stderr, "%s: %s\n", paths[i], status.ToString().c_str()), 1;
    }
  }
  std::printf("cuDNN %zu, %zu distinct convolutions\n", (*api)->GetVersion(), operations.size());
  for (const nvidia::DeviceProperties& device : nvidia::kDevices) {
    absl::StatusOr<Descriptor> properties = PropertiesOf(**api, device);
    if (!properties.ok()) return std::fprintf(stderr, "%s\n", properties.status().ToString().c_str()), 1;
    plan::Target target;
    target.set_kind(plan::Target::CUDA);
    target.set_architecture(absl::StrCat("sm_", device.architecture));
    int refused = 0, ready_made = 0, compiled = 0;
    for (const std::string& bytes : operations) {
      plan::LibraryOp op;
      op.ParseFromString(bytes);
      absl::StatusOr<Layer> layer = LayerOf(op, target);
      if (!layer.ok()) {
        ++refused;
        continue;
      }
      Graph graph(**api);
      AddConvolution(*layer, graph);
      absl::StatusOr<Offer> offer =
          OfferFor(graph, *properties,
                   {.allows_tensor_cores = layer->dtype != plan::F32 || layer->tf32,
                    .workspace_bytes = op.workspace_bytes() - kWorkspaceAlignment + nvidia::kOperandAlignment});
      if (offer.ok() && offer->has_ready_made) {
        ++ready_made;
      } else if (offer.ok() && offer->has_compiled) {
        ++compiled;
      } else {
        std::printf("  none: %s, %s\n", Describe(*layer).c_str(), offer.status().ToString().c_str());
      }
    }
    std::printf("%-24s ready-made %d, compiled at run time %d, refused by the rules %d\n", device.name, ready_made,
                compiled, refused);
  }
  return 0;
}

}  // namespace
}  // namespace plimsoll::runtime::cudnn

int main(int count, char** paths) { return plimsoll::runtime::cudnn::Report(count, paths); }
