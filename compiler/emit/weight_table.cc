#include "compiler/emit/weight_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/emit/types.h"

namespace plimsoll::compiler {

absl::StatusOr<std::string> ConstantBytes(mlir::ElementsAttr elements) {
  auto dense = llvm::dyn_cast<mlir::DenseElementsAttr>(elements);
  if (!dense) return absl::UnimplementedError("a constant whose elements are not dense");
  std::string bytes;
  if (dense.getElementType().isInteger(1)) {
    for (bool value : dense.getValues<bool>()) bytes.push_back(value ? 1 : 0);
    return bytes;
  }
  const llvm::ArrayRef<char> raw = dense.getRawData();
  if (!dense.isSplat()) return std::string(raw.begin(), raw.end());
  const int64_t count = dense.getNumElements();
  bytes.reserve(raw.size() * count);
  for (int64_t i = 0; i < count; ++i) bytes.append(raw.data(), raw.size());
  return bytes;
}

absl::StatusOr<int> WeightTable::IndexOf(mlir::Operation* op) {
  if (auto weight = llvm::dyn_cast<graph::WeightOp>(op)) return AddReference(weight);
  return AddConstant(llvm::cast<graph::ConstantOp>(op));
}

absl::StatusOr<int> WeightTable::AddReference(graph::WeightOp op) {
  absl::StatusOr<plan::TensorType> type = TensorTypeOf(op.getType());
  if (!type.ok()) return type.status();
  const int source = static_cast<int>(op.getSource());
  if (source < 0 || source >= store_.size()) return absl::InternalError("a weight that the store does not have");
  const auto [at, is_new] =
      by_key_.try_emplace(absl::StrCat("w", source, ":", type->ShortDebugString()), contents_.plan.weights_size());
  if (!is_new) return at->second;
  const weights::WeightStore::Reference& reference = store_.reference(source);
  plan::Weight& weight = *contents_.plan.add_weights();
  weight.set_name(op.getName().str());
  *weight.mutable_type() = *std::move(type);
  weight.set_length(reference.length);
  const bool present = store_.is_present(source);
  if (!reference.file.empty()) {
    weight.set_file(reference.file);
    weight.set_offset(reference.offset);
    if (!present) return at->second;
    absl::StatusOr<uint32_t> crc32 = store_.crc32(source);
    if (!crc32.ok()) return crc32.status();
    weight.set_crc32(*crc32);
    return at->second;
  }
  absl::StatusOr<weights::Bytes> bytes = store_.bytes(source);
  if (!bytes.ok()) return bytes.status();
  weight.set_offset(contents_.AddWeight(*bytes));
  return at->second;
}

absl::StatusOr<int> WeightTable::AddConstant(graph::ConstantOp op) {
  absl::StatusOr<plan::TensorType> type = TensorTypeOf(op.getType());
  if (!type.ok()) return type.status();
  absl::StatusOr<std::string> bytes = ConstantBytes(op.getValue());
  if (!bytes.ok()) return bytes.status();
  // The type tells constants of equal bytes apart.
  const auto [at, is_new] =
      by_key_.try_emplace(absl::StrCat("c", type->ShortDebugString(), ":", *bytes), contents_.plan.weights_size());
  if (!is_new) return at->second;
  bytes_->push_back(std::make_shared<const std::string>(*std::move(bytes)));
  const std::string& owned = *bytes_->back();
  plan::Weight& weight = *contents_.plan.add_weights();
  const std::string name = NodeName(op.getLoc());
  weight.set_name(name.empty() ? absl::StrCat("constant ", at->second) : name);
  *weight.mutable_type() = *std::move(type);
  weight.set_length(static_cast<int64_t>(owned.size()));
  weight.set_offset(contents_.AddWeight(std::as_bytes(std::span(owned.data(), owned.size()))));
  return at->second;
}

int64_t WeightTable::Alignment(int index) const {
  const int64_t offset = contents_.plan.weights(index).offset();
  return offset == 0 ? 64 : std::min<int64_t>(64, offset & -offset);
}

}  // namespace plimsoll::compiler
