// Recurrent layers, packed operands, and which operation goes where.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/codegen/cuda/library_kernel.h"
#include "compiler/codegen/cuda/library_views.h"

namespace plimsoll::codegen {

absl::StatusOr<LibraryKernel> PlanRecurrent(const plan::Recurrent& op, const CudaTarget& target) {
  if (op.packed()) return absl::UnimplementedError("a recurrent layer with packed weights");
  const int directions = op.direction() == "bidirectional" ? 2 : 1;
  if (op.direction() != "forward" && op.direction() != "reverse" && directions == 1)
    return absl::InvalidArgumentError(absl::StrCat("a recurrent layer of direction '", op.direction(), "'"));
  for (int64_t size : {op.sequence(), op.batch(), op.input_size(), op.hidden_size()})
    if (size < 0 || size >= int64_t{1} << 28)
      return absl::InvalidArgumentError(absl::StrCat("a recurrent layer's size of ", size));
  const bool lstm = op.cell() == plan::Recurrent::LSTM;
  if (op.has_initial_c() && !lstm) return absl::InvalidArgumentError("only an LSTM has an initial cell state");
  LibraryKernel kernel;
  kernel.skeleton = "recurrent";
  switch (op.cell()) {
    case plan::Recurrent::LSTM:
      kernel.function = "lstm";
      break;
    case plan::Recurrent::GRU:
      kernel.function = "gru";
      break;
    case plan::Recurrent::LINEAR_BEFORE_RESET_GRU:
      kernel.function = "linear_before_reset_gru";
      break;
    case plan::Recurrent::VANILLA_TANH:
      kernel.function = "vanilla_tanh";
      break;
    case plan::Recurrent::VANILLA_RELU:
      kernel.function = "vanilla_relu";
      break;
    default:
      return absl::UnimplementedError("a recurrent cell of unknown kind");
  }
  const bool quantized = op.quantized() != plan::DATA_TYPE_UNDEFINED;
  if (quantized && (!lstm || (op.quantized() != plan::I8 && op.quantized() != plan::U8)))
    return absl::UnimplementedError("a quantized recurrent layer that is no LSTM of 8-bit integers");
  device::Recurrent layer = {};
  layer.cell = static_cast<int>(op.cell());
  layer.directions = directions;
  layer.reverse = op.direction() == "reverse";
  layer.sequence = static_cast<int>(op.sequence());
  layer.batch = static_cast<int>(op.batch());
  layer.inputs = static_cast<int>(op.input_size());
  layer.hidden = static_cast<int>(op.hidden_size());
  auto width = [](int64_t size) { return size % 4 == 0 ? 4 : size % 2 == 0 ? 2 : 1; };
  layer.width_inputs = width(op.input_size());
  layer.width_hidden = width(op.hidden_size());
  layer.quantized = static_cast<int>(op.quantized());
  int operand = 3;
  auto take = [&](bool present) { return present ? operand++ : device::kNone; };
  layer.bias = take(op.has_bias());
  layer.initial_h = take(op.has_initial_h());
  layer.initial_c = take(op.has_initial_c());
  layer.quantization = take(quantized);
  kernel.read_only = 7;  // the weights and X; initial states may be the last ones' memory
  if (layer.bias != device::kNone) kernel.read_only |= uint64_t{1} << layer.bias;
  if (layer.quantization != device::kNone) kernel.read_only |= uint64_t{1} << layer.quantization;
  layer.y = operand++;
  layer.last_h = operand++;
  layer.last_c = take(lstm);
  kernel.operands = operand;
  kernel.threads = 512;
  kernel.blocks_of_multiprocessor = 1;
  // Rows of the batch that share what a block reads of the weights, while there are multiprocessors without work.
  const int64_t batch = op.batch();
  layer.rows = 1;
  while (layer.rows < 4 && directions * ((batch + layer.rows - 1) / layer.rows) > target.multiprocessors)
    layer.rows *= 2;
  if (batch * op.hidden_size() > 0) kernel.blocks = directions * ((batch + layer.rows - 1) / layer.rows);
  if (quantized) {
    kernel.function = "quantized_lstm";
    if (kernel.blocks > 0) kernel.blocks = directions;
  }
  kernel.description.assign(reinterpret_cast<const char*>(&layer), sizeof(layer));
  return kernel;
}

absl::StatusOr<LibraryKernel> PlanPack(const plan::Pack& op, const CudaTarget& target) {
  const plan::MemoryDesc* wanted = nullptr;
  if (op.target().has_matmul() && op.operand() == 0) wanted = &op.target().matmul().a();
  if (op.target().has_matmul() && op.operand() == 1) wanted = &op.target().matmul().b();
  if (op.target().has_convolution() && op.operand() == 1) wanted = &op.target().convolution().weights();
  if (wanted == nullptr) return absl::UnimplementedError("only the factors of a product and weights are packed");
  auto from = TensorOf(op.from()), to = TensorOf(*wanted);
  if (!from.ok()) return from.status();
  if (!to.ok()) return to.status();
  if (from->dims != to->dims || from->dtype != to->dtype)
    return absl::InvalidArgumentError("a pack operation changes the shape or the element type");
  device::Copy copy = {};
  copy.size = BytesOf(from->dtype);
  AxisStrides axis{&copy.elements, {copy.from, copy.to}};
  // The destination's fastest dim is the last.
  std::vector<size_t> order(from->dims.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return to->strides[a] > to->strides[b]; });
  for (size_t dim : order) {
    if (absl::Status added = AddDim(axis, from->dims[dim], {from->strides[dim], to->strides[dim]}); !added.ok())
      return added;
  }
  if (absl::Status closed = Close(axis); !closed.ok()) return closed;
  LibraryKernel kernel;
  kernel.skeleton = "copy";
  kernel.function = "copy";
  kernel.operands = 2;
  kernel.read_only = 1;
  kernel.blocks = std::min<int64_t>((int64_t{copy.elements.count} + 255) / 256, int64_t{target.multiprocessors} * 32);
  kernel.description.assign(reinterpret_cast<const char*>(&copy), sizeof(copy));
  return kernel;
}

absl::StatusOr<LibraryKernel> PlanLibraryKernel(const plan::LibraryOp& op, const CudaTarget& target) {
  switch (op.op_case()) {
    case plan::LibraryOp::kMatmul:
      return PlanMatmul(op.matmul(), target);
    case plan::LibraryOp::kConvolution:
      return PlanConvolution(op.convolution(), target);
    case plan::LibraryOp::kPool:
      return PlanPool(op.pool(), target);
    case plan::LibraryOp::kRecurrent:
      return PlanRecurrent(op.recurrent(), target);
    case plan::LibraryOp::kAttention:
      return PlanAttention(op.attention(), target);
    case plan::LibraryOp::kAttentionGradient:
      return PlanAttentionGradient(op.attention_gradient(), target);
    case plan::LibraryOp::kPack:
      return PlanPack(op.pack(), target);
    default:
      return absl::UnimplementedError("a library operation without a generated kernel");
  }
}

}  // namespace plimsoll::codegen
