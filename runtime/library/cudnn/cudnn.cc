#include "runtime/library/cudnn/cudnn.h"

#include <memory>
#include <utility>

#include "runtime/library/cudnn/api.h"
#include "runtime/library/cudnn/convolution_graph.h"
#include "runtime/library/cudnn/graph.h"
#include "runtime/library/cudnn/layer.h"
#include "runtime/library/cudnn/prepared_graph.h"
#include "runtime/library/nvidia/nothing.h"

namespace plimsoll::runtime::cudnn {

absl::StatusOr<Requirements> Query(const plan::LibraryOp& op, const plan::Target& target, bool constant_weights) {
  absl::StatusOr<Layer> layer = LayerOf(op, target);
  if (!layer.ok()) return layer.status();
  Requirements requirements{layer->workspace_bytes, {}};
  if (layer->wanted_packed_bytes == 0) return requirements;
  if (!constant_weights) return absl::UnimplementedError("weights with channels first, beside data with channels last");
  requirements.packed.push_back({layer->weights.operand, layer->wanted_packed_bytes});
  return requirements;
}

absl::StatusOr<std::unique_ptr<PreparedOp>> Prepare(const plan::LibraryOp& op, const plan::Target& target,
                                                    const PrepareOptions& options) {
  absl::StatusOr<Layer> layer = LayerOf(op, target);
  if (!layer.ok()) return layer.status();
  if (layer->wanted_packed_bytes != 0) {
    return absl::UnimplementedError("weights with channels first, beside data with channels last");
  }
  if (op.workspace_bytes() < 0) return absl::InvalidArgumentError("a workspace of negative size");
  if (layer->is_empty) return std::make_unique<nvidia::Nothing>(layer->operands, op.workspace_bytes());
  absl::StatusOr<const Api*> api = Open();
  if (!api.ok()) return api.status();
  Graph graph(**api);
  AddConvolution(*layer, graph);
  return PreparedGraph::Make(std::move(graph),
                             {.operands = layer->operands,
                              .workspace_bytes = op.workspace_bytes(),
                              .allows_tensor_cores = layer->dtype != plan::F32 || layer->tf32,
                              .description = Describe(*layer)},
                             options);
}

}  // namespace plimsoll::runtime::cudnn
