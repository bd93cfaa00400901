#include "compiler/codegen/body.h"

namespace plimsoll::codegen {
namespace {

// An 8-bit float: 1 sign, `exponent` and `mantissa` bits.
struct Format {
  int mantissa = 0, bias = 0;
  bool has_infinity = false;  // else the largest codes are numbers
  bool unsigned_zero = false; // 0x80 is the one NaN
  int max_code = 0;           // the largest finite code
};
bool FormatOf(mlir::Type type, Format& format) {
  if (type.isFloat8E4M3FN()) format = {3, 7, false, false, 0x7e};
  else if (type.isFloat8E4M3FNUZ()) format = {3, 8, false, true, 0x7f};
  else if (type.isFloat8E5M2()) format = {2, 15, true, false, 0x7b};
  else if (type.isFloat8E5M2FNUZ()) format = {2, 16, false, true, 0x7f};
  else return false;
  return true;
}

struct Bits {
  llvm::IRBuilder<>& b;
  llvm::Type *i32, *f32;  // of the value's shape
  llvm::Value* I(uint32_t v) { return llvm::ConstantInt::get(i32, v); }
  llvm::Value* F(double v) { return llvm::ConstantFP::get(f32, v); }
  llvm::Value* AsInt(llvm::Value* v) { return b.CreateBitCast(v, i32); }
  llvm::Value* AsFloat(llvm::Value* v) { return b.CreateBitCast(v, f32); }
};
Bits BitsFor(llvm::IRBuilder<>& b, llvm::Type* like) { return {b, like->getWithNewType(b.getInt32Ty()), like->getWithNewType(b.getFloatTy())}; }

// The code's exponent and mantissa as those of an f32, then scaled by a power of two: subnormals come out right.
llvm::Value* FromFloat8(llvm::IRBuilder<>& b, const Format& format, llvm::Value* code) {
  Bits x = BitsFor(b, code->getType());
  llvm::Value* wide = b.CreateZExt(code, x.i32);
  llvm::Value* sign = b.CreateShl(b.CreateAnd(wide, x.I(0x80)), x.I(24));
  llvm::Value* magnitude = b.CreateAnd(wide, x.I(0x7f));
  llvm::Value* small = x.AsFloat(b.CreateShl(magnitude, x.I(23 - format.mantissa)));
  // As an integer it is a subnormal f32, which some modes flush: convert the integer for these.
  llvm::Value* normal = b.CreateFMul(small, x.F(std::ldexp(1.0, 127 - format.bias)));
  llvm::Value* subnormal = b.CreateFMul(b.CreateSIToFP(magnitude, x.f32), x.F(std::ldexp(1.0, 1 - format.bias - format.mantissa)));
  llvm::Value* value = b.CreateSelect(b.CreateICmpULT(magnitude, x.I(1u << format.mantissa)), subnormal, normal);
  llvm::Value* bits = b.CreateOr(x.AsInt(value), sign);
  if (format.unsigned_zero) return x.AsFloat(b.CreateSelect(b.CreateICmpEQ(wide, x.I(0x80)), x.I(0x7fc00000), bits));
  if (format.has_infinity) {
    bits = b.CreateSelect(b.CreateICmpEQ(magnitude, x.I(0x7c)), b.CreateOr(sign, x.I(0x7f800000)), bits);
    return x.AsFloat(b.CreateSelect(b.CreateICmpUGT(magnitude, x.I(0x7c)), x.I(0x7fc00000), bits));
  }
  return x.AsFloat(b.CreateSelect(b.CreateICmpEQ(magnitude, x.I(0x7f)), b.CreateOr(sign, x.I(0x7fc00000)), bits));
}

llvm::Value* ToFloat8(llvm::IRBuilder<>& b, const Format& format, llvm::Value* value) {
  Bits x = BitsFor(b, value->getType());
  llvm::Value* bits = x.AsInt(value);
  llvm::Value* sign = b.CreateAnd(b.CreateLShr(bits, x.I(24)), x.I(0x80));
  llvm::Value* magnitude = b.CreateAnd(bits, x.I(0x7fffffff));
  const int shift = 23 - format.mantissa;
  // Normal: round the mantissa in place, then move the exponent.
  llvm::Value* odd = b.CreateAnd(b.CreateLShr(magnitude, x.I(shift)), x.I(1));
  llvm::Value* rounded = b.CreateLShr(b.CreateAdd(b.CreateAdd(magnitude, x.I((1u << (shift - 1)) - 1)), odd), x.I(shift));
  llvm::Value* normal = b.CreateSub(rounded, x.I((127 - format.bias) << format.mantissa));
  // Subnormal: the hardware rounds when a constant is added whose last bit has the subnormals' weight.
  llvm::Value* magic = x.F(std::ldexp(1.0, 1 - format.bias - format.mantissa + 23));
  llvm::Value* subnormal = b.CreateSub(x.AsInt(b.CreateFAdd(x.AsFloat(magnitude), magic)), x.AsInt(magic));
  llvm::Value* least = x.AsInt(x.F(std::ldexp(1.0, 1 - format.bias)));
  llvm::Value* code = b.CreateSelect(b.CreateICmpULT(magnitude, least), subnormal, normal);
  llvm::Value* nan = b.CreateICmpUGT(magnitude, x.I(0x7f800000));
  // Compared as a float's bits: rounding may have gone past what fits.
  llvm::Value* over = b.CreateOr(b.CreateICmpUGE(magnitude, x.I(0x7f800000)),
                                 b.CreateAnd(b.CreateICmpUGE(magnitude, least), b.CreateICmpSGT(normal, x.I(format.max_code))));
  llvm::Value* result;
  if (format.unsigned_zero) {
    result = b.CreateSelect(b.CreateICmpEQ(code, x.I(0)), x.I(0), b.CreateOr(code, sign));
    result = b.CreateSelect(b.CreateOr(over, nan), x.I(0x80), result);
  } else {
    code = b.CreateSelect(over, x.I(format.has_infinity ? 0x7c : 0x7f), code);
    code = b.CreateSelect(nan, x.I(format.has_infinity ? 0x7e : 0x7f), code);  // quiet, without payload
    result = b.CreateOr(code, sign);
  }
  return b.CreateTrunc(result, value->getType()->getWithNewType(b.getInt8Ty()));
}

}  // namespace

llvm::Value* ExtendFloat(llvm::IRBuilder<>& b, mlir::Type from, mlir::Type to, llvm::Value* value) {
  llvm::Type* type = value->getType()->getWithNewType(ScalarType(to, b.getContext()));
  Format format;
  if (from.isBF16()) {
    Bits x = BitsFor(b, value->getType());
    value = x.AsFloat(b.CreateShl(b.CreateZExt(value, x.i32), x.I(16)));
  } else if (FormatOf(from, format)) {
    value = FromFloat8(b, format, value);
  } else if (!from.isF16() && !from.isF32()) {
    return nullptr;
  }
  if (to.isF16()) return b.CreateFPTrunc(value, type);  // from an 8-bit float, exact
  if (to.isBF16()) return TruncateFloat(b, mlir::Float32Type::get(to.getContext()), to, value);
  return value->getType() == type ? value : b.CreateFPExt(value, type);
}

llvm::Value* TruncateFloat(llvm::IRBuilder<>& b, mlir::Type from, mlir::Type to, llvm::Value* value) {
  llvm::Type* type = value->getType()->getWithNewType(ScalarType(to, b.getContext()));
  if (from.isF64() && to.isF32()) return b.CreateFPTrunc(value, type);
  llvm::Type* f32 = value->getType()->getWithNewType(b.getFloatTy());
  if (from.isF64()) value = b.CreateFPTrunc(value, f32);
  else if (!from.isF32()) value = ExtendFloat(b, from, mlir::Float32Type::get(to.getContext()), value);
  if (!value) return nullptr;
  if (to.isF16()) return b.CreateFPTrunc(value, type);
  Format format;
  if (FormatOf(to, format)) return ToFloat8(b, format, value);
  if (!to.isBF16()) return nullptr;
  Bits x = BitsFor(b, value->getType());
  llvm::Value* bits = x.AsInt(value);
  llvm::Value* odd = b.CreateAnd(b.CreateLShr(bits, x.I(16)), x.I(1));
  llvm::Value* rounded = b.CreateAdd(b.CreateAdd(bits, x.I(0x7fff)), odd);
  llvm::Value* nan = b.CreateFCmpUNO(value, value);
  return b.CreateTrunc(b.CreateLShr(b.CreateSelect(nan, x.I(0x7fc00000), rounded), x.I(16)), type);
}

}  // namespace plimsoll::codegen
