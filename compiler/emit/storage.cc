#include "compiler/emit/storage.h"

#include <algorithm>

#include "compiler/emit/types.h"

namespace plimsoll::compiler {
namespace {

// An operand is near where it is made at most so many operations before the concatenation.
constexpr int kNear = 8;

mlir::Block* BlockOf(const Storage& storage) { return mlir::Value(storage.value).getParentBlock(); }

}  // namespace

int SummedOperand(mlir::Operation* op) {
  auto list = op->getAttrOfType<mlir::ArrayAttr>("post_ops");
  if (!list) return -1;
  unsigned post_operands = 0;
  int before_sum = -1;  // how many post-operands come before that of the sum
  for (mlir::Attribute entry : list) {
    auto kind = llvm::cast<mlir::DictionaryAttr>(entry).getAs<mlir::StringAttr>("kind");
    if (!kind || kind.getValue() == "eltwise") continue;
    if (kind.getValue() == "sum") before_sum = static_cast<int>(post_operands);
    ++post_operands;
  }
  return before_sum < 0 ? -1 : static_cast<int>(op->getNumOperands() - post_operands) + before_sum;
}

StorageMap::StorageMap(mlir::func::FuncOp function, const passes::LoadTime& load_time, ConcatPlacement placement) {
  int number = 0;
  function->walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation* op) {
    numbers_[op] = number++;
    return llvm::isa<graph::FusionOp>(op) ? mlir::WalkResult::skip() : mlir::WalkResult::advance();
  });
  for (mlir::BlockArgument argument : function.getArguments()) storages_[Add(argument, false)].input = true;
  AddBlock(function.getBody().front(), load_time);
  MarkOutputs(function);
  function->walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation* op) {
    if (auto branch = llvm::dyn_cast<graph::IfOp>(op)) {
      PlaceYields(branch);
    } else if (auto concat = llvm::dyn_cast<graph::ConcatOp>(op)) {
      PlaceConcat(concat, placement);
    } else if (SummedOperand(op) >= 0) {
      PlaceSum(op);
    }
    return llvm::isa<graph::FusionOp>(op) ? mlir::WalkResult::skip() : mlir::WalkResult::advance();
  });
}

int StorageMap::Add(mlir::Value value, bool load_time) {
  Storage storage;
  storage.value = value;
  storage.bytes = BytesOf(value);
  storage.load_time = load_time;
  storages_.push_back(storage);
  places_[value] = {size() - 1, 0};
  return size() - 1;
}

void StorageMap::AddBlock(mlir::Block& block, const passes::LoadTime& load_time) {
  for (mlir::Operation& op : block) AddOperation(op, load_time);
}

void StorageMap::AddOperation(mlir::Operation& op, const passes::LoadTime& load_time) {
  const int number = numbers_.lookup(&op);
  for (mlir::Value operand : op.getOperands()) Touch(operand, number);
  if (auto view = llvm::dyn_cast<graph::ViewInterface>(op)) {
    if (std::optional<int64_t> offset = view.viewByteOffset()) {
      Place place = places_.at(op.getOperand(0));
      place.offset += *offset;
      places_[op.getResult(0)] = place;
      return;
    }
  }
  for (mlir::Value result : op.getResults()) {
    const int storage = Add(result, load_time.Contains(&op));
    storages_[storage].weight = llvm::isa<graph::WeightOp, graph::ConstantOp>(op);
    storages_[storage].last_use = number;
  }
  if (auto loop = llvm::dyn_cast<graph::LoopOp>(op)) {
    mlir::Block& body = loop.getBody().front();
    Add(body.getArgument(0), false);
    for (auto [argument, result] : llvm::zip_equal(body.getArguments().drop_front(), loop.getResults())) {
      places_[argument] = places_.at(result);
      storages_[places_.at(result).storage].carried = true;
    }
  }
  if (llvm::isa<graph::FusionOp>(op)) return;
  for (mlir::Region& region : op.getRegions()) {
    for (mlir::Block& block : region) AddBlock(block, load_time);
  }
}

void StorageMap::Touch(mlir::Value value, int number) {
  int& last = storages_[places_.at(value).storage].last_use;
  last = std::max(last, number);
}

void StorageMap::MarkOutputs(mlir::func::FuncOp function) {
  for (mlir::Value value : function.getBody().front().getTerminator()->getOperands()) {
    if (IsWhole(value)) storages_[Find(value).storage].output = true;
  }
}

Place StorageMap::Resolve(Place place) const {
  while (storages_[place.storage].parent >= 0) {
    place.offset += storages_[place.storage].parent_offset;
    place.storage = storages_[place.storage].parent;
  }
  return place;
}

bool StorageMap::IsWhole(mlir::Value value) const {
  const Place place = Find(value);
  return place.offset == 0 && storages_[place.storage].bytes == BytesOf(value);
}

void StorageMap::Join(int child, int parent, int64_t offset) {
  storages_[child].parent = parent;
  storages_[child].parent_offset = offset;
  const int root = Resolve({parent, 0}).storage;
  storages_[root].last_use = std::max(storages_[root].last_use, storages_[child].last_use);
}

void StorageMap::PlaceYields(graph::IfOp op) {
  for (mlir::Region& region : op->getRegions()) {
    mlir::Block& body = region.front();
    for (auto [yielded, result] : llvm::zip_equal(body.getTerminator()->getOperands(), op->getResults())) {
      if (!IsWhole(yielded)) continue;
      const int from = Find(yielded).storage, to = Find(result).storage;
      const Storage& storage = storages_[from];
      // Only what a command of this body writes.
      if (storage.pinned() || storage.load_time || BlockOf(storage) != &body ||
          llvm::isa<mlir::BlockArgument>(storage.value) || storage.bytes != storages_[to].bytes || from == to) {
        continue;
      }
      Join(from, to, Find(result).offset);
    }
  }
}

bool StorageMap::IsContiguous(graph::ConcatOp op) {
  mlir::RankedTensorType type = TensorOf(op.getResult());
  if (!type.hasStaticShape() ||
      !llvm::all_of(op.getOperands(), [](mlir::Value value) { return TensorOf(value).hasStaticShape(); })) {
    return false;
  }
  return llvm::all_of(type.getShape().take_front(op.getAxis()), [](int64_t dim) { return dim == 1; });
}

void StorageMap::PlaceConcat(graph::ConcatOp op, ConcatPlacement placement) {
  if (!IsContiguous(op)) return;
  const Place result = Find(op.getResult());
  const bool load_time = storages_[result.storage].load_time;
  int64_t offset = 0;
  for (mlir::Value operand : op.getOperands()) {
    const int64_t begin = offset;
    offset += BytesOf(operand);
    if (!IsWhole(operand)) continue;
    const int from = Find(operand).storage;
    const Storage& storage = storages_[from];
    if (storage.pinned() || storage.load_time != load_time || from == result.storage ||
        BlockOf(storage) != op->getBlock() || llvm::isa<mlir::BlockArgument>(storage.value)) {
      continue;
    }
    const bool most = 10 * storage.bytes > 6 * BytesOf(op.getResult());
    const int age = numbers_.lookup(op) - numbers_.lookup(mlir::Value(storage.value).getDefiningOp());
    if (placement == ConcatPlacement::kNear && !most && age > kNear) continue;
    Join(from, result.storage, result.offset + begin);
  }
}

void StorageMap::PlaceSum(mlir::Operation* op) {
  mlir::Value operand = op->getOperand(SummedOperand(op)), result = op->getResult(0);
  if (!IsWhole(operand) || !IsWhole(result)) return;
  const int from = Find(operand).storage, to = Find(result).storage;
  const Storage& storage = storages_[from];
  // Overwritten only where nothing reads it later, in this iteration or another.
  if (storage.load_time || storages_[to].load_time || storage.pinned() || from == to ||
      storage.last_use > numbers_.lookup(op) || BlockOf(storage) != op->getBlock() ||
      storage.bytes != storages_[to].bytes) {
    return;
  }
  // Nor by another operand of the same call.
  for (unsigned i = 0; i < op->getNumOperands(); ++i) {
    if (static_cast<int>(i) != SummedOperand(op) && Find(op->getOperand(i)).storage == from) return;
  }
  if (storages_[to].pinned()) {
    Join(from, to, 0);
  } else {
    Join(to, from, 0);
  }
}

}  // namespace plimsoll::compiler
