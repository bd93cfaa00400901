#include "compiler/library_model.h"

#include "compiler/emit/library_ops.h"

namespace plimsoll::compiler {

const absl::StatusOr<runtime::Requirements>& RuntimeLibraryModel::Query(const plan::LibraryOp& op,
                                                                        bool constant_weights) {
  std::string key = op.SerializeAsString();
  key.push_back(constant_weights ? 'c' : 'v');
  const auto known = answers_.find(key);
  if (known != answers_.end()) return known->second;
  return answers_.emplace(std::move(key), runtime::Query(op, target_, constant_weights)).first->second;
}

absl::StatusOr<passes::LibraryAnswer> RuntimeLibraryModel::Ask(mlir::Operation* op, bool constant_weights) {
  absl::StatusOr<LibraryTranslation> translation = TranslateToLibrary(op);
  if (!translation.ok()) return translation.status();
  translation->op.set_library(runtime::LibraryFor(translation->op, target_));
  const absl::StatusOr<runtime::Requirements>* asked = &Query(translation->op, constant_weights);
  if (absl::IsUnimplemented(asked->status()) && target_.kind() == plan::Target::CUDA) {
    translation->op.clear_library();   // weights that cannot be packed: a generated kernel takes any
    asked = &Query(translation->op, constant_weights);
  }
  const absl::StatusOr<runtime::Requirements>& requirements = *asked;
  if (!requirements.ok()) return requirements.status();
  passes::LibraryAnswer answer;
  answer.library = translation->op.library();
  answer.workspace_bytes = requirements->workspace_bytes;
  for (const runtime::PackedOperand& packed : requirements->packed) {
    if (packed.operand >= static_cast<int>(translation->operands.size()) ||
        PackableDesc(translation->op, packed.operand) == nullptr) {
      // No form for it in the plan: the operation with plain operands.
      return constant_weights ? Ask(op, false) : absl::InternalError("the library packs what is no weight");
    }
    answer.packed.push_back({static_cast<unsigned>(translation->operands[packed.operand]), packed.bytes});
  }
  return answer;
}

std::string RuntimeLibraryModel::LibraryOf(mlir::Operation* op) {
  absl::StatusOr<LibraryTranslation> translation = TranslateToLibrary(op);
  return translation.ok() ? runtime::LibraryFor(translation->op, target_) : "";
}

absl::StatusOr<int64_t> RuntimeLibraryModel::Workspace(const plan::LibraryOp& op) {
  const absl::StatusOr<runtime::Requirements>& requirements = Query(op, false);
  if (!requirements.ok()) return requirements.status();
  return requirements->workspace_bytes;
}

}  // namespace plimsoll::compiler
