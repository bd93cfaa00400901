#include "runtime/library/cudnn/cudnn.h"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/library/cudnn/api.h"
#include "runtime/library/cudnn/descriptors.h"
#include "runtime/library/cudnn/layer.h"
#include "runtime/library/nvidia/address.h"
#include "runtime/library/nvidia/context.h"
#include "runtime/library/nvidia/nothing.h"

namespace plimsoll::runtime::cudnn {
namespace {

using Context = nvidia::Context<Api, Handle>;

struct Algorithm {
  int number = 0;
  int math_type = 0;
};

class PreparedLayer : public PreparedOp {
 public:
  PreparedLayer(const Layer& layer, int64_t workspace_bytes, nvidia::Alignments alignments, const Api* api)
      : layer_(layer),
        workspace_bytes_(workspace_bytes),
        alignments_(std::move(alignments)),
        api_(api),
        descriptors_(*api) {}

  absl::Status Make(const PrepareOptions& options) {
    absl::StatusOr<std::shared_ptr<Context>> context = Context::Of(api_, options.device, "cudnnCreate");
    if (!context.ok()) return context.status();
    context_ = *std::move(context);
    std::lock_guard lock(context_->mutex());
    if (absl::Status status = descriptors_.Make(layer_); !status.ok()) return status;
    absl::StatusOr<std::vector<Algorithm>> candidates = Candidates();
    if (!candidates.ok()) return candidates.status();
    candidates_ = *std::move(candidates);
    return Use(candidates_.front());
  }

  // Keeps the fastest of the candidates; those that do not run are passed over.
  absl::Status Tune(Tuner& tuner) {
    double best = std::numeric_limits<double>::infinity();
    Algorithm fastest = candidates_.front();
    for (const Algorithm& candidate : candidates_) {
      if (!Use(candidate).ok()) continue;
      absl::StatusOr<double> seconds =
          tuner.Seconds([&](absl::Span<void* const> operands, StreamHandle stream) { return Run(operands, stream); });
      if (seconds.ok() && *seconds < best) {
        best = *seconds;
        fastest = candidate;
      }
    }
    return Use(fastest);
  }

  absl::Status Run(absl::Span<void* const> operands, StreamHandle stream) override {
    if (absl::Status status = alignments_.Check(operands, "cuDNN"); !status.ok()) return status;
    const nvidia::Block workspace =
        nvidia::Aligned(workspace_bytes_ > 0 ? operands.back() : nullptr, workspace_bytes_, kWorkspaceAlignment);
    void* const x = operands[layer_.x.operand];
    void* const y = operands[layer_.y.operand];
    const void* const weights = operands[layer_.weights_operand];
    const float one = 1, zero = 0;
    const float* const kept = layer_.addend == Layer::Addend::kNone ? &zero : &one;
    std::lock_guard lock(context_->mutex());
    if (absl::Status s = ToStatus(*api_, api_->SetStream(context_->handle(), stream), "cudnnSetStream"); !s.ok())
      return s;
    if (layer_.is_fused()) {
      return ToStatus(*api_,
                      api_->BiasActivationForward(context_->handle(), &one, descriptors_.x(), x, descriptors_.weights(),
                                                  weights, descriptors_.convolution(), algorithm_.number,
                                                  workspace.address, workspace.bytes, kept, descriptors_.y(),
                                                  layer_.addend_operand >= 0 ? operands[layer_.addend_operand] : y,
                                                  descriptors_.bias(), operands[layer_.bias_operand],
                                                  descriptors_.activation(), descriptors_.y(), y),
                      "cudnnConvolutionBiasActivationForward");
    }
    if (!layer_.is_transposed) {
      return ToStatus(*api_,
                      api_->Forward(context_->handle(), &one, descriptors_.x(), x, descriptors_.weights(), weights,
                                    descriptors_.convolution(), algorithm_.number, workspace.address, workspace.bytes,
                                    kept, descriptors_.y(), y),
                      "cudnnConvolutionForward");
    }
    absl::Status status =
        ToStatus(*api_,
                 api_->BackwardData(context_->handle(), &one, descriptors_.weights(), weights, descriptors_.y(), y,
                                    descriptors_.convolution(), algorithm_.number, workspace.address, workspace.bytes,
                                    &zero, descriptors_.x(), x),
                 "cudnnConvolutionBackwardData");
    if (!status.ok() || layer_.bias_operand < 0) return status;
    return ToStatus(*api_,
                    api_->AddTensor(context_->handle(), &one, descriptors_.bias(), operands[layer_.bias_operand], &one,
                                    descriptors_.x(), x),
                    "cudnnAddTensor");
  }

  int64_t workspace_bytes() const override { return workspace_bytes_; }
  int operand_count() const override { return layer_.operands + (workspace_bytes_ > 0 ? 1 : 0); }

 private:
  absl::Status Use(const Algorithm& algorithm) {
    algorithm_ = algorithm;
    return descriptors_.SetMathType(algorithm.math_type);
  }

  absl::StatusOr<size_t> WorkspaceOf(const Algorithm& algorithm) {
    if (absl::Status status = Use(algorithm); !status.ok()) return status;
    size_t bytes = 0;
    const int code =
        layer_.is_transposed
            ? api_->GetBackwardDataWorkspaceSize(context_->handle(), descriptors_.weights(), descriptors_.y(),
                                                 descriptors_.convolution(), descriptors_.x(), algorithm.number, &bytes)
            : api_->GetForwardWorkspaceSize(context_->handle(), descriptors_.x(), descriptors_.weights(),
                                            descriptors_.convolution(), descriptors_.y(), algorithm.number, &bytes);
    if (absl::Status status = ToStatus(*api_, code, "a workspace's size"); !status.ok()) return status;
    return bytes;
  }

  // By the library's own estimate, the fastest first.
  absl::StatusOr<std::vector<Algorithm>> Candidates() {
    std::array<Performance, kForwardAlgorithms> results = {};
    int returned = 0;
    const int code = layer_.is_transposed
                         ? api_->GetBackwardDataAlgorithm(context_->handle(), descriptors_.weights(), descriptors_.y(),
                                                          descriptors_.convolution(), descriptors_.x(),
                                                          kBackwardDataAlgorithms, &returned, results.data())
                         : api_->GetForwardAlgorithm(context_->handle(), descriptors_.x(), descriptors_.weights(),
                                                     descriptors_.convolution(), descriptors_.y(), kForwardAlgorithms,
                                                     &returned, results.data());
    const absl::Status status = ToStatus(*api_, code, "an algorithm's choice");
    if (!status.ok() && !absl::IsUnimplemented(status)) return status;
    const uint64_t workspace = alignments_.Usable(layer_.operands, workspace_bytes_, kWorkspaceAlignment);
    std::vector<Algorithm> found;
    for (int i = 0; status.ok() && i < std::min<int>(returned, results.size()); ++i) {
      const Performance& result = results[i];
      // The same input gives the same bytes.
      if (result.status != kSuccess || result.determinism != kDeterministic || result.memory > workspace) continue;
      // f32 stays f32: the descriptor asks for no other, and keeps asking for it.
      const bool is_exact = layer_.dtype == plan::F32 && !layer_.tf32;
      if (is_exact && result.math_type == kTensorOpMath) continue;
      // Without an activation the fused call has this algorithm only.
      if (layer_.is_fused() && !layer_.has_relu && result.algorithm != kImplicitPrecompGemm) continue;
      const Algorithm algorithm{result.algorithm, is_exact ? static_cast<int>(kFmaMath) : result.math_type};
      absl::StatusOr<size_t> bytes = WorkspaceOf(algorithm);
      if (bytes.ok() && *bytes <= workspace) found.push_back(algorithm);
    }
    if (found.empty()) {
      return absl::UnimplementedError(absl::StrCat("cuDNN has no algorithm here for ", Description(), " within ",
                                                   workspace, " bytes of workspace", status.ok() ? "" : ": ",
                                                   status.message()));
    }
    return found;
  }

  std::string Description() const {
    auto dims = [](const std::vector<int>& list) { return absl::StrJoin(list, "x"); };
    return absl::StrCat(layer_.is_transposed ? "a transposed convolution of " : "a convolution of ",
                        plan::DataType_Name(layer_.dtype), layer_.channels_last ? ", channels last, " : ", ",
                        dims(layer_.x.dims), " * ", dims(layer_.weights_dims), " -> ", dims(layer_.y.dims), ", pads ",
                        dims(layer_.pads), ", strides ", dims(layer_.strides), ", dilations ", dims(layer_.dilations),
                        ", ", layer_.groups, " groups");
  }

  const Layer layer_;
  const int64_t workspace_bytes_;
  const nvidia::Alignments alignments_;
  const Api* const api_;
  std::shared_ptr<Context> context_;
  Descriptors descriptors_;
  std::vector<Algorithm> candidates_;
  Algorithm algorithm_;
};

}  // namespace

absl::StatusOr<Requirements> Query(const plan::LibraryOp& op, const plan::Target& target, bool constant_weights) {
  absl::StatusOr<Layer> layer = LayerOf(op, target);
  if (!layer.ok()) return layer.status();
  Requirements requirements{layer->workspace_bytes, {}};
  if (layer->wanted_packed_bytes == 0) return requirements;
  if (!constant_weights) return absl::UnimplementedError("weights with channels first, beside data with channels last");
  requirements.packed.push_back({layer->weights_operand, layer->wanted_packed_bytes});
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
  absl::StatusOr<nvidia::Alignments> alignments =
      nvidia::Alignments::Make(options.alignments, layer->operands + (op.workspace_bytes() > 0 ? 1 : 0));
  if (!alignments.ok()) return alignments.status();
  if (alignments->Least() < nvidia::kOperandAlignment) {
    return absl::UnimplementedError("cuDNN's kernels want operands at multiples of 16 bytes");
  }
  absl::StatusOr<const Api*> api = Open();
  if (!api.ok()) return api.status();
  auto prepared = std::make_unique<PreparedLayer>(*layer, op.workspace_bytes(), *std::move(alignments), *api);
  if (absl::Status status = prepared->Make(options); !status.ok()) return status;
  if (options.tuner != nullptr) {
    if (absl::Status status = prepared->Tune(*options.tuner); !status.ok()) return status;
  }
  return prepared;
}

}  // namespace plimsoll::runtime::cudnn
