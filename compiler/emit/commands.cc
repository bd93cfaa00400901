// One operation of the graph as one command (or none, or copies).
#include "absl/strings/str_cat.h"
#include "compiler/emit/emission.h"
#include "compiler/emit/library_ops.h"
#include "compiler/emit/types.h"
#include "passes/checkpoint/block_problem.h"
#include "passes/select/library_model.h"

namespace plimsoll::compiler {
namespace {

using plan::Operand;

double FlopsOf(mlir::Operation* op) {
  auto cost = llvm::dyn_cast<graph::CostInterface>(op);
  if (!cost) return 0;
  const graph::Cost work = cost.cost();
  return work.contraction_flops + work.vector_flops;
}

absl::Status AtNode(const absl::Status& status, mlir::Operation* op) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat("node '", NodeName(op->getLoc()), "' (",
                                                  op->getName().getStringRef().str(), "): ", status.message()));
}

}  // namespace

absl::Status Emission::EmitBlock(Target& target, mlir::Block& block) {
  for (mlir::Operation& op : block.without_terminator()) {
    if (load_time_.Contains(&op)) continue;
    const int before = target.builder.commands();
    if (absl::Status status = EmitOperation(target, &op); !status.ok()) return status;
    if (op.hasAttr(passes::kRecomputedAttribute) && target.builder.commands() > before) {
      target.builder.program().mutable_commands()->rbegin()->set_recomputed(true);
    }
  }
  return absl::OkStatus();
}

absl::Status Emission::EmitOperation(Target& target, mlir::Operation* op) {
  if (auto view = llvm::dyn_cast<graph::ViewInterface>(op); view && view.viewByteOffset()) return absl::OkStatus();
  if (auto concat = llvm::dyn_cast<graph::ConcatOp>(op); concat && StorageMap::IsContiguous(concat)) {
    return EmitConcat(target, concat);
  }
  if (auto branch = llvm::dyn_cast<graph::IfOp>(op)) return EmitIf(target, branch);
  if (auto loop = llvm::dyn_cast<graph::LoopOp>(op)) return EmitLoop(target, loop);
  if (llvm::isa<graph::LibraryCallInterface>(op)) return AtNode(EmitLibraryCall(target, op), op);
  if (auto call = llvm::dyn_cast<graph::HostCallInterface>(op)) return AtNode(EmitHostCall(target, call), op);
  return AtNode(EmitKernel(target, op), op);
}

absl::Status Emission::EmitConcat(Target& target, graph::ConcatOp op) {
  absl::StatusOr<Slice> result = SliceOf(target, op.getResult());
  if (!result.ok()) return result.status();
  int64_t offset = result->offset;
  for (mlir::Value operand : op.getOperands()) {
    const int64_t bytes = BytesOf(operand);
    absl::Status status = Copy(target, NodeName(op.getLoc()), operand, {result->buffer, offset, bytes});
    if (!status.ok()) return status;
    offset += bytes;
  }
  return absl::OkStatus();
}

void Emission::AllowInPlace(Target& target, mlir::Value from, mlir::Value to) {
  if (!storages_.IsWhole(from) || !storages_.IsWhole(to)) return;
  const Place source = storages_.Find(from), result = storages_.Find(to);
  // The validator takes an operand's bytes for overwritten once its buffer ends; what lives in parts is left alone.
  if (source.storage == result.storage || storages_.storage(source.storage).load_time ||
      storages_.storage(result.storage).load_time) {
    return;
  }
  target.builder.AllowInPlace(target.buffers[source.storage], target.buffers[result.storage]);
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
  if (kernel->tiles == 0) return absl::OkStatus();
  std::vector<std::pair<Slice, Operand::Access>> slices;
  for (mlir::Value operand : op->getOperands()) {
    absl::StatusOr<Slice> slice = SliceOf(target, operand);
    if (!slice.ok()) return slice.status();
    slices.push_back({*slice, Operand::READ});
  }
  for (mlir::Value result : op->getResults()) {
    absl::StatusOr<Slice> slice = SliceOf(target, result);
    if (!slice.ok()) return slice.status();
    slices.push_back({*slice, Operand::WRITE});
  }
  // Only now: making a buffer may itself add a command.
  plan::Command& command = target.builder.AddCommand(NodeName(op->getLoc()), FlopsOf(op));
  command.mutable_launch()->set_symbol(kernel->symbol);
  command.mutable_launch()->set_tiles(kernel->tiles);
  command.mutable_launch()->set_tiles_per_task(kernel->tiles_per_task);
  for (const auto& [slice, access] : slices) ProgramBuilder::AddOperand(command, slice, access);
  for (auto [operand, result] : kernel->in_place) AllowInPlace(target, op->getOperand(operand), op->getResult(result));
  return absl::OkStatus();
}

absl::Status Emission::EmitLibraryCall(Target& target, mlir::Operation* op) {
  absl::StatusOr<LibraryTranslation> translation = TranslateToLibrary(op);
  if (!translation.ok()) return translation.status();
  auto workspace = op->getAttrOfType<mlir::IntegerAttr>(passes::kWorkspaceAttribute);
  if (!workspace) return absl::InternalError("the select pass did not see it");
  // Which operands come packed.
  llvm::SmallDenseMap<unsigned, int64_t> packed;
  if (auto list = op->getAttrOfType<mlir::DenseI64ArrayAttr>(passes::kPackedAttribute)) {
    for (int64_t i = 0; i + 1 < list.size(); i += 2) packed[list[i]] = list[i + 1];
  }
  plan::LibraryOp call = translation->op;
  for (size_t i = 0; i < translation->operands.size(); ++i) {
    const auto at = packed.find(translation->operands[i]);
    if (at == packed.end()) continue;
    plan::MemoryDesc* desc = PackableDesc(call, static_cast<int>(i));
    if (desc == nullptr) return absl::InternalError("an operand that cannot be packed");
    desc->set_packed_bytes(at->second);
  }
  call.set_workspace_bytes(workspace.getInt());

  const std::string node = NodeName(op->getLoc());
  std::vector<std::pair<Slice, Operand::Access>> slices;
  for (size_t i = 0; i < translation->operands.size(); ++i) {
    const unsigned number = translation->operands[i];
    mlir::Value operand = op->getOperand(number);
    const auto at = packed.find(number);
    absl::StatusOr<Slice> slice = at == packed.end()
                                      ? SliceOf(target, operand)
                                      : PackedSlice(op, operand, call, static_cast<int>(i), at->second);
    if (!slice.ok()) return slice.status();
    slices.push_back({*slice, Operand::READ});
  }
  const int summed = translation->summed_operand;
  for (mlir::Value result : op->getResults()) {
    absl::StatusOr<Slice> slice = SliceOf(target, result);
    if (!slice.ok()) return slice.status();
    slices.push_back({*slice, summed < 0 ? Operand::WRITE : Operand::READ_WRITE});
    if (summed < 0) continue;
    if (absl::Status status = Copy(target, node, op->getOperand(summed), *slice); !status.ok()) return status;
  }
  if (workspace.getInt() > 0) {
    const int buffer = target.builder.AddBuffer("", workspace.getInt(), plan::WORKSPACE);
    slices.push_back({{buffer, 0, workspace.getInt()}, Operand::WRITE});
  }
  plan::Command& command = target.builder.AddCommand(node, FlopsOf(op));
  *command.mutable_library_call()->mutable_op() = std::move(call);
  for (const auto& [slice, access] : slices) ProgramBuilder::AddOperand(command, slice, access);
  return absl::OkStatus();
}

absl::Status Emission::EmitHostCall(Target& target, graph::HostCallInterface op) {
  plan::HostCall call;
  call.set_function(op.hostFunction().str());
  for (mlir::NamedAttribute attribute : op.hostAttributes()) {
    absl::StatusOr<plan::Attribute> value = AttributeOf(attribute.getValue());
    if (!value.ok()) return value.status();
    (*call.mutable_attributes())[attribute.getName().str()] = *std::move(value);
  }
  for (mlir::Value result : op->getResults()) NewSlots(result);
  // An absent optional input has no operand in the graph, and one of no bytes in the command.
  llvm::SmallVector<mlir::Value> inputs;
  if (auto host = llvm::dyn_cast<graph::HostCallOp>(op.getOperation())) {
    size_t next = 0;
    for (int64_t present : host.getPresent()) {
      inputs.push_back(present && next < op->getNumOperands() ? op->getOperand(next++) : mlir::Value());
    }
    for (; next < op->getNumOperands(); ++next) inputs.push_back(op->getOperand(next));
  } else {
    inputs.assign(op->operand_begin(), op->operand_end());
  }
  std::vector<std::pair<Slice, Operand::Access>> slices;
  llvm::SmallVector<mlir::Value> all = inputs;
  all.append(op->result_begin(), op->result_end());
  call.set_inputs(static_cast<int>(inputs.size()));
  for (auto [i, value] : llvm::enumerate(all)) {
    plan::TensorType& type = *call.add_operand_types();
    const Operand::Access access = i < inputs.size() ? Operand::READ : Operand::WRITE;
    if (!value) {
      slices.push_back({{-1, 0, 0}, access});
      continue;
    }
    absl::StatusOr<plan::TensorType> known = TypeOf(value);
    if (!known.ok()) return known.status();
    type = *std::move(known);
    absl::StatusOr<Slice> slice = SliceOf(target, value);
    if (!slice.ok()) return slice.status();
    slices.push_back({*slice, access});
  }
  plan::Command& command = target.builder.AddCommand(NodeName(op->getLoc()), FlopsOf(op));
  *command.mutable_host_call() = std::move(call);
  // A reference to a buffer of the same call stands for what is absent.
  const int any = slices.back().first.buffer;
  for (auto& [slice, access] : slices) {
    if (slice.buffer < 0) slice.buffer = any;
    ProgramBuilder::AddOperand(command, slice, access);
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::compiler
