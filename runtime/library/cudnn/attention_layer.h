// A plan's attention as cuDNN knows it. The rules of what the library takes, which need neither the library nor a
// device.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "ir/plan/library.pb.h"
#include "ir/plan/plan.pb.h"

namespace plimsoll::runtime::cudnn {

// softmax(scale q k + mask) v; plan::Attention has the dims. Strides are in elements.
struct AttentionLayer {
  struct Tensor {
    int operand = 0;  // index in the operation's order
    plan::DataType dtype = plan::DATA_TYPE_UNDEFINED;
    std::vector<int64_t> dims, strides;
  };

  Tensor q, v, dst;
  Tensor k;  // [N, G, D, T]: turned, as the product wants it
  std::optional<Tensor> mask, stats;
  float scale = 1;
  bool is_empty = false;  // no element to compute: the fields above say nothing
  int operands = 0;       // of the plan's operation, without the workspace
  int64_t workspace_bytes = 0;
};

// kUnimplemented for what the library has no engine for on the target's architecture (deviceless_attention_test.cc asks
// it), and for what it does not document; kInvalidArgument where the description contradicts itself.
absl::StatusOr<AttentionLayer> AttentionLayerOf(const plan::LibraryOp& op, const plan::Target& target);

}  // namespace plimsoll::runtime::cudnn
