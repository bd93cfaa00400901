// Elementary functions without a call: polynomials after argument reduction, for f32 (few ulp) and f64. Sources: Cephes (exp,
// log, atan), XLA's rational fits (tanh, erf), Cody and Waite's reduction in double precision (sin, cos).
#include <cmath>
#include <numbers>

#include "compiler/codegen/body.h"

namespace plimsoll::codegen {
namespace {

using V = llvm::Value*;

struct Math {
  llvm::IRBuilder<>& b;
  llvm::Type* type;  // f32 or f64, or a vector of it
  bool f64;

  V C(double v) { return llvm::ConstantFP::get(type, v); }
  llvm::Type* IntType() { return type->getWithNewType(f64 ? b.getInt64Ty() : b.getInt32Ty()); }
  V I(int64_t v) { return llvm::ConstantInt::getSigned(IntType(), v); }
  V Add(V x, V y) { return b.CreateFAdd(x, y); }
  V Sub(V x, V y) { return b.CreateFSub(x, y); }
  V Mul(V x, V y) { return b.CreateFMul(x, y); }
  V Div(V x, V y) { return b.CreateFDiv(x, y); }
  V Fma(V x, V y, V z) { return b.CreateIntrinsic(llvm::Intrinsic::fma, {type}, {x, y, z}); }
  V Abs(V x) { return b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x); }
  V Sqrt(V x) { return b.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, x); }
  V Round(V x) { return b.CreateUnaryIntrinsic(llvm::Intrinsic::roundeven, x); }
  V Truncate(V x) { return b.CreateUnaryIntrinsic(llvm::Intrinsic::trunc, x); }
  V CopySign(V x, V sign) { return b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, x, sign); }
  V Select(V c, V x, V y) { return b.CreateSelect(c, x, y); }
  V Less(V x, V y) { return b.CreateFCmpOLT(x, y); }
  V Greater(V x, V y) { return b.CreateFCmpOGT(x, y); }
  V IsNan(V x) { return b.CreateFCmpUNO(x, x); }
  // NaN stays.
  V Clamp(V x, double low, double high) {
    x = Select(Less(x, C(low)), C(low), x);
    return Select(Greater(x, C(high)), C(high), x);
  }
  // Highest degree first.
  V Poly(V x, std::initializer_list<double> coefficients) {
    V sum = nullptr;
    for (double c : coefficients) sum = sum ? Fma(sum, x, C(c)) : C(c);
    return sum;
  }
  V ToInt(V x) { return b.CreateFPToSI(x, IntType()); }
  // 2^n for an integral n (a float) of the normal range.
  V PowerOfTwo(V n) {
    V shifted = b.CreateAdd(ToInt(n), I(f64 ? 1023 : 127));
    return b.CreateBitCast(b.CreateShl(shifted, I(f64 ? 52 : 23)), type);
  }
  double Inf() { return HUGE_VAL; }

  // x = n ln2 + r; returns r.
  V ReduceExp(V x, V& n) {
    n = Round(Mul(x, C(std::numbers::log2e)));
    if (f64) return Fma(n, C(-1.90821492927058770002e-10), Fma(n, C(-6.93147180369123816490e-01), x));
    return Fma(n, C(2.12194440e-4), Fma(n, C(-0.693359375), x));
  }
  // exp(r) - 1 - r, over r^2.
  V ExpTail(V r) {
    if (!f64) return Poly(r, {1.9875691500E-4, 1.3981999507E-3, 8.3334519073E-3, 4.1665795894E-2, 1.6666665459E-1, 5.0000001201E-1});
    V sum = nullptr;
    for (int k = 14; k >= 2; --k) {
      const double c = 1 / std::tgamma(k + 1.0);
      sum = sum ? Fma(sum, r, C(c)) : C(c);
    }
    return sum;
  }
  V Exp(V x) {
    if (!f64) {  // results below 2^-125 are 0; 2^(n - 1) and a doubled polynomial, so that 2^128 does not overflow early
      V n, r = ReduceExp(Clamp(x, -87.3, 89), n);
      V y = Fma(ExpTail(r), Mul(r, r), r);
      return Mul(Fma(y, C(2), C(2)), PowerOfTwo(Sub(n, C(1))));
    }
    // The scale is applied in two halves, so that results near overflow and subnormals come out.
    V n, r = ReduceExp(Clamp(x, -746, 710), n);
    V y = Add(Fma(ExpTail(r), Mul(r, r), r), C(1));
    V half = Truncate(Mul(n, C(0.5)));
    return Mul(Mul(y, PowerOfTwo(half)), PowerOfTwo(Sub(n, half)));
  }
  V Expm1(V x) {
    V clamped = f64 ? Clamp(x, -60, 709.7) : Clamp(x, -40, 88.7);
    V n, r = ReduceExp(clamped, n);
    V p = Fma(ExpTail(r), Mul(r, r), r);
    // 2^n p + (2^n - 1), with 2^n halved where it might overflow.
    V m = Sub(n, C(1));
    V s = PowerOfTwo(m);
    V y = Mul(Fma(s, p, Sub(s, C(0.5))), C(2));
    y = Select(Greater(x, C(f64 ? 709.78 : 88.72)), C(Inf()), y);
    return Select(Less(Abs(x), C(f64 ? 1e-17 : 1e-8)), x, y);
  }
  V Log(V x) {
    // Subnormals are scaled up first.
    V tiny = Less(x, C(f64 ? 2.2250738585072014e-308 : 1.17549435e-38));
    V scaled = Select(tiny, Mul(x, C(f64 ? 0x1p54 : 0x1p25)), x);
    V bits = b.CreateBitCast(scaled, IntType());
    const int mantissa = f64 ? 52 : 23;
    // m in [sqrt(1/2), sqrt(2)): the exponent is taken where bits pass those of sqrt(1/2).
    const int64_t low = f64 ? 0x3fe6a09e667f3bcdll : 0x3f3504f3ll;
    V offset = b.CreateSub(bits, I(low));
    V exponent = b.CreateAShr(offset, I(mantissa));
    V m = b.CreateBitCast(b.CreateSub(bits, b.CreateShl(exponent, I(mantissa))), type);
    V e = b.CreateSIToFP(exponent, type);
    e = Select(tiny, Sub(e, C(f64 ? 54 : 25)), e);
    V y;
    if (f64) {
      V s = Div(Sub(m, C(1)), Add(m, C(1)));
      V z = Mul(s, s);
      V series = nullptr;
      for (int k = 23; k >= 3; k -= 2) series = series ? Fma(series, z, C(2.0 / k)) : C(2.0 / k);
      y = Fma(Mul(s, z), series, Mul(s, C(2)));
      y = Fma(e, C(1.90821492927058770002e-10), y);
      y = Fma(e, C(6.93147180369123816490e-01), y);
    } else {
      V f = Sub(m, C(1));
      V z = Mul(f, f);
      V p = Poly(f, {7.0376836292E-2, -1.1514610310E-1, 1.1676998740E-1, -1.2420140846E-1, 1.4249322787E-1, -1.6668057665E-1,
                     2.0000714765E-1, -2.4999993993E-1, 3.3333331174E-1});
      y = Mul(Mul(p, f), z);
      y = Fma(e, C(-2.12194440e-4), y);
      y = Fma(z, C(-0.5), y);
      y = Add(f, y);
      y = Fma(e, C(0.693359375), y);
    }
    y = Select(b.CreateFCmpOEQ(x, C(0)), C(-Inf()), y);
    y = Select(b.CreateFCmpOEQ(x, C(Inf())), C(Inf()), y);
    V bad = b.CreateFCmpULT(x, C(0));  // negative or NaN
    return Select(bad, C(std::nan("")), y);
  }
  V Log1p(V x) {
    V u = Add(x, C(1));
    V y = Sub(Log(u), Div(Sub(Sub(u, C(1)), x), u));
    y = Select(b.CreateFCmpOEQ(u, C(1)), x, y);
    y = Select(b.CreateFCmpOEQ(u, C(Inf())), u, y);
    return Select(b.CreateFCmpOEQ(u, C(0)), C(-Inf()), y);
  }
  V Tanh(V x) {
    if (f64) {
      V e = Expm1(Mul(Clamp(x, -22, 22), C(2)));
      return Div(e, Add(e, C(2)));
    }
    V c = Clamp(x, -7.90531110763549805, 7.90531110763549805);
    V z = Mul(c, c);
    V p = Mul(c, Poly(z, {-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
                          1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03}));
    V q = Poly(z, {1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03});
    return Select(Less(Abs(x), C(0.0004)), x, Div(p, q));
  }
  // x P(x^2) / Q(x^2), the rational minimax fit of XLA; absolute error 4e-7, in f64 as well.
  V Erf(V x) {
    V c = Clamp(x, -3.832506856900711, 3.832506856900711);
    V z = Mul(c, c);
    V p = Mul(c, Poly(z, {0.00022905065861350646, 0.0034082910107109506, 0.050955695062380861, 0.18520832239976145, 1.128379143519084}));
    V q = Poly(z, {-1.1791602954361697e-7, 0.000023547966471313185, 0.0010179625278914885, 0.014070470171167667,
                   0.11098505178285362, 0.49746925110067538, 1.0});
    if (!f64) return Div(p, q);
    // Double precision: the series for small arguments, one minus a continued fraction for large ones.
    V series = nullptr;
    V square = Mul(x, x);
    double factorial = 1;
    std::vector<double> coefficients;
    for (int n = 0; n < 40; ++n) {
      if (n > 0) factorial *= n;
      coefficients.push_back((n % 2 ? -1 : 1) * 2 / std::sqrt(std::numbers::pi) / (factorial * (2 * n + 1)));
    }
    for (int n = 39; n >= 0; --n) series = series ? Fma(series, square, C(coefficients[n])) : C(coefficients[n]);
    V a = Abs(x);
    V fraction = a;  // erfc(a) = exp(-a^2) / (sqrt(pi) (a + 1/2 / (a + 1 / (a + 3/2 / ...))))
    for (int k = 40; k >= 1; --k) fraction = Add(a, Div(C(k / 2.0), fraction));
    V tail = Div(Mul(Exp(b.CreateFNeg(square)), C(1 / std::sqrt(std::numbers::pi))), fraction);
    V large = CopySign(Sub(C(1), tail), x);
    return Select(IsNan(x), x, Select(Less(a, C(2.2)), Mul(x, series), large));
  }

  // sin and cos through double precision: x = n pi/2 + r.
  V Trigonometric(V x, int which) {  // 0: sin, 1: cos, 2: tan
    if (!f64) {
      llvm::Type* wide = type->getWithNewType(b.getDoubleTy());
      Math m{b, wide, true};
      return b.CreateFPTrunc(m.Circle(b.CreateFPExt(x, wide), which, 11), type);
    }
    return Circle(x, which, 17);
  }
  V Circle(V x, int which, int degree) {
    V n = Round(Mul(x, C(2 / std::numbers::pi)));
    V r = Fma(n, C(-1.57079632679489655800e+00), x);
    r = Fma(n, C(-6.12323399573676603587e-17), r);
    V z = Mul(r, r);
    V sine = nullptr, cosine = nullptr;
    for (int k = degree; k >= 3; k -= 2) {
      const double c = (k / 2 % 2 ? -1 : 1) / std::tgamma(k + 1.0);
      sine = sine ? Fma(sine, z, C(c)) : C(c);
    }
    sine = Fma(Mul(r, z), sine, r);
    for (int k = degree + 1; k >= 0; k -= 2) {
      const double c = (k / 2 % 2 ? -1 : 1) / std::tgamma(k + 1.0);
      cosine = cosine ? Fma(cosine, z, C(c)) : C(c);
    }
    V finite = Less(Abs(x), C(1e18));
    V quadrant = ToInt(Select(finite, n, C(0)));
    V swap = b.CreateICmpNE(b.CreateAnd(quadrant, I(1)), I(0));
    auto negated = [&](V y, V q) { return Select(b.CreateICmpNE(b.CreateAnd(q, I(2)), I(0)), b.CreateFNeg(y), y); };
    V s = negated(Select(swap, cosine, sine), quadrant);
    V c = negated(Select(swap, sine, cosine), b.CreateAdd(quadrant, I(1)));
    V y = which == 0 ? s : which == 1 ? c : Div(s, c);
    return Select(Less(Abs(x), C(Inf())), y, C(std::nan("")));
  }
  V Atan(V x) {
    V a = Abs(x);
    V large = Greater(a, C(2.41421356237309504880)), middle = Greater(a, C(0.66));
    V reduced = Select(large, Div(C(-1), a), Select(middle, Div(Sub(a, C(1)), Add(a, C(1))), a));
    V base = Select(large, C(std::numbers::pi / 2), Select(middle, C(std::numbers::pi / 4), C(0)));
    V z = Mul(reduced, reduced);
    V p = Poly(z, {-8.750608600031904122785E-1, -1.615753718733365076637E1, -7.500855792314704667340E1, -1.228866684490136173410E2,
                   -6.485021904942025371773E1});
    V q = Poly(z, {1.0, 2.485846490142306297962E1, 1.650270098316988542046E2, 4.328810604912902668951E2, 4.853903996359136964868E2,
                   1.945506571482613964425E2});
    V y = Fma(Mul(reduced, z), Div(p, q), reduced);
    return CopySign(Add(base, y), x);
  }
  V Asin(V x) { return Atan(Div(x, Sqrt(Mul(Sub(C(1), x), Add(C(1), x))))); }
  V Acos(V x) { return Mul(C(2), Atan(Sqrt(Div(Sub(C(1), x), Add(C(1), x))))); }
  V Sinh(V x) {
    V a = Abs(x);
    V e = Expm1(a);
    V small = Mul(C(0.5), Add(e, Div(e, Add(e, C(1)))));
    V t = Exp(Mul(a, C(0.5)));
    V large = Mul(Mul(C(0.5), t), t);
    return CopySign(Select(Greater(a, C(20)), large, small), x);
  }
  V Cosh(V x) {
    V a = Abs(x);
    V e = Exp(a);
    V small = Mul(C(0.5), Add(e, Div(C(1), e)));
    V t = Exp(Mul(a, C(0.5)));
    V large = Mul(Mul(C(0.5), t), t);
    return Select(Greater(a, C(20)), large, small);
  }
  V Asinh(V x) {
    V a = Abs(x);
    V z = Mul(a, a);
    V small = Log1p(Add(a, Div(z, Add(C(1), Sqrt(Add(z, C(1)))))));
    V large = Add(Log(a), C(std::numbers::ln2));
    return CopySign(Select(Greater(a, C(1e9)), large, small), x);
  }
  V Acosh(V x) {
    V t = Sub(x, C(1));
    V small = Log1p(Add(t, Sqrt(Fma(t, t, Mul(C(2), t)))));
    V large = Add(Log(x), C(std::numbers::ln2));
    return Select(Greater(x, C(1e9)), large, small);
  }
  V Atanh(V x) {
    V a = Abs(x);
    return CopySign(Mul(C(0.5), Log1p(Div(Mul(C(2), a), Sub(C(1), a)))), x);
  }
  V Pow(V x, V y) {
    if (!f64) {
      llvm::Type* wide = type->getWithNewType(b.getDoubleTy());
      Math m{b, wide, true};
      return b.CreateFPTrunc(m.Pow(b.CreateFPExt(x, wide), b.CreateFPExt(y, wide)), type);
    }
    V magnitude = Exp(Mul(y, Log(Abs(x))));
    V integral = b.CreateFCmpOEQ(Truncate(y), y);
    V half = Mul(y, C(0.5));
    V odd = b.CreateAnd(integral, b.CreateFCmpUNE(Truncate(half), half));
    V negative = b.CreateICmpSLT(b.CreateBitCast(x, IntType()), I(0));
    V signed_result = Select(b.CreateAnd(negative, odd), b.CreateFNeg(magnitude), magnitude);
    // A negative base and a fractional exponent: NaN, unless the base is -inf or -0.
    V undefined = b.CreateAnd(b.CreateAnd(Less(x, C(0)), b.CreateNot(integral)), Greater(x, C(-Inf())));
    V result = Select(undefined, C(std::nan("")), signed_result);
    V minus_one = b.CreateAnd(b.CreateFCmpOEQ(x, C(-1)), b.CreateFCmpOEQ(Abs(y), C(Inf())));
    V one = b.CreateOr(b.CreateOr(b.CreateFCmpOEQ(y, C(0)), b.CreateFCmpOEQ(x, C(1))), minus_one);
    return Select(one, C(1), result);
  }
  // C's fmod. The quotient is exact up to 2^53; beyond, zero is as good as anything.
  V Fmod(V x, V y) {
    if (!f64) {
      llvm::Type* wide = type->getWithNewType(b.getDoubleTy());
      Math m{b, wide, true};
      return b.CreateFPTrunc(m.Fmod(b.CreateFPExt(x, wide), b.CreateFPExt(y, wide)), type);
    }
    V a = Abs(x), d = Abs(y);
    V q = Truncate(Div(a, d));
    V r = Fma(b.CreateFNeg(q), d, a);
    r = Select(Less(r, C(0)), Add(r, d), r);
    r = Select(b.CreateFCmpOGE(r, d), Sub(r, d), r);
    r = Select(b.CreateFCmpOEQ(d, C(Inf())), a, r);
    V bad = b.CreateOr(b.CreateFCmpOEQ(d, C(0)), b.CreateOr(b.CreateFCmpOEQ(a, C(Inf())), b.CreateOr(IsNan(x), IsNan(y))));
    return Select(bad, C(std::nan("")), CopySign(r, x));
  }
};

}  // namespace

llvm::Value* EmitMath(llvm::IRBuilder<>& b, llvm::StringRef function, llvm::ArrayRef<llvm::Value*> x) {
  llvm::Type* scalar = x[0]->getType()->getScalarType();
  if (!scalar->isFloatTy() && !scalar->isDoubleTy()) return nullptr;
  Math m{b, x[0]->getType(), scalar->isDoubleTy()};
  if (function == "exp") return m.Exp(x[0]);
  if (function == "expm1") return m.Expm1(x[0]);
  if (function == "log") return m.Log(x[0]);
  if (function == "log1p") return m.Log1p(x[0]);
  if (function == "tanh") return m.Tanh(x[0]);
  if (function == "erf") return m.Erf(x[0]);
  if (function == "sin") return m.Trigonometric(x[0], 0);
  if (function == "cos") return m.Trigonometric(x[0], 1);
  if (function == "tan") return m.Trigonometric(x[0], 2);
  if (function == "atan") return m.Atan(x[0]);
  if (function == "asin") return m.Asin(x[0]);
  if (function == "acos") return m.Acos(x[0]);
  if (function == "sinh") return m.Sinh(x[0]);
  if (function == "cosh") return m.Cosh(x[0]);
  if (function == "asinh") return m.Asinh(x[0]);
  if (function == "acosh") return m.Acosh(x[0]);
  if (function == "atanh") return m.Atanh(x[0]);
  if (function == "powf") return m.Pow(x[0], x[1]);
  if (function == "fmod") return m.Fmod(x[0], x[1]);
  return nullptr;
}

}  // namespace plimsoll::codegen
