#include "ir/graph/evaluate/elements.h"

#include <cstring>
#include <type_traits>

#include "ir/graph/infer.h"

namespace plimsoll::graph::evaluate {

using llvm::APFloat;
using llvm::APInt;
using mlir::DenseElementsAttr;

namespace {

// Copies a raw buffer of Stored elements (one: a splat) to `result`.
template <typename Stored, typename T>
void widen(llvm::ArrayRef<char> raw, Elements<T>& result) {
  if (raw.size() == sizeof(Stored)) {
    Stored value;
    std::memcpy(&value, raw.data(), sizeof(Stored));
    std::fill(result.begin(), result.end(), static_cast<T>(value));
    return;
  }
  for (size_t i = 0; i < result.size() && (i + 1) * sizeof(Stored) <= raw.size(); ++i) {
    Stored value;
    std::memcpy(&value, raw.data() + i * sizeof(Stored), sizeof(Stored));
    result[i] = static_cast<T>(value);
  }
}

template <typename Stored, typename T>
DenseElementsAttr narrow(mlir::RankedTensorType type, llvm::ArrayRef<T> elements) {
  Elements<char> raw(elements.size() * sizeof(Stored));
  for (size_t i = 0; i < elements.size(); ++i) {
    // Conversions of integers wrap around; those of doubles to float overflow to infinity (IEEE 754).
    Stored value = static_cast<Stored>(elements[i]);
    std::memcpy(raw.data() + i * sizeof(Stored), &value, sizeof(Stored));
  }
  return storeBytes(type, raw);
}

APFloat toFormat(double value, mlir::FloatType type) {
  APFloat result(value);
  bool inexact = false;
  result.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &inexact);
  return result;
}

double toDouble(APFloat value) {
  bool inexact = false;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &inexact);
  return value.convertToDouble();
}

}  // namespace

Kind kindOf(mlir::Type element) {
  if (auto integer = llvm::dyn_cast<mlir::IntegerType>(element)) {
    if (integer.getWidth() == 1) return Kind::BOOL;
    if (integer.getWidth() > 64 || integer.getWidth() == 0) return Kind::OTHER;
    return integer.isUnsigned() ? Kind::UNSIGNED : Kind::SIGNED;
  }
  auto format = llvm::dyn_cast<mlir::FloatType>(element);
  // What is wider than double would lose digits.
  return format && format.getWidth() <= 64 ? Kind::FLOAT : Kind::OTHER;
}

bool isSmall(mlir::RankedTensorType type) {
  std::optional<int64_t> count = elementCount(type.getShape());
  return count && *count <= kMaxElements && kindOf(type.getElementType()) != Kind::OTHER;
}

DenseElementsAttr evaluable(mlir::Attribute attribute) {
  auto elements = llvm::dyn_cast_or_null<DenseElementsAttr>(attribute);
  if (!elements || !llvm::isa<mlir::RankedTensorType>(elements.getType()) ||
      kindOf(elements.getElementType()) == Kind::OTHER || !elements.getType().hasStaticShape())
    return nullptr;
  std::optional<int64_t> count = elementCount(elements.getType().getShape());
  if (!count || *count > 16 * kMaxElements) return nullptr;
  return elements;
}

double rounded(double value, mlir::FloatType type) {
  if (type.isF64()) return value;
  if (type.isF32()) return static_cast<float>(value);
  return toDouble(toFormat(value, type));
}

template <typename T>
Elements<T> load(DenseElementsAttr attribute) {
  Elements<T> result(attribute.getNumElements());
  if (result.empty()) return result;
  mlir::Type element = attribute.getElementType();
  if constexpr (std::is_same_v<T, bool>) {
    size_t i = 0;
    for (bool value : attribute.getValues<bool>()) result[i++] = value;
  } else if constexpr (std::is_same_v<T, double>) {
    if (element.isF64()) {
      widen<double>(attribute.getRawData(), result);
    } else if (element.isF32()) {
      widen<float>(attribute.getRawData(), result);
    } else {
      size_t i = 0;
      for (const APFloat& value : attribute.getValues<APFloat>()) result[i++] = toDouble(value);
    }
  } else {
    constexpr bool is_signed = std::is_signed_v<T>;
    switch (element.getIntOrFloatBitWidth()) {
      case 8:
        widen<std::conditional_t<is_signed, int8_t, uint8_t>>(attribute.getRawData(), result);
        break;
      case 16:
        widen<std::conditional_t<is_signed, int16_t, uint16_t>>(attribute.getRawData(), result);
        break;
      case 32:
        widen<std::conditional_t<is_signed, int32_t, uint32_t>>(attribute.getRawData(), result);
        break;
      case 64:
        widen<T>(attribute.getRawData(), result);
        break;
      default: {
        size_t i = 0;
        for (const APInt& value : attribute.getValues<APInt>())
          result[i++] = is_signed ? static_cast<T>(value.getSExtValue()) : static_cast<T>(value.getZExtValue());
      }
    }
  }
  return result;
}
template Elements<bool> load<bool>(DenseElementsAttr);
template Elements<int64_t> load<int64_t>(DenseElementsAttr);
template Elements<uint64_t> load<uint64_t>(DenseElementsAttr);
template Elements<double> load<double>(DenseElementsAttr);

template <typename T>
DenseElementsAttr store(mlir::RankedTensorType type, llvm::ArrayRef<T> elements) {
  mlir::Type element = type.getElementType();
  if (kindOf(element) != kKind<T> || elementCount(type.getShape()) != static_cast<int64_t>(elements.size()))
    return nullptr;
  if constexpr (std::is_same_v<T, bool>) {
    if (!elements.empty() && llvm::all_equal(elements)) return DenseElementsAttr::get(type, elements.front());
    return DenseElementsAttr::get(type, elements);
  } else if constexpr (std::is_same_v<T, double>) {
    if (element.isF64()) return narrow<double>(type, elements);
    if (element.isF32()) return narrow<float>(type, elements);
    llvm::SmallVector<APFloat, 0> values;
    values.reserve(elements.size());
    for (double value : elements) values.push_back(toFormat(value, llvm::cast<mlir::FloatType>(element)));
    return DenseElementsAttr::get(type, values);
  } else {
    constexpr bool is_signed = std::is_signed_v<T>;
    switch (element.getIntOrFloatBitWidth()) {
      case 8:
        return narrow<std::conditional_t<is_signed, int8_t, uint8_t>>(type, elements);
      case 16:
        return narrow<std::conditional_t<is_signed, int16_t, uint16_t>>(type, elements);
      case 32:
        return narrow<std::conditional_t<is_signed, int32_t, uint32_t>>(type, elements);
      case 64:
        return narrow<T>(type, elements);
      default:
        break;
    }
    llvm::SmallVector<APInt, 0> values;
    values.reserve(elements.size());
    for (T value : elements)
      values.push_back(APInt(64, static_cast<uint64_t>(value)).trunc(element.getIntOrFloatBitWidth()));
    return DenseElementsAttr::get(type, values);
  }
}
template DenseElementsAttr store<bool>(mlir::RankedTensorType, llvm::ArrayRef<bool>);
template DenseElementsAttr store<int64_t>(mlir::RankedTensorType, llvm::ArrayRef<int64_t>);
template DenseElementsAttr store<uint64_t>(mlir::RankedTensorType, llvm::ArrayRef<uint64_t>);
template DenseElementsAttr store<double>(mlir::RankedTensorType, llvm::ArrayRef<double>);

int64_t byteWidth(mlir::Type element) {
  if (kindOf(element) == Kind::OTHER) return 0;
  if (kindOf(element) == Kind::BOOL) return 1;
  unsigned bits = element.getIntOrFloatBitWidth();
  return bits % 8 == 0 ? bits / 8 : 0;
}

Elements<char> loadBytes(DenseElementsAttr attribute) {
  if (kindOf(attribute.getElementType()) == Kind::BOOL) {
    Elements<bool> values = load<bool>(attribute);
    return Elements<char>(values.begin(), values.end());
  }
  int64_t width = byteWidth(attribute.getElementType()), count = attribute.getNumElements();
  llvm::ArrayRef<char> raw = attribute.getRawData();
  if (count != 1 && static_cast<int64_t>(raw.size()) == width) {
    Elements<char> result;
    result.reserve(width * count);
    for (int64_t i = 0; i < count; ++i) result.append(raw.begin(), raw.end());
    return result;
  }
  return Elements<char>(raw.begin(), raw.end());
}

DenseElementsAttr storeBytes(mlir::RankedTensorType type, llvm::ArrayRef<char> bytes) {
  if (kindOf(type.getElementType()) == Kind::BOOL) {
    Elements<bool> values;
    values.reserve(bytes.size());
    for (char byte : bytes) values.push_back(byte != 0);
    return store<bool>(type, values);
  }
  size_t width = byteWidth(type.getElementType());
  if (width == 0 || elementCount(type.getShape()) != static_cast<int64_t>(bytes.size() / width) ||
      bytes.size() % width != 0)
    return nullptr;
  bool splat = bytes.size() > width;
  for (size_t i = width; splat && i < bytes.size(); i += width)
    splat = std::memcmp(bytes.data(), bytes.data() + i, width) == 0;
  return DenseElementsAttr::getFromRawBuffer(type, splat ? bytes.take_front(width) : bytes);
}

llvm::SmallVector<int64_t> stridesOf(llvm::ArrayRef<int64_t> shape) {
  llvm::SmallVector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<int64_t>(shape[i], 1);
  }
  return strides;
}

llvm::SmallVector<int64_t> broadcastStrides(llvm::ArrayRef<int64_t> from, llvm::ArrayRef<int64_t> to) {
  llvm::SmallVector<int64_t> own = stridesOf(from), strides(to.size(), 0);
  for (size_t i = 0; i < from.size() && i < to.size(); ++i)
    if (from[from.size() - 1 - i] != 1) strides[to.size() - 1 - i] = own[from.size() - 1 - i];
  return strides;
}

}  // namespace plimsoll::graph::evaluate
