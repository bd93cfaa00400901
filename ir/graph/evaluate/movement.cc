// Evaluations that move elements along strides: the bytes are copied as they are.
#include <cmath>
#include <cstring>

#include "ir/graph/evaluate/elements.h"
#include "ir/graph/evaluate/evaluate.h"
#include "ir/graph/infer.h"

namespace plimsoll::graph::evaluate {

namespace {

// The elements of `operand` at `offset` and along `strides`, one a result dim.
DenseElementsAttr strided(RankedTensorType type, DenseElementsAttr operand, int64_t offset,
                          const llvm::SmallVector<int64_t>& strides) {
  int64_t width = byteWidth(type.getElementType());
  if (width == 0) return nullptr;
  Elements<char> from = loadBytes(operand), to;
  to.reserve(width * *elementCount(type.getShape()));
  walk<1>(type.getShape(), {strides}, {offset}, [&](const std::array<int64_t, 1>& at) {
    to.append(from.begin() + at[0] * width, from.begin() + (at[0] + 1) * width);
  });
  return storeBytes(type, to);
}

}  // namespace

DenseElementsAttr reshape(RankedTensorType type, Attribute operand) {
  DenseElementsAttr attribute = evaluable(operand);
  if (!attribute || !isSmall(type) || attribute.getNumElements() != elementCount(type.getShape())) return nullptr;
  return attribute.reshape(type);
}

DenseElementsAttr transpose(llvm::ArrayRef<int64_t> permutation, RankedTensorType type, Attribute operand) {
  DenseElementsAttr attribute = evaluable(operand);
  if (!attribute || !isSmall(type)) return nullptr;
  llvm::SmallVector<int64_t> own = stridesOf(attribute.getType().getShape()), strides;
  for (int64_t dim : permutation) strides.push_back(own[dim]);
  return strided(type, attribute, 0, strides);
}

DenseElementsAttr expand(RankedTensorType type, Attribute operand) {
  DenseElementsAttr attribute = evaluable(operand);
  if (!attribute || !isSmall(type)) return nullptr;
  return strided(type, attribute, 0, broadcastStrides(attribute.getType().getShape(), type.getShape()));
}

DenseElementsAttr slice(llvm::ArrayRef<int64_t> starts, llvm::ArrayRef<int64_t> strides, RankedTensorType type,
                        Attribute operand) {
  DenseElementsAttr attribute = evaluable(operand);
  if (!attribute || !isSmall(type)) return nullptr;
  llvm::SmallVector<int64_t> own = stridesOf(attribute.getType().getShape());
  int64_t offset = 0;
  // With elements in the result, every start lies in its dim; steps along dims of one element are never taken.
  bool empty = elementCount(type.getShape()) == 0;
  for (size_t i = 0; i < own.size(); ++i) {
    offset += empty ? 0 : starts[i] * own[i];
    own[i] = type.getDimSize(i) > 1 ? strides[i] * own[i] : 0;
  }
  return strided(type, attribute, offset, own);
}

DenseElementsAttr concat(int64_t axis, RankedTensorType type, Constants operands) {
  if (!isSmall(type)) return nullptr;
  int64_t width = byteWidth(type.getElementType());
  llvm::SmallVector<Elements<char>> parts;
  llvm::SmallVector<int64_t> rows;
  int64_t inner = width, outer = 1;
  for (int64_t i = 0; i < type.getRank(); ++i) (i < axis ? outer : inner) *= i == axis ? 1 : type.getDimSize(i);
  for (Attribute operand : operands) {
    DenseElementsAttr attribute = evaluable(operand);
    if (!attribute || width == 0) return nullptr;
    parts.push_back(loadBytes(attribute));
    rows.push_back(attribute.getType().getDimSize(axis) * inner);
  }
  Elements<char> to;
  if (elementCount(type.getShape()) == 0) outer = 0;
  for (int64_t i = 0; i < outer; ++i)
    for (auto [part, row] : llvm::zip_equal(parts, rows))
      to.append(part.begin() + i * row, part.begin() + (i + 1) * row);
  return storeBytes(type, to);
}

DenseElementsAttr select(RankedTensorType type, Attribute condition, Attribute on_true, Attribute on_false) {
  DenseElementsAttr test = evaluable(condition), yes = evaluable(on_true), no = evaluable(on_false);
  int64_t width = byteWidth(type.getElementType());
  if (!test || !yes || !no || !isSmall(type) || width == 0) return nullptr;
  Elements<bool> tests = load<bool>(test);
  Elements<char> from_yes = loadBytes(yes), from_no = loadBytes(no), to;
  auto strides = [&](DenseElementsAttr attribute) {
    return broadcastStrides(attribute.getType().getShape(), type.getShape());
  };
  walk<3>(type.getShape(), {strides(test), strides(yes), strides(no)}, {0, 0, 0},
          [&](const std::array<int64_t, 3>& at) {
            const char* from = tests[at[0]] ? from_yes.data() + at[1] * width : from_no.data() + at[2] * width;
            to.append(from, from + width);
          });
  return storeBytes(type, to);
}

DenseElementsAttr iota(int64_t axis, double start, double step, RankedTensorType type) {
  if (!isSmall(type)) return nullptr;
  llvm::SmallVector<int64_t> strides(type.getRank(), 0);
  strides[axis] = 1;
  return visit(kindOf(type.getElementType()), [&](auto tag) -> DenseElementsAttr {
    using T = decltype(tag);
    Elements<T> elements;
    // Whole numbers that doubles hold exactly; the rest is left.
    constexpr double kExact = 9007199254740992.0;
    if (!std::is_same_v<T, double> && (std::trunc(start) != start || std::trunc(step) != step ||
                                       !(std::fabs(start) < kExact) || !(std::fabs(step) < kExact)))
      return nullptr;
    walk<1>(type.getShape(), {strides}, {0}, [&](const std::array<int64_t, 1>& at) {
      if constexpr (std::is_same_v<T, double>) {
        elements.push_back(start + step * static_cast<double>(at[0]));
      } else {
        uint64_t index = static_cast<uint64_t>(at[0]);
        elements.push_back(static_cast<T>(static_cast<uint64_t>(static_cast<int64_t>(start)) +
                                          static_cast<uint64_t>(static_cast<int64_t>(step)) * index));
      }
    });
    return store<T>(type, elements);
  });
}

}  // namespace plimsoll::graph::evaluate
