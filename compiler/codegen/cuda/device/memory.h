// Elements in global memory: read as the type in which is computed, written as that of memory. Types, widths and
// numbers of dims are the description's, constants before any loop is unrolled: loops run to them, not to the most
// there may be.
#pragma once

#include <stdint.h>

#include "compiler/codegen/cuda/device/description.h"

#define PLIMSOLL_INLINE __attribute__((always_inline)) inline
#define PLIMSOLL_GLOBAL __attribute__((address_space(1)))
#define PLIMSOLL_SHARED __attribute__((address_space(3)))
#define PLIMSOLL_UNROLL _Pragma("clang loop unroll(full)")

namespace plimsoll::device {

using Pointer = PLIMSOLL_GLOBAL char*;

PLIMSOLL_INLINE int ThreadNumber() { return __nvvm_read_ptx_sreg_tid_x(); }
PLIMSOLL_INLINE int BlockNumber() { return __nvvm_read_ptx_sreg_ctaid_x(); }
PLIMSOLL_INLINE int BlockCount() { return __nvvm_read_ptx_sreg_nctaid_x(); }
PLIMSOLL_INLINE void Barrier() { __syncthreads(); }
// The value of the lane whose number differs by xor `offset`.
PLIMSOLL_INLINE int Shuffle(int value, int offset) { return __nvvm_shfl_sync_bfly_i32(-1, value, offset, 31); }
PLIMSOLL_INLINE float Shuffle(float value, int offset) {
  return __builtin_bit_cast(float, Shuffle(__builtin_bit_cast(int, value), offset));
}

template <typename A, typename B>
constexpr bool kSame = false;
template <typename A>
constexpr bool kSame<A, A> = true;
template <typename T>
constexpr bool kFloating = kSame<T, float> || kSame<T, double>;

PLIMSOLL_INLINE constexpr int BytesOf(int type) {
  switch (type) {
    case kI64:
    case kU64:
    case kF64:
      return 8;
    case kI32:
    case kU32:
    case kF32:
      return 4;
    case kI16:
    case kU16:
    case kF16:
    case kBF16:
      return 2;
    default:
      return 1;
  }
}

// The 8-bit floats: bits of the mantissa, the exponent's bias, the largest finite code; NaN and zero as below.
struct Float8 {
  int mantissa, bias, largest;
  bool infinities;     // else the codes behind the largest are NaN, which is all ones
  bool unsigned_zero;  // 0x80 is the one NaN
};
PLIMSOLL_INLINE constexpr Float8 Float8Of(int type) {
  switch (type) {
    case kF8E4M3FN:
      return {3, 7, 0x7e, false, false};
    case kF8E4M3FNUZ:
      return {3, 8, 0x7f, false, true};
    case kF8E5M2:
      return {2, 15, 0x7b, true, false};
    default:
      return {2, 16, 0x7f, false, true};
  }
}
PLIMSOLL_INLINE float PowerOfTwo(int exponent) { return __builtin_bit_cast(float, (exponent + 127) << 23); }

PLIMSOLL_INLINE float FromFloat8(uint8_t code, int type) {
  const Float8 f = Float8Of(type);
  const uint32_t sign = (code & 0x80u) << 24, magnitude = code & 0x7fu;
  // The code's exponent and mantissa as an f32's, in two steps of a power of two: subnormals come out right.
  const float normal =
      __builtin_bit_cast(float, magnitude << (23 - f.mantissa)) * PowerOfTwo(64) * PowerOfTwo(63 - f.bias);
  const float small = static_cast<float>(magnitude) * PowerOfTwo(1 - f.bias - f.mantissa);
  const float value = magnitude < (1u << f.mantissa) ? small : normal;
  uint32_t bits = __builtin_bit_cast(uint32_t, value) | sign;
  if (f.unsigned_zero) return __builtin_bit_cast(float, code == 0x80 ? 0x7fc00000u : bits);
  if (f.infinities && magnitude == 0x7c) bits = sign | 0x7f800000u;
  if (f.infinities ? magnitude > 0x7c : magnitude == 0x7f) bits = sign | 0x7fc00000u;
  return __builtin_bit_cast(float, bits);
}

// To the nearest, ties to even. Too large: infinity, or NaN where there is none.
PLIMSOLL_INLINE uint8_t ToFloat8(float value, int type) {
  const Float8 f = Float8Of(type);
  const uint32_t bits = __builtin_bit_cast(uint32_t, value), sign = bits >> 24 & 0x80, magnitude = bits & 0x7fffffff;
  const int shift = 23 - f.mantissa;
  const uint32_t rounded = (magnitude + ((1u << (shift - 1)) - 1) + (magnitude >> shift & 1)) >> shift;
  const int normal = static_cast<int>(rounded) - ((127 - f.bias) << f.mantissa);
  // Adding a number whose last bit has the subnormals' weight rounds to it.
  const float magic = PowerOfTwo(1 - f.bias - f.mantissa + 23);
  const int small =
      __builtin_bit_cast(int, __builtin_bit_cast(float, magnitude) + magic) - __builtin_bit_cast(int, magic);
  const bool is_small = magnitude < static_cast<uint32_t>(1 - f.bias + 127) << 23;
  const int code = is_small ? small : normal;
  const bool nan = magnitude > 0x7f800000u, over = magnitude >= 0x7f800000u || (!is_small && normal > f.largest);
  if (f.unsigned_zero) {
    if (nan || over) return 0x80;
    return static_cast<uint8_t>(code == 0 ? 0 : code | static_cast<int>(sign));
  }
  if (nan) return static_cast<uint8_t>(sign | (f.infinities ? 0x7e : 0x7f));
  if (over) return static_cast<uint8_t>(sign | (f.infinities ? 0x7c : 0x7f));
  return static_cast<uint8_t>(sign | static_cast<uint32_t>(code));
}

PLIMSOLL_INLINE float FromBfloat(uint16_t bits) { return __builtin_bit_cast(float, uint32_t{bits} << 16); }
PLIMSOLL_INLINE uint16_t ToBfloat(float value) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  if (value != value) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// Element types as they lie in memory, and what becomes of one.
template <typename To>
PLIMSOLL_INLINE To FromBits(uint64_t bits, int type) {
  switch (type) {
    case kI8:
      return static_cast<To>(static_cast<int8_t>(bits));
    case kU8:
      return static_cast<To>(static_cast<uint8_t>(bits));
    case kI16:
      return static_cast<To>(static_cast<int16_t>(bits));
    case kU16:
      return static_cast<To>(static_cast<uint16_t>(bits));
    case kI32:
      return static_cast<To>(static_cast<int32_t>(bits));
    case kU32:
      return static_cast<To>(static_cast<uint32_t>(bits));
    case kI64:
      return static_cast<To>(static_cast<int64_t>(bits));
    case kU64:
      return static_cast<To>(bits);
    case kF16:
      return static_cast<To>(__builtin_bit_cast(_Float16, static_cast<uint16_t>(bits)));
    case kBF16:
      return static_cast<To>(FromBfloat(static_cast<uint16_t>(bits)));
    case kF32:
      return static_cast<To>(__builtin_bit_cast(float, static_cast<uint32_t>(bits)));
    case kF64:
      return static_cast<To>(__builtin_bit_cast(double, bits));
    default:
      return static_cast<To>(FromFloat8(static_cast<uint8_t>(bits), type));
  }
}

// Sums are rounded once, from the type that they were made in.
template <typename From>
PLIMSOLL_INLINE uint64_t ToBits(From value, int type) {
  switch (type) {
    case kI64:
    case kU64:
      return static_cast<uint64_t>(static_cast<int64_t>(value));
    case kF16:
      return __builtin_bit_cast(uint16_t, static_cast<_Float16>(value));
    case kBF16:
      return ToBfloat(static_cast<float>(value));
    case kF32:
      return __builtin_bit_cast(uint32_t, static_cast<float>(value));
    case kF64:
      return __builtin_bit_cast(uint64_t, static_cast<double>(value));
    case kF8E4M3FN:
    case kF8E4M3FNUZ:
    case kF8E5M2:
    case kF8E5M2FNUZ:
      return ToFloat8(static_cast<float>(value), type);
    default:
      return static_cast<uint64_t>(static_cast<int64_t>(value));  // modulo 2^n
  }
}

template <typename Bits, int kCount>
struct VectorOf {
  typedef Bits type __attribute__((ext_vector_type(kCount)));
};

// `kCount` neighbours by one access of at most 16 bytes; the address is a multiple of its size. Bits and their meaning
// are apart, so that no case of the one is repeated for each of the other.
template <typename Bits, int kCount>
PLIMSOLL_INLINE void LoadBits(Pointer from, uint64_t* to) {
  if constexpr (kCount == 1) {
    to[0] = *reinterpret_cast<PLIMSOLL_GLOBAL const Bits*>(from);
  } else if constexpr (sizeof(Bits) * kCount <= 16) {
    using Vector = typename VectorOf<Bits, kCount>::type;
    const Vector bits = *reinterpret_cast<PLIMSOLL_GLOBAL const Vector*>(from);
    PLIMSOLL_UNROLL
    for (int i = 0; i < kCount; ++i) to[i] = bits[i];
  }
}
template <int kCount>
PLIMSOLL_INLINE void LoadBitsOf(Pointer from, int bytes, uint64_t* to) {
  switch (bytes) {
    case 1:
      return LoadBits<uint8_t, kCount>(from, to);
    case 2:
      return LoadBits<uint16_t, kCount>(from, to);
    case 4:
      return LoadBits<uint32_t, kCount>(from, to);
    default:
      return LoadBits<uint64_t, kCount>(from, to);
  }
}
template <typename To>
PLIMSOLL_INLINE To LoadOne(Pointer from, int type) {
  uint64_t bits;
  LoadBitsOf<1>(from, BytesOf(type), &bits);
  return FromBits<To>(bits, type);
}
// `width`: 1, 2, 4, 8 or 16.
template <typename To>
PLIMSOLL_INLINE void Load(Pointer from, int type, int width, To* to) {
  uint64_t bits[16];
  switch (width) {
    case 2:
      LoadBitsOf<2>(from, BytesOf(type), bits);
      break;
    case 4:
      LoadBitsOf<4>(from, BytesOf(type), bits);
      break;
    case 8:
      LoadBitsOf<8>(from, BytesOf(type), bits);
      break;
    case 16:
      LoadBitsOf<16>(from, BytesOf(type), bits);
      break;
    default:
      LoadBitsOf<1>(from, BytesOf(type), bits);
  }
  PLIMSOLL_UNROLL
  for (int i = 0; i < width; ++i) to[i] = FromBits<To>(bits[i], type);
}

template <typename Bits, int kCount>
PLIMSOLL_INLINE void StoreBits(Pointer to, const uint64_t* from) {
  if constexpr (kCount == 1) {
    *reinterpret_cast<PLIMSOLL_GLOBAL Bits*>(to) = static_cast<Bits>(from[0]);
  } else if constexpr (sizeof(Bits) * kCount <= 16) {
    using Vector = typename VectorOf<Bits, kCount>::type;
    Vector bits;
    PLIMSOLL_UNROLL
    for (int i = 0; i < kCount; ++i) bits[i] = static_cast<Bits>(from[i]);
    *reinterpret_cast<PLIMSOLL_GLOBAL Vector*>(to) = bits;
  }
}
template <int kCount>
PLIMSOLL_INLINE void StoreBitsOf(Pointer to, int bytes, const uint64_t* from) {
  switch (bytes) {
    case 1:
      return StoreBits<uint8_t, kCount>(to, from);
    case 2:
      return StoreBits<uint16_t, kCount>(to, from);
    case 4:
      return StoreBits<uint32_t, kCount>(to, from);
    default:
      return StoreBits<uint64_t, kCount>(to, from);
  }
}
// `width`: 1, 2 or 4.
template <typename From>
PLIMSOLL_INLINE void Store(Pointer to, int type, int width, const From* from) {
  uint64_t bits[4];
  PLIMSOLL_UNROLL
  for (int i = 0; i < width; ++i) bits[i] = ToBits(from[i], type);
  switch (width) {
    case 2:
      return StoreBitsOf<2>(to, BytesOf(type), bits);
    case 4:
      return StoreBitsOf<4>(to, BytesOf(type), bits);
    default:
      return StoreBitsOf<1>(to, BytesOf(type), bits);
  }
}

// Positions along an axis. Divisions by constants once specialized, of 32 bits.
PLIMSOLL_INLINE void Decode(const Axis& axis, int number, int* position) {
  uint32_t rest = static_cast<uint32_t>(number);
  PLIMSOLL_UNROLL
  for (int i = axis.dims - 1; i >= 0; --i) {
    const uint32_t extent = static_cast<uint32_t>(axis.extents[i]);
    if (i == 0) {
      position[i] = static_cast<int>(rest);
    } else {
      position[i] = static_cast<int>(rest % extent);
      rest /= extent;
    }
  }
}
// `Index`: int, or int64_t where an operand has 2^31 elements.
template <typename Index>
PLIMSOLL_INLINE Index Address(const Axis& axis, const int* position, const long long* strides) {
  Index at = 0;
  PLIMSOLL_UNROLL
  for (int i = 0; i < axis.dims; ++i) at += static_cast<Index>(position[i]) * static_cast<Index>(strides[i]);
  return at;
}
template <typename Index>
PLIMSOLL_INLINE Index AddressOf(const Axis& axis, int number, const long long* strides) {
  int position[kDims];
  Decode(axis, number, position);
  return Address<Index>(axis, position, strides);
}
PLIMSOLL_INLINE Pointer Element(Pointer base, int64_t index, int type) { return base + index * BytesOf(type); }

}  // namespace plimsoll::device
