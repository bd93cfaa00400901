// Launches and library calls: operands where kernels and libraries can take them.
#include "compiler/emit/emission.h"
#include "compiler/emit/selected_call.h"
#include "compiler/emit/types.h"

namespace plimsoll::compiler {
namespace {

using plan::Operand;

// What generated CUDA kernels and NVIDIA's libraries read and write in one access, bytes.
constexpr int64_t kCudaAlignment = 16;

void SetLaunch(const KernelUse& kernel, plan::Launch& launch) {
  launch.set_symbol(kernel.symbol);
  if (kernel.blocks == 0) {
    launch.set_tiles(kernel.tiles);
    launch.set_tiles_per_task(kernel.tiles_per_task);
    return;
  }
  for (int64_t size : {kernel.blocks, int64_t{1}, int64_t{1}}) launch.add_grid(size);
  for (int size : {kernel.threads, 1, 1}) launch.add_block(size);
}

}  // namespace

double FlopsOf(mlir::Operation* op) {
  auto cost = llvm::dyn_cast<graph::CostInterface>(op);
  if (!cost) return 0;
  const graph::Cost work = cost.cost();
  return work.contraction_flops + work.vector_flops;
}

// Copies aside what lies at another address; returns the copies to be made after the command.
std::vector<std::pair<Slice, Slice>> Emission::AlignOperands(Target& target, const std::string& node,
                                                             std::vector<Use>& uses) {
  std::vector<std::pair<Slice, Slice>> after;
  if (!is_cuda()) return after;
  for (Use& use : uses) {
    if (use.slice.offset % kCudaAlignment == 0 || use.slice.length == 0) continue;
    const Slice there = use.slice;
    use.slice = {target.builder.AddBuffer(node, there.length, plan::ACTIVATIONS), 0, there.length};
    if (use.access != Operand::WRITE) target.builder.AddCopy(node, there, use.slice);
    if (use.access != Operand::READ) after.push_back({use.slice, there});
  }
  return after;
}

void Emission::AddLaunch(Target& target, mlir::Operation* op, const KernelUse& kernel, std::vector<Use> uses) {
  const std::string node = NodeName(op->getLoc());
  const auto after = AlignOperands(target, node, uses);
  plan::Command& command = target.builder.AddCommand(node, FlopsOf(op));
  SetLaunch(kernel, *command.mutable_launch());
  for (const Use& use : uses) ProgramBuilder::AddOperand(command, use.slice, use.access);
  for (auto [operand, result] : kernel.in_place) AllowInPlace(target, op->getOperand(operand), op->getResult(result));
  for (const auto& [from, to] : after) target.builder.AddCopy(node, from, to);
}

// `uses`: without the workspace.
absl::Status Emission::AddLibraryCall(Target& target, mlir::Operation* op, plan::LibraryOp call,
                                      std::vector<Use> uses) {
  call.set_tf32(request_.tf32);
  const KernelUse* kernel = request_.library_kernel ? request_.library_kernel(call) : nullptr;
  if (call.library().empty()) {
    if (kernel == nullptr) return absl::UnimplementedError("the target has neither a library nor a kernel for it");
    if (!kernel->empty()) AddLaunch(target, op, *kernel, std::move(uses));
    return absl::OkStatus();
  }
  const std::string node = NodeName(op->getLoc());
  const auto after = AlignOperands(target, node, uses);
  if (const int64_t bytes = call.workspace_bytes(); bytes > 0) {
    uses.push_back({{target.builder.AddBuffer("", bytes, plan::WORKSPACE), 0, bytes}, Operand::WRITE});
  }
  plan::Command& command = target.builder.AddCommand(node, target.is_load ? 0 : FlopsOf(op));
  if (kernel != nullptr && !kernel->empty()) SetLaunch(*kernel, *command.mutable_library_call()->mutable_fallback());
  *command.mutable_library_call()->mutable_op() = std::move(call);
  for (const Use& use : uses) ProgramBuilder::AddOperand(command, use.slice, use.access);
  for (const auto& [from, to] : after) target.builder.AddCopy(node, from, to);
  return absl::OkStatus();
}

absl::Status Emission::EmitKernel(Target& target, mlir::Operation* op) {
  const KernelUse* kernel = request_.kernel(op);
  if (kernel == nullptr) {
    const bool is_static = llvm::all_of(op->getOperandTypes(), [](mlir::Type type) {
      return llvm::cast<mlir::RankedTensorType>(type).hasStaticShape();
    });
    return absl::UnimplementedError(is_static ? "no kernel can be generated for it"
                                              : "it works on a shape that is known only at run time");
  }
  if (kernel->empty()) return absl::OkStatus();
  std::vector<Use> uses;
  for (mlir::Value operand : op->getOperands()) {
    absl::StatusOr<Slice> slice = SliceOf(target, operand);
    if (!slice.ok()) return slice.status();
    uses.push_back({*slice, Operand::READ});
  }
  for (mlir::Value result : op->getResults()) {
    absl::StatusOr<Slice> slice = SliceOf(target, result);
    if (!slice.ok()) return slice.status();
    uses.push_back({*slice, Operand::WRITE});
  }
  // Only now: making a buffer may itself add a command.
  AddLaunch(target, op, *kernel, std::move(uses));
  return absl::OkStatus();
}

absl::Status Emission::EmitLibraryCall(Target& target, mlir::Operation* op) {
  absl::StatusOr<SelectedCall> selected = SelectedCallOf(op);
  if (!selected.ok()) return selected.status();
  const LibraryTranslation& translation = selected->translation;
  const std::string node = NodeName(op->getLoc());
  std::vector<Use> uses;
  for (size_t i = 0; i < translation.operands.size(); ++i) {
    mlir::Value operand = op->getOperand(translation.operands[i]);
    const int64_t packed = selected->packed_bytes[i];
    absl::StatusOr<Slice> slice = packed == 0 ? SliceOf(target, operand)
                                              : PackedSlice(op, operand, translation.op, static_cast<int>(i), packed);
    if (!slice.ok()) return slice.status();
    uses.push_back({*slice, Operand::READ});
  }
  const int summed = translation.summed_operand;
  for (mlir::Value result : op->getResults()) {
    absl::StatusOr<Slice> slice = SliceOf(target, result);
    if (!slice.ok()) return slice.status();
    uses.push_back({*slice, summed < 0 ? Operand::WRITE : Operand::READ_WRITE});
    if (summed < 0) continue;
    if (absl::Status status = Copy(target, node, op->getOperand(summed), *slice); !status.ok()) return status;
  }
  return AddLibraryCall(target, op, translation.op, std::move(uses));
}

absl::Status Emission::EmitPack(Packed& packed) {
  ProgramBuilder& builder = load_.builder;
  absl::StatusOr<Slice> source = SliceOf(load_, packed.source);
  if (!source.ok()) return source.status();
  absl::StatusOr<int64_t> workspace = request_.workspace(packed.pack);
  if (!workspace.ok()) return workspace.status();
  packed.pack.set_workspace_bytes(*workspace);
  packed.load_buffer = builder.AddBuffer(NodeName(packed.source.getLoc()), packed.bytes, plan::WEIGHTS);
  builder.KeepToEnd(packed.load_buffer);
  return AddLibraryCall(load_, packed.user, packed.pack,
                        {{*source, Operand::READ}, {{packed.load_buffer, 0, packed.bytes}, Operand::WRITE}});
}

}  // namespace plimsoll::compiler
