// Evaluations that choose elements by index: gathers, and padding.
#include "ir/graph/evaluate/elements.h"
#include "ir/graph/evaluate/evaluate.h"
#include "ir/graph/infer.h"

namespace plimsoll::graph::evaluate {

namespace {

// Indices as the operations read them: negative ones count from the end, those out of range are clamped.
int64_t resolved(int64_t index, int64_t size) {
  if (index < 0) index = index < -size ? 0 : index + size;
  return std::clamp<int64_t>(index, 0, std::max<int64_t>(size - 1, 0));
}

std::optional<Elements<int64_t>> loadIndices(Attribute attribute) {
  DenseElementsAttr indices = evaluable(attribute);
  if (!indices) return std::nullopt;
  Kind kind = kindOf(indices.getElementType());
  if (kind == Kind::SIGNED) return load<int64_t>(indices);
  if (kind != Kind::UNSIGNED) return std::nullopt;
  Elements<int64_t> result;
  for (uint64_t index : load<uint64_t>(indices))
    result.push_back(static_cast<int64_t>(std::min<uint64_t>(index, INT64_MAX)));
  return result;
}

int64_t product(llvm::ArrayRef<int64_t> shape) { return elementCount(shape).value_or(0); }

// Appends `count` elements from element `from`.
void append(Elements<char>& to, const Elements<char>& bytes, int64_t from, int64_t count, int64_t width) {
  to.append(bytes.begin() + from * width, bytes.begin() + (from + count) * width);
}

}  // namespace

DenseElementsAttr gather(int64_t axis, RankedTensorType type, Attribute operand, Attribute indices) {
  DenseElementsAttr attribute = evaluable(operand);
  std::optional<Elements<int64_t>> index = loadIndices(indices);
  int64_t width = byteWidth(type.getElementType());
  if (!attribute || !index || !isSmall(type) || width == 0) return nullptr;
  auto shape = attribute.getType().getShape();
  int64_t outer = product(shape.take_front(axis)), inner = product(shape.drop_front(axis + 1)), size = shape[axis];
  Elements<char> from = loadBytes(attribute), to;
  if (product(type.getShape()) > 0)
    for (int64_t i = 0; i < outer; ++i)
      for (int64_t at : *index) append(to, from, (i * size + resolved(at, size)) * inner, inner, width);
  return storeBytes(type, to);
}

DenseElementsAttr gatherElements(int64_t axis, RankedTensorType type, Attribute operand, Attribute indices) {
  DenseElementsAttr attribute = evaluable(operand);
  std::optional<Elements<int64_t>> index = loadIndices(indices);
  int64_t width = byteWidth(type.getElementType());
  if (!attribute || !index || !isSmall(type) || width == 0) return nullptr;
  auto shape = attribute.getType().getShape();
  llvm::SmallVector<int64_t> strides = stridesOf(shape);
  int64_t along = strides[axis];
  strides[axis] = 0;
  Elements<char> from = loadBytes(attribute), to;
  size_t next = 0;
  walk<1>(type.getShape(), {strides}, {0}, [&](const std::array<int64_t, 1>& at) {
    append(to, from, at[0] + resolved((*index)[next++], shape[axis]) * along, 1, width);
  });
  return storeBytes(type, to);
}

DenseElementsAttr gatherNd(int64_t batch_dims, RankedTensorType type, Attribute operand, Attribute indices) {
  DenseElementsAttr attribute = evaluable(operand);
  std::optional<Elements<int64_t>> index = loadIndices(indices);
  int64_t width = byteWidth(type.getElementType());
  if (!attribute || !index || !isSmall(type) || width == 0) return nullptr;
  auto shape = attribute.getType().getShape();
  auto index_shape = llvm::cast<DenseElementsAttr>(indices).getType().getShape();
  int64_t depth = index_shape.back(), tuples = product(index_shape.drop_back());
  int64_t batches = product(shape.take_front(batch_dims)), batch = product(shape.drop_front(batch_dims));
  int64_t inner = product(shape.drop_front(batch_dims + depth));
  llvm::SmallVector<int64_t> strides = stridesOf(shape);
  Elements<char> from = loadBytes(attribute), to;
  if (product(type.getShape()) > 0) {
    for (int64_t tuple = 0; tuple < tuples; ++tuple) {
      int64_t offset = tuple / (tuples / batches) * batch;
      for (int64_t i = 0; i < depth; ++i)
        offset += resolved((*index)[tuple * depth + i], shape[batch_dims + i]) * strides[batch_dims + i];
      append(to, from, offset, inner, width);
    }
  }
  return storeBytes(type, to);
}

DenseElementsAttr pad(PadMode mode, llvm::ArrayRef<int64_t> low, RankedTensorType type, Attribute operand,
                      Attribute value) {
  DenseElementsAttr attribute = evaluable(operand);
  int64_t width = byteWidth(type.getElementType());
  if (!attribute || !isSmall(type) || width == 0) return nullptr;
  Elements<char> fill(width, 0);
  if (value) {
    DenseElementsAttr scalar = evaluable(value);
    if (!scalar || scalar.getNumElements() != 1) return nullptr;
    fill = loadBytes(scalar);
  }
  auto shape = attribute.getType().getShape();
  // Where each index of a result dim comes from: an element offset, or -1 for the padding.
  llvm::SmallVector<llvm::SmallVector<int64_t>> source(type.getRank());
  llvm::SmallVector<int64_t> strides = stridesOf(shape);
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    int64_t size = shape[dim];
    for (int64_t i = 0; i < type.getDimSize(dim) && product(type.getShape()) > 0; ++i) {
      int64_t at = i - low[dim];
      if (mode == PadMode::edge) at = std::clamp<int64_t>(at, 0, size - 1);
      if (mode == PadMode::reflect && at < 0) at = -at;
      if (mode == PadMode::reflect && at >= size) at = 2 * (size - 1) - at;
      if (mode == PadMode::wrap) at = size > 0 ? ((at % size) + size) % size : -1;
      source[dim].push_back(at < 0 || at >= size ? -1 : at * strides[dim]);
    }
  }
  Elements<char> from = loadBytes(attribute), to;
  llvm::SmallVector<int64_t> unit = stridesOf(type.getShape());
  walk<1>(type.getShape(), {unit}, {0}, [&](const std::array<int64_t, 1>& at) {
    int64_t offset = 0;
    for (int64_t dim = 0; dim < type.getRank() && offset >= 0; ++dim) {
      int64_t part = source[dim][at[0] / unit[dim] % type.getDimSize(dim)];
      offset = part < 0 ? -1 : offset + part;
    }
    if (offset < 0) {
      to.append(fill.begin(), fill.end());
    } else {
      append(to, from, offset, 1, width);
    }
  });
  return storeBytes(type, to);
}

}  // namespace plimsoll::graph::evaluate
