#include "runtime/library/cudnn/cudnn.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/library/cudnn/api.h"
#include "runtime/library/cudnn/attention_graph.h"
#include "runtime/library/cudnn/attention_layer.h"
#include "runtime/library/cudnn/convolution_graph.h"
#include "runtime/library/cudnn/graph.h"
#include "runtime/library/cudnn/layer.h"
#include "runtime/library/cudnn/prepared_graph.h"
#include "runtime/library/nvidia/nothing.h"

namespace plimsoll::runtime::cudnn {

namespace {

absl::StatusOr<std::unique_ptr<PreparedOp>> PrepareConvolution(const plan::LibraryOp& op, const plan::Target& target,
                                                               const PrepareOptions& options) {
  absl::StatusOr<Layer> layer = LayerOf(op, target);
  if (!layer.ok()) return layer.status();
  if (layer->wanted_packed_bytes != 0) {
    return absl::UnimplementedError("weights with channels first, beside data with channels last");
  }
  if (layer->is_empty) return std::make_unique<nvidia::Nothing>(layer->operands, op.workspace_bytes());
  absl::StatusOr<const Api*> api = Open();
  if (!api.ok()) return api.status();
  Graph graph(**api);
  AddConvolution(*layer, graph);
  return PreparedGraph::Make(std::move(graph),
                             {.operands = layer->operands,
                              .workspace_bytes = op.workspace_bytes(),
                              .allows_tensor_cores = layer->dtype != plan::F32 || layer->tf32,
                              .description = Describe(*layer),
                              .key = op.SerializeAsString()},
                             options);
}

absl::StatusOr<std::unique_ptr<PreparedOp>> PrepareAttention(const plan::LibraryOp& op, const plan::Target& target,
                                                             const PrepareOptions& options) {
  absl::StatusOr<AttentionLayer> layer = AttentionLayerOf(op, target);
  if (!layer.ok()) return layer.status();
  if (layer->is_empty) return std::make_unique<nvidia::Nothing>(layer->operands, op.workspace_bytes());
  absl::StatusOr<const Api*> api = Open();
  if (!api.ok()) return api.status();
  // NVIDIA's frontend refuses these two for known errors of attention in f16 and bf16.
  if (const size_t version = (*api)->GetVersion(); version == 91000 || version == 91001) {
    return absl::UnimplementedError(
        absl::StrCat("cuDNN ", version, " computes attention wrongly: 9.10.2 or later is needed"));
  }
  Graph graph(**api);
  AddAttention(*layer, graph);
  return PreparedGraph::Make(std::move(graph),
                             {.operands = layer->operands,
                              .workspace_bytes = op.workspace_bytes(),
                              .description = Describe(*layer),
                              .key = op.SerializeAsString()},
                             options);
}

}  // namespace

absl::StatusOr<Requirements> Query(const plan::LibraryOp& op, const plan::Target& target, bool constant_weights) {
  if (op.has_attention()) {
    absl::StatusOr<AttentionLayer> attention = AttentionLayerOf(op, target);
    if (!attention.ok()) return attention.status();
    return Requirements{attention->workspace_bytes, {}};
  }
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
  if (op.workspace_bytes() < 0) return absl::InvalidArgumentError("a workspace of negative size");
  return op.has_attention() ? PrepareAttention(op, target, options) : PrepareConvolution(op, target, options);
}

}  // namespace plimsoll::runtime::cudnn
