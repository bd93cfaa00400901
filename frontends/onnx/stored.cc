// Tensors that the model stores, and values that follow from them.
#include <charconv>
#include <cstring>

#include "frontends/onnx/error.h"
#include "frontends/onnx/importer.h"
#include "frontends/onnx/tensor.h"
#include "frontends/onnx/wire.h"

namespace plimsoll::onnx_frontend {
namespace {

// Integer tensors up to this size are constants: they may decide shapes.
constexpr int64_t kMaxConstantIntegers = 65536;
// Float tensors of Constant nodes up to this size are constants, larger ones are weights. Of initializers only scalars:
// whatever else is float may be trained.
constexpr int64_t kMaxConstantFloats = 16;

int64_t ParseInteger(const std::string& text, const std::string& what) {
  int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    FailMalformed(absl::StrCat(what, ": '", text.substr(0, 40), "' is no valid offset or length"));
  }
  return value;
}

// DenseElementsAttr of bytes as a plan keeps them.
mlir::DenseElementsAttr Dense(mlir::RankedTensorType type, const char* bytes, size_t size) {
  if (type.getElementType().isInteger(1)) {
    llvm::SmallVector<bool> values(size);
    for (size_t i = 0; i < size; ++i) values[i] = bytes[i] != 0;
    return mlir::DenseElementsAttr::get(type, values);
  }
  return mlir::DenseElementsAttr::getFromRawBuffer(type, llvm::ArrayRef<char>(bytes, size));
}

void Throw(const absl::Status& status) {
  if (!status.ok()) throw ImportError(status);
}

}  // namespace

mlir::DenseElementsAttr DenseOf(mlir::RankedTensorType type, const std::string& bytes) {
  return Dense(type, bytes.data(), bytes.size());
}

absl::StatusOr<int> Importer::AddWeight(const onnx::TensorProto& tensor, const std::string& name) {
  const std::string what = absl::StrCat("tensor '", name, "'");
  const plan::OnnxElement& element = *plan::FindOnnxElement(tensor.data_type());
  const absl::StatusOr<int64_t> raw_bytes = RawBytes(tensor);
  if (!raw_bytes.ok()) return raw_bytes.status();
  if (tensor.data_location() != onnx::TensorProto::EXTERNAL) {
    absl::StatusOr<std::string> elements = Elements(tensor);
    if (!elements.ok()) return elements.status();
    const auto* data = reinterpret_cast<const std::byte*>(elements->data());
    return weights_->AddOwned(name, std::vector<std::byte>(data, data + elements->size()));
  }
  std::string file, range;
  int64_t offset = 0, length = *raw_bytes;
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") file = entry.value();
    if (entry.key() == "offset") offset = ParseInteger(entry.value(), what);
    if (entry.key() == "length") length = ParseInteger(entry.value(), what);
    if (entry.key() == kRangeKey) range = entry.value();
  }
  if (!range.empty()) {
    const size_t colon = std::min(range.find(':'), range.size() - 1);
    offset = ParseInteger(range.substr(0, colon), what);
    length = ParseInteger(range.substr(colon + 1), what);
  }
  if (length != *raw_bytes) {
    return absl::DataLossError(absl::StrCat(what, " has ", length, " bytes of elements; its type ",
                                            OnnxTypeName(tensor.data_type()), " and dimensions make ", *raw_bytes));
  }
  absl::StatusOr<int> source = range.empty() ? weights_->AddExternal(name, model_.directory, file, offset, length)
                                             : weights_->AddMapped(name, model_.file, offset, length);
  if (!source.ok() || !element.narrow()) return source;
  const absl::StatusOr<int64_t> kept = KeptBytes(tensor);
  if (!weights_->is_present(*source))
    return weights_->AddAbsent(name, *kept, absl::NotFoundError("the packed bytes are not there"));
  const absl::StatusOr<weights::Bytes> packed = weights_->bytes(*source);
  if (!packed.ok()) return packed.status();
  const std::string bytes = plan::FromStored(
      element, std::string(reinterpret_cast<const char*>(packed->data()), packed->size()), *kept / element.kept_bytes);
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  return weights_->AddOwned(name, std::vector<std::byte>(data, data + bytes.size()));
}

Value Importer::Stored(const onnx::TensorProto& tensor, const std::string& name, mlir::Location location,
                       bool is_initializer) {
  const mlir::Type element = TypeOf(&context_, tensor.data_type(), absl::StrCat("tensor '", name, "'"));
  const absl::StatusOr<int64_t> count = ElementCount(tensor);
  Throw(count.status());
  const auto type = mlir::RankedTensorType::get(Dims(tensor.dims().begin(), tensor.dims().end()), element);
  auto known = sources_.find(&tensor);
  int source = 0;
  if (known != sources_.end()) {
    source = known->second;
  } else {
    absl::StatusOr<int> added = AddWeight(tensor, name);
    Throw(added.status());
    source = *added;
    sources_[&tensor] = source;
  }
  const bool is_float = llvm::isa<mlir::FloatType>(element);
  const bool constant = *count == 0 || (!is_float && *count <= kMaxConstantIntegers) ||
                        (is_float && type.getRank() == 0) ||
                        (is_float && !is_initializer && *count <= kMaxConstantFloats);
  if (constant && weights_->is_present(source)) {
    const absl::StatusOr<weights::Bytes> bytes = weights_->bytes(source);
    Throw(bytes.status());
    return graph::build::constant(builder_, location,
                                  Dense(type, reinterpret_cast<const char*>(bytes->data()), bytes->size()));
  }
  return builder_.create<graph::WeightOp>(location, type, static_cast<uint64_t>(source), name);
}

mlir::DenseElementsAttr Importer::Evaluate(Value value) {
  llvm::DenseMap<Value, mlir::DenseElementsAttr> memo;
  auto evaluate = [&](auto& self, Value v, int depth) -> mlir::DenseElementsAttr {
    if (mlir::DenseElementsAttr constant = graph::constantOf(v)) return constant;
    mlir::Operation* op = v.getDefiningOp();
    if (!op || depth > 200 || op->getNumRegions() > 0) return {};
    if (auto found = memo.find(v); found != memo.end()) return found->second;
    mlir::DenseElementsAttr result;
    if (auto weight = llvm::dyn_cast<graph::WeightOp>(op)) {
      const auto type = llvm::cast<mlir::RankedTensorType>(v.getType());
      const int source = static_cast<int>(weight.getSource());
      if (type.getNumElements() <= kMaxConstantIntegers && weights_->is_present(source)) {
        const absl::StatusOr<weights::Bytes> bytes = weights_->bytes(source);
        if (bytes.ok()) result = Dense(type, reinterpret_cast<const char*>(bytes->data()), bytes->size());
      }
    } else if (op->getNumOperands() > 0) {
      llvm::SmallVector<mlir::Attribute> operands;
      for (Value operand : op->getOperands()) {
        mlir::DenseElementsAttr attribute = self(self, operand, depth + 1);
        if (!attribute) break;
        operands.push_back(attribute);
      }
      llvm::SmallVector<mlir::OpFoldResult> folded;
      const unsigned number = llvm::cast<mlir::OpResult>(v).getResultNumber();
      if (operands.size() == op->getNumOperands() && mlir::succeeded(op->fold(operands, folded)) &&
          number < folded.size()) {
        if (auto inner = llvm::dyn_cast<Value>(folded[number])) {
          if (inner != v) result = self(self, inner, depth + 1);
        } else {
          result = llvm::dyn_cast_or_null<mlir::DenseElementsAttr>(llvm::cast<mlir::Attribute>(folded[number]));
        }
        if (result && result.getType() != v.getType()) result = {};
      }
    }
    memo[v] = result;
    return result;
  };
  return evaluate(evaluate, value, 0);
}

std::vector<std::string> Importer::InputsOf(Value value) const {
  std::vector<std::string> names;
  llvm::DenseSet<Value> seen;
  std::vector<Value> todo = {value};
  while (!todo.empty()) {
    Value v = todo.back();
    todo.pop_back();
    if (!seen.insert(v).second) continue;
    if (auto argument = llvm::dyn_cast<mlir::BlockArgument>(v)) {
      mlir::Operation* parent = argument.getOwner()->getParentOp();
      const bool is_input = parent && parent->getName().getStringRef() == "func.func";
      if (is_input && argument.getArgNumber() < input_names_.size())
        names.push_back(input_names_[argument.getArgNumber()]);
      continue;
    }
    mlir::Operation* op = v.getDefiningOp();
    if (auto weight = llvm::dyn_cast<graph::WeightOp>(op)) {
      if (!weights_->is_present(static_cast<int>(weight.getSource())))
        names.push_back(absl::StrCat("weight '", weight.getName().str(), "'"));
    }
    for (Value operand : op->getOperands()) todo.push_back(operand);
    for (mlir::Region& region : op->getRegions()) {
      for (mlir::Block& block : region) {
        if (!block.empty()) {
          for (Value operand : block.back().getOperands()) todo.push_back(operand);
        }
      }
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace plimsoll::onnx_frontend
