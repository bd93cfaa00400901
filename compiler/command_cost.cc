#include "compiler/command_cost.h"

#include <algorithm>
#include <string>

namespace plimsoll::compiler {
namespace {

constexpr double kLaunchSeconds = 2e-6;   // of a kernel in a graph; some microseconds more without
// Threads of a multiprocessor that hide the memory's latency (half of what most can hold).
constexpr double kThreads = 1024;
// Elements of a result that one multiprocessor of a matrix product works on.
constexpr double kTile = 128 * 128;

const plan::MemoryDesc* ResultOf(const plan::LibraryOp& op) {
  if (op.has_matmul()) return &op.matmul().dst();
  if (op.has_convolution()) return &op.convolution().dst();
  if (op.has_pool()) return &op.pool().dst();
  if (op.has_attention()) return &op.attention().dst();
  if (op.has_attention_gradient()) return &op.attention_gradient().dst();
  return nullptr;
}

// Of tensor cores for products of type `type`, where there are such; else of f32 without.
double RateOf(const std::string& type, const hardware::Gpu& gpu) {
  const double tensor = type.empty() ? 0 : hardware::RateOf(gpu, hardware::Rate::TENSOR, type);
  return tensor > 0 ? tensor : hardware::RateOf(gpu, hardware::Rate::VECTOR, "f32");
}
double RateOf(const plan::LibraryOp& op, const hardware::Gpu& gpu) {
  const plan::MemoryDesc* result = ResultOf(op);
  const plan::DataType type = result == nullptr ? plan::F32 : result->dtype();
  return RateOf(type == plan::BF16 ? "bf16" : type == plan::F16 ? "f16" : op.tf32() ? "tf32" : "", gpu);
}

}  // namespace

const hardware::Gpu& RepresentativeGpu(const plan::Target& target) {
  if (const auto named = hardware::FindGpu(target.gpu()); !target.gpu().empty() && named.ok()) return **named;
  const hardware::Gpu* otherwise = nullptr;
  for (const hardware::Gpu& gpu : hardware::Catalogue()) {
    if (hardware::Architecture(gpu) == target.architecture()) return gpu;
    if (otherwise == nullptr && hardware::Architecture(gpu) == "sm_80") otherwise = &gpu;
  }
  return otherwise != nullptr ? *otherwise : hardware::Catalogue().front();
}

CommandCost CostOf(const plan::Command& command, const hardware::Gpu& gpu, const CudaKernels::Kernel* kernel) {
  CommandCost cost;
  double bytes = 0;
  for (const plan::Operand& operand : command.operands()) bytes += static_cast<double>(operand.length());
  const double multiprocessors = gpu.multiprocessors().value();
  double rate = hardware::RateOf(gpu, hardware::Rate::VECTOR, "f32"), flops = command.flops();
  if (command.has_library_call()) {
    const plan::LibraryOp& op = command.library_call().op();
    rate = RateOf(op, gpu);
    double elements = 1;
    if (const plan::MemoryDesc* result = ResultOf(op)) {
      for (int64_t dim : result->dims()) elements *= static_cast<double>(dim);
    }
    cost.share = elements / (kTile * multiprocessors);
    bytes -= static_cast<double>(op.workspace_bytes());
  } else if (command.has_launch()) {
    double threads = 1;
    for (const auto* sizes : {&command.launch().grid(), &command.launch().block()}) {
      for (int64_t size : *sizes) threads *= static_cast<double>(size);
    }
    cost.share = threads / (kThreads * multiprocessors);
    if (kernel != nullptr) {
      flops *= kernel->repetition;
      rate = RateOf(kernel->tensor_type, gpu);
      // Fewer threads keep tensor cores busy.
      if (!kernel->tensor_type.empty())
        cost.share = static_cast<double>(kernel->blocks) / (kernel->blocks_of_multiprocessor * multiprocessors);
    }
  }
  cost.share = std::clamp(cost.share, 1 / multiprocessors, 1.0);
  // What keeps a part of the multiprocessors busy has that part of the rates.
  cost.seconds = kLaunchSeconds + std::max(flops / rate, bytes / gpu.memory_bandwidth().value()) / cost.share;
  return cost;
}

}  // namespace plimsoll::compiler
