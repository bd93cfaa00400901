// Branches and loops: bodies as contiguous commands.
#include "compiler/emit/emission.h"
#include "compiler/emit/types.h"

namespace plimsoll::compiler {
namespace {

using plan::Operand;

std::optional<bool> ConstantBool(mlir::Value value) {
  mlir::DenseElementsAttr elements = graph::constantOf(value);
  if (!elements || elements.getNumElements() != 1 || !elements.getElementType().isInteger(1)) return std::nullopt;
  return *elements.getValues<bool>().begin();
}

}  // namespace

absl::Status Emission::EmitIf(Target& target, graph::IfOp op) {
  ProgramBuilder& builder = target.builder;
  const std::string node = NodeName(op.getLoc());
  absl::StatusOr<Slice> condition = SliceOf(target, op.getCondition());
  if (!condition.ok()) return condition.status();
  const int branch = builder.commands();
  ProgramBuilder::AddOperand(builder.AddCommand(node), *condition, Operand::READ);
  builder.command(branch).mutable_branch();
  int begin = builder.commands();
  for (mlir::Region* region : {&op.getThenRegion(), &op.getElseRegion()}) {
    mlir::Block& body = region->front();
    if (absl::Status status = EmitBlock(target, body); !status.ok()) return status;
    for (auto [yielded, result] : llvm::zip_equal(body.getTerminator()->getOperands(), op.getResults())) {
      absl::StatusOr<Slice> to = SliceOf(target, result);
      if (!to.ok()) return to.status();
      if (absl::Status status = Copy(target, node, yielded, *to); !status.ok()) return status;
    }
    const int commands = builder.commands() - begin;
    begin = builder.commands();
    plan::Branch& counts = *builder.command(branch).mutable_branch();
    region == &op.getThenRegion() ? counts.set_then_commands(commands) : counts.set_else_commands(commands);
  }
  return absl::OkStatus();
}

absl::Status Emission::EmitLoop(Target& target, graph::LoopOp op) {
  ProgramBuilder& builder = target.builder;
  const std::string node = NodeName(op.getLoc());
  mlir::Block& body = op.getBody().front();
  auto yields = body.getTerminator()->getOperands();

  // The carried values begin as what is given.
  llvm::SmallDenseSet<int> carried;
  for (auto [initial, result] : llvm::zip_equal(op.getCarried(), op.getResults())) {
    absl::StatusOr<Slice> to = SliceOf(target, result);
    if (!to.ok()) return to.status();
    if (absl::Status status = Copy(target, node, initial, *to); !status.ok()) return status;
    carried.insert(storages_.Find(result).storage);
  }
  const bool has_condition = ConstantBool(op.getCondition()) != true || ConstantBool(yields[0]) != true;
  Slice condition;
  if (has_condition) {
    condition = {builder.AddBuffer(node + ":condition", 1, plan::ACTIVATIONS), 0, 1};
    if (absl::Status status = Copy(target, node, op.getCondition(), condition); !status.ok()) return status;
  }
  const bool has_iteration = !body.getArgument(0).use_empty();
  Slice iteration;
  if (has_iteration) {
    absl::StatusOr<Slice> slice = SliceOf(target, body.getArgument(0));
    if (!slice.ok()) return slice.status();
    iteration = *slice;
  }
  const int index = builder.commands();
  plan::Command& command = builder.AddCommand(node);
  plan::Loop& loop = *command.mutable_loop();
  loop.set_max_trips(op.getMaxTrips());
  loop.set_has_condition(has_condition);
  loop.set_has_iteration(has_iteration);
  if (has_condition) ProgramBuilder::AddOperand(command, condition, Operand::READ);
  if (has_iteration) ProgramBuilder::AddOperand(command, iteration, Operand::WRITE);
  if (absl::Status status = EmitBlock(target, body); !status.ok()) return status;

  // What one carried value takes from another is first brought aside: it may be overwritten before it is read.
  std::vector<std::pair<Slice, Slice>> aside;
  for (auto [yielded, result] : llvm::zip_equal(yields.drop_front(), op.getResults())) {
    const Place from = storages_.Find(yielded), to = storages_.Find(result);
    if (!carried.contains(from.storage) || (from.storage == to.storage && from.offset == to.offset)) continue;
    absl::StatusOr<Slice> source = SliceOf(target, yielded), destination = SliceOf(target, result);
    if (!source.ok()) return source.status();
    if (!destination.ok()) return destination.status();
    const Slice temporary{builder.AddBuffer(node, source->length, plan::ACTIVATIONS), 0, source->length};
    builder.AddCopy(node, *source, temporary);
    aside.push_back({temporary, *destination});
  }
  if (has_condition) {
    if (absl::Status status = Copy(target, node, yields[0], condition); !status.ok()) return status;
  }
  for (auto [yielded, result] : llvm::zip_equal(yields.drop_front(), op.getResults())) {
    if (carried.contains(storages_.Find(yielded).storage)) continue;
    absl::StatusOr<Slice> to = SliceOf(target, result);
    if (!to.ok()) return to.status();
    if (absl::Status status = Copy(target, node, yielded, *to); !status.ok()) return status;
  }
  for (const auto& [temporary, destination] : aside) builder.AddCopy(node, temporary, destination);
  builder.command(index).mutable_loop()->set_body_commands(builder.commands() - index - 1);
  return absl::OkStatus();
}

}  // namespace plimsoll::compiler
