#include "compiler/emit/selected_call.h"

#include "passes/select/library_model.h"

namespace plimsoll::compiler {

absl::StatusOr<SelectedCall> SelectedCallOf(mlir::Operation* op) {
  absl::StatusOr<LibraryTranslation> translation = TranslateToLibrary(op);
  if (!translation.ok()) return translation.status();
  auto workspace = op->getAttrOfType<mlir::IntegerAttr>(passes::kWorkspaceAttribute);
  if (!workspace) return absl::InternalError("the select pass did not see it");
  SelectedCall call{*std::move(translation), {}};
  auto library = op->getAttrOfType<mlir::StringAttr>(passes::kLibraryAttribute);
  call.translation.op.set_library(library ? library.getValue().str() : "");
  call.packed_bytes.assign(call.translation.operands.size(), 0);
  if (auto list = op->getAttrOfType<mlir::DenseI64ArrayAttr>(passes::kPackedAttribute)) {
    for (int64_t i = 0; i + 1 < list.size(); i += 2) {
      for (size_t k = 0; k < call.packed_bytes.size(); ++k) {
        if (call.translation.operands[k] != list[i]) continue;
        plan::MemoryDesc* desc = PackableDesc(call.translation.op, static_cast<int>(k));
        if (desc == nullptr) return absl::InternalError("an operand that cannot be packed");
        DescribePacked(call.translation.op.library(), list[i + 1], *desc);
        call.packed_bytes[k] = list[i + 1];
      }
    }
  }
  call.translation.op.set_workspace_bytes(workspace.getInt());
  return call;
}

plan::LibraryOp PackOf(const plan::LibraryOp& call, int operand) {
  plan::LibraryOp op;
  if (call.library() != "cudnn") op.set_library(call.library());   // a copy there, which a generated kernel makes
  plan::Pack& pack = *op.mutable_pack();
  *pack.mutable_target() = call;
  pack.set_operand(operand);
  if (call.has_matmul()) *pack.mutable_from() = operand == 0 ? call.matmul().a() : call.matmul().b();
  if (call.has_convolution()) *pack.mutable_from() = call.convolution().weights();
  DescribePlain(call.library(), *pack.mutable_from());
  return op;
}

}  // namespace plimsoll::compiler
