#include "compiler/emit/emission.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/emit/selected_call.h"
#include "compiler/emit/types.h"
#include "ir/plan/types.h"

namespace plimsoll::compiler {

Emission::Emission(const EmitRequest& request)
    : request_(request),
      function_(request.function),
      load_time_(function_),
      storages_(function_, load_time_, request.placement),
      weights_(*request.weights, emitted_.contents),
      run_(BufferAlignment(request.target)),
      load_(BufferAlignment(request.target)) {
  run_.buffers.assign(storages_.size(), -1);
  load_.buffers.assign(storages_.size(), -1);
  load_.is_load = true;
  parameter_.assign(storages_.size(), false);
  for (Target* target : {&run_, &load_}) target->builder.program().set_streams(1);
}

absl::StatusOr<int> Emission::BufferOf(Target& target, int storage) {
  if (target.buffers[storage] < 0) {
    absl::StatusOr<int> buffer = MakeBuffer(target, storage);
    if (!buffer.ok()) return buffer.status();
    target.buffers[storage] = *buffer;
  }
  return target.buffers[storage];
}

absl::StatusOr<int> Emission::MakeBuffer(Target& target, int index) {
  const Storage& storage = storages_.storage(index);
  std::string name = NodeName(storage.value.getLoc());
  absl::StatusOr<plan::TensorType> type = TypeOf(storage.value);
  if (!type.ok()) return type.status();
  ProgramBuilder& builder = target.builder;
  int raw = -1;
  if (storage.weight) {
    absl::StatusOr<int> weight = weights_.IndexOf(storage.value.getDefiningOp());
    if (!weight.ok()) return weight.status();
    const int64_t alignment = weights_.Alignment(*weight);
    const bool in_place = !is_cuda() && alignment >= plan::ElementSize(type->dtype());   // kernels read it there
    name = emitted_.contents.plan.weights(*weight).name();
    if (in_place || target.is_load) {
      raw = builder.AddBuffer(name, storage.bytes, plan::WEIGHTS, alignment);
      builder.buffer(raw).set_weight(*weight);
      *builder.buffer(raw).mutable_type() = *type;
      if (!target.is_load) {
        builder.KeepFromStart(raw);
        builder.KeepToEnd(raw);
      }
      if (in_place) return raw;
    }
  }
  const plan::MemoryClass memory_class = storage.load_time                  ? plan::WEIGHTS
                                         : storage.input || storage.output ? plan::INPUTS_OUTPUTS
                                                                           : plan::ACTIVATIONS;
  const int buffer = builder.AddBuffer(name, storage.bytes, memory_class);
  *builder.buffer(buffer).mutable_type() = *std::move(type);
  if (storage.load_time && !target.is_load) {
    parameter_[index] = true;
    builder.KeepFromStart(buffer);
  }
  if (storage.load_time && parameter_[index]) builder.KeepToEnd(buffer);
  if (storage.input) builder.KeepFromStart(buffer);
  if (storage.output && !storage.load_time) builder.KeepToEnd(buffer);
  // Bytes that no kernel can read where the host has them.
  if (raw >= 0) builder.AddCopy(name, {raw, 0, storage.bytes}, {buffer, 0, storage.bytes});
  return buffer;
}

absl::StatusOr<Slice> Emission::SliceOf(Target& target, mlir::Value value) {
  const Place place = storages_.Find(value);
  absl::StatusOr<int> buffer = BufferOf(target, place.storage);
  if (!buffer.ok()) return buffer.status();
  return Slice{*buffer, place.offset, BytesOf(value)};
}

absl::Status Emission::Copy(Target& target, const std::string& node, mlir::Value from, const Slice& to) {
  absl::StatusOr<Slice> source = SliceOf(target, from);
  if (!source.ok()) return source.status();
  if (source->buffer == to.buffer && source->offset == to.offset) return absl::OkStatus();
  target.builder.AddCopy(node, *source, to);
  return absl::OkStatus();
}

absl::StatusOr<plan::TensorType> Emission::TypeOf(mlir::Value value) {
  absl::StatusOr<plan::TensorType> type = TensorTypeOf(value.getType());
  if (!type.ok() || TensorOf(value).hasStaticShape()) return type;
  // A view has the slots of what it looks at, where its dims are those in another arrangement.
  mlir::Value source = value;
  while (!slots_.contains(source)) {
    auto view = source.getDefiningOp<graph::ViewInterface>();
    if (!view) break;
    source = view->getOperand(0);
  }
  const auto slots = slots_.find(source);
  std::vector<int> known;
  if (slots != slots_.end()) llvm::copy_if(slots->second, std::back_inserter(known), [](int slot) { return slot > 0; });
  if (static_cast<int64_t>(known.size()) != TensorOf(value).getNumDynamicDims()) {
    return absl::UnimplementedError(absl::StrCat("node '", NodeName(value.getLoc()),
                                                 "': a shape that is known only at run time is used by a computed operation"));
  }
  size_t next = 0;
  for (int i = 0; i < TensorOf(value).getRank(); ++i) {
    type->add_slots(TensorOf(value).isDynamicDim(i) ? known[next++] : 0);
  }
  return type;
}

void Emission::NewSlots(mlir::Value value) {
  mlir::RankedTensorType type = TensorOf(value);
  if (type.hasStaticShape() || slots_.contains(value)) return;
  std::vector<int>& slots = slots_[value];
  for (int i = 0; i < type.getRank(); ++i) {
    slots.push_back(0);
    if (!type.isDynamicDim(i)) continue;
    plan::ShapeSlot& slot = *run_.builder.program().add_shape_slots();
    slot.set_upper_bound(DimOf(type, i));
    slot.set_name(absl::StrCat(NodeName(value.getLoc()), ":", i));
    slots.back() = run_.builder.program().shape_slots_size();
  }
}

absl::StatusOr<Slice> Emission::PackedSlice(mlir::Operation* user, mlir::Value source, const plan::LibraryOp& target_op,
                                            int operand, int64_t bytes) {
  Packed packed;
  packed.user = user;
  packed.source = source;
  packed.bytes = bytes;
  packed.pack = PackOf(target_op, operand);
  const Place place = storages_.Find(source);
  const std::string key =
      absl::StrCat(place.storage, ":", place.offset, ":", packed.pack.SerializeAsString());
  const auto [at, is_new] = packed_by_key_.try_emplace(key, static_cast<int>(packed_.size()));
  if (is_new) {
    packed.run_buffer = run_.builder.AddBuffer(NodeName(source.getLoc()), bytes, plan::WEIGHTS);
    run_.builder.KeepFromStart(packed.run_buffer);
    run_.builder.KeepToEnd(packed.run_buffer);
    packed_.push_back(std::move(packed));
  }
  return Slice{packed_[at->second].run_buffer, 0, bytes};
}

absl::Status Emission::EmitRun() {
  for (mlir::BlockArgument argument : function_.getArguments()) {
    absl::StatusOr<Slice> slice = SliceOf(run_, argument);
    if (!slice.ok()) return slice.status();
  }
  if (absl::Status status = EmitBlock(run_, function_.getBody().front()); !status.ok()) return status;
  return EmitOutputs();
}

absl::Status Emission::EmitOutputs() {
  size_t next = 0;
  for (const plan::Binding& input : request_.inputs) {
    plan::Binding& binding = *emitted_.contents.plan.mutable_signature()->add_inputs();
    binding = input;
    if (input.fixed()) continue;
    if (next >= function_.getNumArguments()) return absl::InternalError("the graph has too few arguments");
    const Place place = storages_.Find(function_.getArgument(next++));
    binding.set_buffer(run_.buffers[place.storage]);
    run_.builder.buffer(binding.buffer()).set_name(input.name());
  }
  auto results = function_.getBody().front().getTerminator()->getOperands();
  if (results.size() != request_.outputs.size()) return absl::InternalError("the graph has another number of outputs");
  std::vector<std::pair<mlir::Value, int>> buffers;
  for (mlir::Value value : results) {
    if (storages_.IsWhole(value)) {
      absl::StatusOr<int> buffer = BufferOf(run_, storages_.Find(value).storage);
      if (!buffer.ok()) return buffer.status();
      run_.builder.KeepToEnd(*buffer);
      buffers.push_back({value, *buffer});
      continue;
    }
    // A part of something: its bytes are brought to a place of their own.
    const std::string name = NodeName(value.getLoc());
    const int buffer = run_.builder.AddBuffer(name, BytesOf(value), plan::INPUTS_OUTPUTS);
    absl::StatusOr<plan::TensorType> type = TypeOf(value);
    if (!type.ok()) return type.status();
    *run_.builder.buffer(buffer).mutable_type() = *type;
    absl::Status status = Copy(run_, name, value, {buffer, 0, BytesOf(value)});
    if (!status.ok()) return status;
    run_.builder.KeepToEnd(buffer);
    buffers.push_back({value, buffer});
  }
  for (auto [output, entry] : llvm::zip_equal(request_.outputs, buffers)) {
    plan::Binding& binding = *emitted_.contents.plan.mutable_signature()->add_outputs();
    binding = output;
    absl::StatusOr<plan::TensorType> type = TypeOf(entry.first);
    if (!type.ok()) return type.status();
    *binding.mutable_type() = *std::move(type);
    binding.set_buffer(entry.second);
  }
  return absl::OkStatus();
}

absl::Status Emission::EmitLoad() {
  // What run reads, and what that is computed from.
  llvm::DenseSet<mlir::Operation*> needed;
  std::vector<mlir::Operation*> pending;
  auto need = [&](mlir::Value value) {
    mlir::Operation* op = value.getDefiningOp();
    if (op && needed.insert(op).second) pending.push_back(op);
  };
  for (int i = 0; i < storages_.size(); ++i) {
    if (parameter_[i]) need(storages_.storage(i).value);
  }
  for (const Packed& packed : packed_) need(packed.source);
  while (!pending.empty()) {
    mlir::Operation* op = pending.back();
    pending.pop_back();
    for (mlir::Value operand : op->getOperands()) need(operand);
  }
  llvm::DenseMap<mlir::Operation*, std::vector<int>> packs;
  for (size_t i = 0; i < packed_.size(); ++i) packs[packed_[i].user].push_back(static_cast<int>(i));

  absl::Status status;
  function_->walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation* op) {
    if (needed.contains(op) && load_time_.Contains(op)) {
      // A weight that run cannot read where it is mapped.
      const Place place = storages_.Find(op->getResult(0));
      if (llvm::isa<graph::WeightOp, graph::ConstantOp>(op)) {
        if (parameter_[place.storage]) status.Update(BufferOf(load_, place.storage).status());
      } else {
        status.Update(EmitOperation(load_, op));
      }
    }
    if (const auto users = packs.find(op); users != packs.end()) {
      for (int index : users->second) status.Update(EmitPack(packed_[index]));
    }
    if (!status.ok()) return mlir::WalkResult::interrupt();
    return llvm::isa<graph::FusionOp>(op) ? mlir::WalkResult::skip() : mlir::WalkResult::advance();
  });
  return status;
}

absl::StatusOr<Emitted> Emit(const EmitRequest& request) {
  Emission emission(request);
  if (absl::Status status = emission.EmitRun(); !status.ok()) return status;
  if (absl::Status status = emission.EmitLoad(); !status.ok()) return status;
  return emission.Finish();
}

absl::StatusOr<Emitted> EmitBest(EmitRequest request) {
  request.placement = ConcatPlacement::kAll;
  absl::StatusOr<Emitted> best = Emit(request);
  bool has_concat = false;
  request.function->walk([&](graph::ConcatOp) { has_concat = true; });
  if (!best.ok() || !has_concat) return best;
  request.placement = ConcatPlacement::kNear;
  absl::StatusOr<Emitted> other = Emit(request);
  if (!other.ok()) return other;
  const int64_t peak = best->contents.plan.certificate().peak_bytes();
  return other->contents.plan.certificate().peak_bytes() < peak ? std::move(other) : std::move(best);
}

}  // namespace plimsoll::compiler
