// Behind a sum: scale, bias and post-ops, in f32, in f64 where the sum is, integers modulo 2^n.
#pragma once

#include "compiler/codegen/cuda/device/memory.h"

extern "C" {  // libdevice
float __nv_expf(float);
float __nv_expm1f(float);
float __nv_logf(float);
float __nv_log1pf(float);
float __nv_tanhf(float);
float __nv_erff(float);
float __nv_sqrtf(float);
double __nv_exp(double);
double __nv_expm1(double);
double __nv_log1p(double);
double __nv_tanh(double);
double __nv_erf(double);
double __nv_sqrt(double);
}

namespace plimsoll::device {

PLIMSOLL_INLINE float Exp(float x) { return __nv_expf(x); }
PLIMSOLL_INLINE float Expm1(float x) { return __nv_expm1f(x); }
PLIMSOLL_INLINE float Log(float x) { return __nv_logf(x); }
PLIMSOLL_INLINE float Log1p(float x) { return __nv_log1pf(x); }
PLIMSOLL_INLINE float Tanh(float x) { return __nv_tanhf(x); }
PLIMSOLL_INLINE float Erf(float x) { return __nv_erff(x); }
PLIMSOLL_INLINE float Sqrt(float x) { return __nv_sqrtf(x); }
PLIMSOLL_INLINE double Exp(double x) { return __nv_exp(x); }
PLIMSOLL_INLINE double Expm1(double x) { return __nv_expm1(x); }
PLIMSOLL_INLINE double Log1p(double x) { return __nv_log1p(x); }
PLIMSOLL_INLINE double Tanh(double x) { return __nv_tanh(x); }
PLIMSOLL_INLINE double Erf(double x) { return __nv_erf(x); }
PLIMSOLL_INLINE double Sqrt(double x) { return __nv_sqrt(x); }

// NaN stays NaN in all of these.
template <typename T>
PLIMSOLL_INLINE T Clamp(T x, T low, T high) {
  return x < low ? low : x > high ? high : x;
}
template <typename T>
PLIMSOLL_INLINE T Sigmoid(T x) {
  return 1 / (1 + Exp(-x));
}
template <typename T>
PLIMSOLL_INLINE T Softplus(T x) {  // log(1 + e^x) without overflow
  return (x > 0 ? x : T{0}) + Log1p(Exp(x > 0 ? -x : x));
}

template <typename T>
PLIMSOLL_INLINE T Eltwise(int function, T x, T alpha, T beta) {
  switch (function) {
    case PostOp::kRelu:
      return x < 0 ? T{0} : x;
    case PostOp::kLeakyRelu:
      return x < 0 ? alpha * x : x;
    case PostOp::kClip:
      return Clamp(x, alpha, beta);
    case PostOp::kSigmoid:
      return Sigmoid(x);
    case PostOp::kTanh:
      return Tanh(x);
    case PostOp::kGeluErf:
      return static_cast<T>(0.5) * x * (1 + Erf(x * static_cast<T>(0.70710678118654752440)));
    case PostOp::kGeluTanh: {
      const T inside = static_cast<T>(0.79788456080286535588) * (x + static_cast<T>(0.044715) * x * x * x);
      return static_cast<T>(0.5) * x * (1 + Tanh(inside));
    }
    case PostOp::kSilu:
      return x / (1 + Exp(-x));
    case PostOp::kHardSwish:
      return x * Clamp(x / 6 + static_cast<T>(0.5), T{0}, T{1});
    case PostOp::kHardSigmoid:
      return Clamp(alpha * x + beta, T{0}, T{1});
    case PostOp::kElu:
      return x < 0 ? alpha * Expm1(x) : x;
    case PostOp::kSoftplus:
      return Softplus(x);
    case PostOp::kMish:
      return x * Tanh(Softplus(x));
    case PostOp::kExp:
      return Exp(x);
    case PostOp::kAbs:
      return x < 0 ? -x : x == 0 ? T{0} : x;
    case PostOp::kSqrt:
      return Sqrt(x);
    case PostOp::kSquare:
      return x * x;
    default:
      return alpha * x + beta;
  }
}
template <typename T>
PLIMSOLL_INLINE T Binary(int function, T x, T y) {
  switch (function) {
    case PostOp::kAdd:
      return x + y;
    case PostOp::kMul:
      return x * y;
    case PostOp::kSub:
      return x - y;
    case PostOp::kDiv:
      return x / y;
    case PostOp::kMax:
      return x > y || x != x ? x : y;
    default:
      return x < y || x != x ? x : y;
  }
}

// Where an element of the destination lies along the three axes.
struct Place {
  int batch[kDims], row[kDims], column[kDims];
};
template <typename Index>
PLIMSOLL_INLINE Pointer Locate(const View& view, const Axis& batch, const Axis& rows, const Axis& columns,
                               const Place& place, const Pointer* operands) {
  const Index at = Address<Index>(batch, place.batch, view.batch) + Address<Index>(rows, place.row, view.row) +
                   Address<Index>(columns, place.column, view.column);
  return Element(operands[view.operand], at, view.type);
}

// `count` (1, or the destination's width) neighbouring columns from `column` on. A view of width 1 beside a wider
// destination is read element by element, one without strides along the columns once.
template <typename Index, typename T>
PLIMSOLL_INLINE void LoadView(const View& view, const Axis& batch, const Axis& rows, const Axis& columns,
                              const Place& place, int column, int count, const Pointer* operands, T* to) {
  if (view.width == count)
    return Load(Locate<Index>(view, batch, rows, columns, place, operands), view.type, count, to);
  bool moves = false;
  PLIMSOLL_UNROLL
  for (int i = 0; i < columns.dims; ++i) moves |= view.column[i] != 0;
  if (!moves) {
    const T value = LoadOne<T>(Locate<Index>(view, batch, rows, columns, place, operands), view.type);
    PLIMSOLL_UNROLL
    for (int i = 0; i < count; ++i) to[i] = value;
    return;
  }
  PLIMSOLL_UNROLL
  for (int i = 0; i < count; ++i) {
    Place other = place;
    if (i > 0) Decode(columns, column + i, other.column);
    to[i] = LoadOne<T>(Locate<Index>(view, batch, rows, columns, other, operands), view.type);
  }
}

// Finishes and stores `count` neighbouring columns (1, or the destination's width, at most 4).
template <typename Index, typename T>
PLIMSOLL_INLINE void Finish(const Epilogue& epilogue, const Axis& batch, const Axis& rows, const Axis& columns,
                            Place& place, int column, int count, const Pointer* operands, T* values) {
  Decode(columns, column, place.column);
  if constexpr (kFloating<T>) {
    if (epilogue.scale != 1) {
      PLIMSOLL_UNROLL
      for (int i = 0; i < count; ++i) values[i] *= epilogue.scale;
    }
  }
  if (epilogue.bias.operand != kNone) {
    T bias[4];
    LoadView<Index>(epilogue.bias, batch, rows, columns, place, column, count, operands, bias);
    PLIMSOLL_UNROLL
    for (int i = 0; i < count; ++i) values[i] += bias[i];
  }
  Pointer destination = Locate<Index>(epilogue.destination, batch, rows, columns, place, operands);
  if constexpr (kFloating<T>) {
    PLIMSOLL_UNROLL
    for (int number = 0; number < epilogue.post_ops; ++number) {
      const PostOp& op = epilogue.post_op[number];
      T other[4];
      if (op.kind == PostOp::kBinary)
        LoadView<Index>(op.view, batch, rows, columns, place, column, count, operands, other);
      if (op.kind == PostOp::kSum) Load(destination, epilogue.destination.type, count, other);
      PLIMSOLL_UNROLL
      for (int i = 0; i < count; ++i) {
        if (op.kind == PostOp::kEltwise)
          values[i] = Eltwise<T>(op.function, values[i], op.alpha, op.beta);
        else
          values[i] =
              Binary<T>(op.kind == PostOp::kSum ? static_cast<int>(PostOp::kAdd) : op.function, values[i], other[i]);
      }
    }
  }
  Store(destination, epilogue.destination.type, count, values);
}

}  // namespace plimsoll::device
