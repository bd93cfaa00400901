// The library's answers to the select pass, each question asked once.
#pragma once

#include <map>
#include <string>

#include "ir/plan/plan.pb.h"
#include "passes/select/library_model.h"
#include "runtime/library/library.h"

namespace plimsoll::compiler {

class RuntimeLibraryModel : public passes::LibraryModel {
 public:
  explicit RuntimeLibraryModel(const plan::Target& target) : target_(target) {}

  absl::StatusOr<passes::LibraryAnswer> Ask(mlir::Operation* op, bool constant_weights) override;
  std::string LibraryOf(mlir::Operation* op) override;
  // Of an operation of the plan, such as packing.
  absl::StatusOr<int64_t> Workspace(const plan::LibraryOp& op);

 private:
  const absl::StatusOr<runtime::Requirements>& Query(const plan::LibraryOp& op, bool constant_weights);

  const plan::Target target_;
  std::map<std::string, absl::StatusOr<runtime::Requirements>> answers_;
};

}  // namespace plimsoll::compiler
