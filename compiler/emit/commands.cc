// One operation of the graph as one command (or none, or copies).
#include "absl/strings/str_cat.h"
#include "compiler/emit/emission.h"
#include "compiler/emit/types.h"
#include "passes/checkpoint/block_problem.h"

namespace plimsoll::compiler {
namespace {

using plan::Operand;

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
