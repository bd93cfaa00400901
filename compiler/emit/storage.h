// Which values of a function share bytes, decided before any command exists: views lie in what they look at, operands of
// a concatenation in its result, what a branch yields in the branch's result, a sum in what it adds to.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "ir/graph/graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/cost/load_time.h"

namespace plimsoll::compiler {

// Bytes that a command writes, or that are there from the start.
struct Storage {
  mlir::Value value;        // the value that it was made for
  int64_t bytes = 0;
  bool load_time = false;   // mapped, or computed by the load program
  bool weight = false;      // the bytes of a weight or constant
  bool input = false;
  bool output = false;      // bound to an output of the model
  bool carried = false;     // by a loop
  int parent = -1;          // it lies in this storage
  int64_t parent_offset = 0;
  int last_use = -1;        // number of the operation (in the walk's order) that last touches it

  // Has an address of its own that nothing may move into another storage.
  bool pinned() const { return weight || input || output || carried; }
};

struct Place {
  int storage = -1;  // a root: without parent
  int64_t offset = 0;
};

// When operands of a concatenation are placed inside its result: always, or only those made shortly before. The
// former saves copies, the latter may save memory, since the result is alive from its first operand on.
enum class ConcatPlacement { kAll, kNear };

class StorageMap {
 public:
  StorageMap(mlir::func::FuncOp function, const passes::LoadTime& load_time, ConcatPlacement placement);

  Place Find(mlir::Value value) const { return Resolve(places_.at(value)); }
  const Storage& storage(int index) const { return storages_[index]; }
  int size() const { return static_cast<int>(storages_.size()); }

  // Whether `value` is the whole of its root storage.
  bool IsWhole(mlir::Value value) const;
  // Whether a concatenation is made of copies of contiguous operands: none for those that lie in the result already.
  static bool IsContiguous(graph::ConcatOp op);

 private:
  Place Resolve(Place place) const;
  int Add(mlir::Value value, bool load_time);
  void AddBlock(mlir::Block& block, const passes::LoadTime& load_time);
  void AddOperation(mlir::Operation& op, const passes::LoadTime& load_time);
  void Touch(mlir::Value value, int number);
  void MarkOutputs(mlir::func::FuncOp function);
  void PlaceYields(graph::IfOp op);
  void PlaceConcat(graph::ConcatOp op, ConcatPlacement placement);
  void PlaceSum(mlir::Operation* op);
  // Lets storage `child` lie in `parent` from `offset` on.
  void Join(int child, int parent, int64_t offset);

  std::vector<Storage> storages_;
  llvm::DenseMap<mlir::Value, Place> places_;
  llvm::DenseMap<mlir::Operation*, int> numbers_;  // in the walk's order
};

// Operand number that result 0 of a contraction overwrites (its `sum` post-op), or -1.
int SummedOperand(mlir::Operation* op);

}  // namespace plimsoll::compiler
