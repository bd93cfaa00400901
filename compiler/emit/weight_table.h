// The plan's weights: those of the model by reference, small constants with their bytes.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ir/graph/graph.h"
#include "ir/plan/artefact.h"
#include "ir/weights/store.h"

namespace plimsoll::compiler {

class WeightTable {
 public:
  // Fills `contents.plan.weights` and `contents.weights`.
  WeightTable(const weights::WeightStore& store, plan::ArtefactContents& contents)
      : store_(store), contents_(contents) {}

  // Index into plan.weights of a graph.weight or graph.constant; equal constants and equal sources are one weight.
  absl::StatusOr<int> IndexOf(mlir::Operation* op);
  // The greatest power of two up to 64 to which the bytes are aligned where they are mapped.
  int64_t Alignment(int index) const;
  // Owns the bytes of constants that contents.weights points to.
  std::shared_ptr<const void> keep_alive() const { return bytes_; }

 private:
  absl::StatusOr<int> AddReference(graph::WeightOp op);
  absl::StatusOr<int> AddConstant(graph::ConstantOp op);

  const weights::WeightStore& store_;
  plan::ArtefactContents& contents_;
  std::map<std::string, int> by_key_;   // "w" + source, or "c" + type + bytes
  std::shared_ptr<std::vector<std::shared_ptr<const std::string>>> bytes_ =
      std::make_shared<std::vector<std::shared_ptr<const std::string>>>();
};

// The elements of a constant as they lie in memory: row-major, little-endian, a bool one byte.
absl::StatusOr<std::string> ConstantBytes(mlir::ElementsAttr elements);

}  // namespace plimsoll::compiler
