#include "ir/plan/onnx_elements.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace plimsoll::plan {
namespace {

constexpr int kFloat4E2M1 = 23, kFloat8E8M0 = 24;
constexpr OnnxElement kElements[] = {
    {1, F32, 4},
    {2, U8, 1},
    {3, I8, 1},
    {4, U16, 2},
    {5, I16, 2},
    {6, I32, 4},
    {7, I64, 8},
    {9, BOOL, 1},
    {10, F16, 2},
    {11, F64, 8},
    {12, U32, 4},
    {13, U64, 8},
    {16, BF16, 2},
    {17, F8E4M3FN, 1},
    {18, F8E4M3FNUZ, 1},
    {19, F8E5M2, 1},
    {20, F8E5M2FNUZ, 1},
    {21, U8, 1, 4},
    {22, I8, 1, 4},
    {kFloat4E2M1, F8E4M3FN, 1, 4},
    {kFloat8E8M0, BF16, 2, 8},
    {25, U8, 1, 2},
    {26, I8, 1, 2},
};

// 0, 0.5, 1, 1.5, 2, 3, 4, 6: the codes of E2M1 as codes of E4M3.
constexpr uint8_t kFloat4[8] = {0x00, 0x30, 0x38, 0x3c, 0x40, 0x44, 0x48, 0x4c};

uint16_t Widened(const OnnxElement& element, int code) {
  if (element.number == kFloat4E2M1) return kFloat4[code & 7] | (code & 8) << 4;
  if (element.number == kFloat8E8M0)
    return code == 0 ? 0x0040 : code == 255 ? 0x7fc0 : static_cast<uint16_t>(code << 7);
  const bool negative = element.kept == I8 && code >> (element.stored_bits - 1) != 0;
  return static_cast<uint16_t>(negative ? code - (1 << element.stored_bits) : code);
}

int Narrowed(const OnnxElement& element, uint16_t value) {
  if (element.number == kFloat4E2M1) {
    const auto* found = std::find(std::begin(kFloat4), std::end(kFloat4), value & 0x7f);
    return found == std::end(kFloat4) ? 0 : static_cast<int>(found - kFloat4) | (value & 0x80) >> 4;
  }
  if (element.number == kFloat8E8M0) return value >= 0x7f80 ? 255 : value >> 7;
  return value & ((1 << element.stored_bits) - 1);
}

}  // namespace

const OnnxElement* FindOnnxElement(int number) {
  for (const OnnxElement& element : kElements) {
    if (element.number == number) return &element;
  }
  return nullptr;
}

int OnnxNumber(DataType dtype) {
  for (const OnnxElement& element : kElements) {
    if (element.kept == dtype && !element.narrow()) return element.number;
  }
  return 0;
}

int64_t StoredBytes(const OnnxElement& element, int64_t count) {
  if (!element.narrow()) return count * element.kept_bytes;
  const int64_t per_byte = 8 / element.stored_bits;
  return count / per_byte + (count % per_byte != 0);
}

std::string FromStored(const OnnxElement& element, std::string stored, int64_t count) {
  if (!element.narrow()) return stored;
  const int bits = element.stored_bits, per_byte = 8 / bits;
  std::string kept(static_cast<size_t>(count * element.kept_bytes), '\0');
  for (int64_t i = 0; i < count && i / per_byte < static_cast<int64_t>(stored.size()); ++i) {
    const int code = static_cast<uint8_t>(stored[i / per_byte]) >> (i % per_byte * bits) & ((1 << bits) - 1);
    const uint16_t value = Widened(element, code);
    std::memcpy(kept.data() + i * element.kept_bytes, &value, element.kept_bytes);
  }
  return kept;
}

std::string ToStored(const OnnxElement& element, const std::string& kept) {
  if (!element.narrow()) return kept;
  const int bits = element.stored_bits, per_byte = 8 / bits;
  const int64_t count = static_cast<int64_t>(kept.size()) / element.kept_bytes;
  std::string stored(static_cast<size_t>(StoredBytes(element, count)), '\0');
  for (int64_t i = 0; i < count; ++i) {
    uint16_t value = 0;
    std::memcpy(&value, kept.data() + i * element.kept_bytes, element.kept_bytes);
    char& byte = stored[i / per_byte];
    byte = static_cast<char>(byte | Narrowed(element, value) << (i % per_byte * bits));
  }
  return stored;
}

}  // namespace plimsoll::plan
