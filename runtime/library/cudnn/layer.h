// A plan's convolution as cuDNN knows it. The rules of what the library takes, which need neither the library nor a
// device.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "ir/plan/library.pb.h"
#include "ir/plan/plan.pb.h"

namespace plimsoll::runtime::cudnn {

// A convolution y = x * w over two or three spatial dims (one is made two, the first of size 1). A transposed one is
// the gradient by the data of that convolution: the plan's src is its y, the plan's dst its x.
struct Layer {
  struct Tensor {
    int operand = 0;                     // index in the operation's order
    std::vector<int64_t> dims, strides;  // [N, C, spatial...], in elements
  };
  enum class Addend { kNone, kDestination, kOperand };

  plan::DataType dtype = plan::DATA_TYPE_UNDEFINED;
  bool is_transposed = false;
  bool channels_last = false;  // of x, y and w
  Tensor x, y;
  Tensor weights;  // [K, C / groups, spatial...]; dense, or dense [K, spatial..., C / groups]
  std::vector<int64_t> pads_begin, pads_end, strides, dilations;  // spatial
  int64_t groups = 1;
  int bias_operand = -1;  // one element a channel of the destination
  Addend addend = Addend::kNone;
  int addend_operand = -1;  // of the destination's layout
  bool has_relu = false;
  bool tf32 = false;
  bool is_empty = false;        // no element to compute: the fields above say nothing
  int operands = 0;             // of the plan's operation, without the workspace
  int64_t workspace_bytes = 0;  // the cap: WorkspaceCap
  // Bytes of the weights with their channels last, where x and y have theirs there and the plan's weights do not: the
  // library then wants operand 1 packed.
  int64_t wanted_packed_bytes = 0;

  const Tensor& destination() const { return is_transposed ? x : y; }
};

// kUnimplemented for what the library has no engine for on some architecture (deviceless_convolution_test.cc asks it), and for what
// only its run-time compiler takes. kInvalidArgument where the description contradicts itself.
absl::StatusOr<Layer> LayerOf(const plan::LibraryOp& op, const plan::Target& target);

// Most bytes of workspace that a convolution may take: one copy of each operand where the channels come first (kernels
// for tensor cores put them last), and 32 partial sums an element of the result, up to 8 MiB; 64 MiB in all.
int64_t WorkspaceCap(const Layer& layer);

}  // namespace plimsoll::runtime::cudnn
