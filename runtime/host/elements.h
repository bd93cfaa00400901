// Element types as C++ types, and the choice of one by a tensor's type.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ir/plan/types.h"

namespace plimsoll::runtime {

// Storage of 16-bit floats: reads as float, rounds to nearest even when made from one.
class Bf16 {
 public:
  Bf16() = default;
  Bf16(float value) {  // NOLINT: an element converts as the built-in ones do
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    const bool nan = (bits & 0x7fffffff) > 0x7f800000;
    bits_ = static_cast<uint16_t>(nan ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }
  operator float() const {  // NOLINT
    const uint32_t bits = static_cast<uint32_t>(bits_) << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
  }

 private:
  uint16_t bits_ = 0;
};

class F16 {
 public:
  F16() = default;
  F16(float value) : value_(static_cast<_Float16>(value)) {}  // NOLINT
  operator float() const { return static_cast<float>(value_); }  // NOLINT

 private:
  _Float16 value_ = 0;
};

// What arithmetic on T is done in.
template <typename T>
using Compute = std::conditional_t<std::is_same_v<T, F16> || std::is_same_v<T, Bf16>, float, T>;

template <typename T>
struct Tag {
  using type = T;
};

inline absl::Status WrongType(plan::DataType dtype) {
  return absl::UnimplementedError(absl::StrCat("elements of type ", plan::Name(dtype)));
}

// Calls body(Tag<T>()), which returns a status, for numbers and bool (as uint8_t). kUnimplemented for other types.
template <typename F>
absl::Status ForFloats(plan::DataType dtype, F&& body) {
  switch (dtype) {
    case plan::F16: return body(Tag<F16>());
    case plan::BF16: return body(Tag<Bf16>());
    case plan::F32: return body(Tag<float>());
    case plan::F64: return body(Tag<double>());
    default: return WrongType(dtype);
  }
}

template <typename F>
absl::Status ForNumbers(plan::DataType dtype, F&& body) {
  switch (dtype) {
    case plan::BOOL:
    case plan::U8: return body(Tag<uint8_t>());
    case plan::I8: return body(Tag<int8_t>());
    case plan::I16: return body(Tag<int16_t>());
    case plan::U16: return body(Tag<uint16_t>());
    case plan::I32: return body(Tag<int32_t>());
    case plan::U32: return body(Tag<uint32_t>());
    case plan::I64: return body(Tag<int64_t>());
    case plan::U64: return body(Tag<uint64_t>());
    default: return ForFloats(dtype, body);
  }
}

}  // namespace plimsoll::runtime
