#include "compiler/codegen/body.h"

namespace plimsoll::codegen {
namespace arith = mlir::arith;
namespace math = mlir::math;

llvm::Type* ScalarType(mlir::Type type, llvm::LLVMContext& context) {
  if (type.isIndex()) return llvm::Type::getInt64Ty(context);
  if (type.isF32()) return llvm::Type::getFloatTy(context);
  if (type.isF64()) return llvm::Type::getDoubleTy(context);
  if (type.isF16()) return llvm::Type::getHalfTy(context);
  return llvm::Type::getIntNTy(context, type.getIntOrFloatBitWidth());
}

llvm::Constant* EmitConstant(mlir::Attribute value, mlir::Type type, llvm::LLVMContext& context) {
  llvm::Type* scalar = ScalarType(type, context);
  if (auto integer = llvm::dyn_cast<mlir::IntegerAttr>(value)) return llvm::ConstantInt::get(context, integer.getValue().zextOrTrunc(scalar->getIntegerBitWidth()));
  if (auto number = llvm::dyn_cast<mlir::FloatAttr>(value)) {
    if (scalar->isIntegerTy()) return llvm::ConstantInt::get(context, number.getValue().bitcastToAPInt());
    return llvm::ConstantFP::get(context, number.getValue());
  }
  return nullptr;
}

namespace {

// Division that neither traps nor is undefined: by 0 it gives the dividend, by -1 it negates.
llvm::Value* SafeDivide(llvm::IRBuilder<>& b, llvm::Value* lhs, llvm::Value* rhs, bool is_signed, bool remainder) {
  llvm::Type* type = lhs->getType();
  llvm::Value *zero = llvm::ConstantInt::get(type, 0), *one = llvm::ConstantInt::get(type, 1);
  llvm::Value* unsafe = b.CreateICmpEQ(rhs, zero);
  if (!is_signed) {
    llvm::Value* divisor = b.CreateSelect(unsafe, one, rhs);
    return remainder ? b.CreateURem(lhs, divisor) : b.CreateUDiv(lhs, divisor);
  }
  llvm::Value* minus = b.CreateICmpEQ(rhs, llvm::ConstantInt::getSigned(type, -1));
  llvm::Value* divisor = b.CreateSelect(b.CreateOr(unsafe, minus), one, rhs);
  if (remainder) return b.CreateSelect(minus, zero, b.CreateSRem(lhs, divisor));
  return b.CreateSelect(minus, b.CreateNeg(lhs), b.CreateSDiv(lhs, divisor));
}

// Shifts by the width or more give 0 (or the sign).
llvm::Value* SafeShift(llvm::IRBuilder<>& b, llvm::Instruction::BinaryOps op, llvm::Value* lhs, llvm::Value* rhs) {
  llvm::Type* type = lhs->getType();
  const unsigned width = type->getScalarSizeInBits();
  llvm::Value* large = b.CreateICmpUGE(rhs, llvm::ConstantInt::get(type, width));
  if (op == llvm::Instruction::AShr) return b.CreateAShr(lhs, b.CreateSelect(large, llvm::ConstantInt::get(type, width - 1), rhs));
  llvm::Value* shifted = b.CreateBinOp(op, lhs, b.CreateSelect(large, llvm::ConstantInt::get(type, 0), rhs));
  return b.CreateSelect(large, llvm::ConstantInt::get(type, 0), shifted);
}

// Float to integer as compilers on x86 do it: through i32 or i64, then cut.
llvm::Value* FloatToInteger(llvm::IRBuilder<>& b, llvm::Value* value, llvm::Type* to, bool is_signed) {
  const unsigned width = to->getScalarSizeInBits();
  if (value->getType()->getScalarType()->isHalfTy()) value = b.CreateFPExt(value, value->getType()->getWithNewType(b.getFloatTy()));
  if (!is_signed && width == 64) {
    // Above 2^63 the unsigned conversion; below, and where negative, the signed one, which wraps.
    llvm::Value* large = b.CreateFCmpOGE(value, llvm::ConstantFP::get(value->getType(), 9223372036854775808.0));
    llvm::Value* shifted = b.CreateFSub(value, llvm::ConstantFP::get(value->getType(), 9223372036854775808.0));
    llvm::Value* low = b.CreateFreeze(b.CreateFPToSI(b.CreateSelect(large, shifted, value), to));
    return b.CreateSelect(large, b.CreateXor(low, llvm::ConstantInt::get(to, uint64_t{1} << 63)), low);
  }
  const bool wide = width == 64 || (width == 32 && !is_signed);
  llvm::Type* through = to->getWithNewBitWidth(wide ? 64 : 32);
  return b.CreateTrunc(b.CreateFreeze(b.CreateFPToSI(value, through)), to);
}

llvm::Value* Compare(llvm::IRBuilder<>& b, arith::CmpFPredicate predicate, llvm::Value* lhs, llvm::Value* rhs) {
  using P = arith::CmpFPredicate;
  using L = llvm::CmpInst::Predicate;
  switch (predicate) {
    case P::AlwaysFalse: return b.CreateFCmp(L::FCMP_FALSE, lhs, rhs);
    case P::OEQ: return b.CreateFCmp(L::FCMP_OEQ, lhs, rhs);
    case P::OGT: return b.CreateFCmp(L::FCMP_OGT, lhs, rhs);
    case P::OGE: return b.CreateFCmp(L::FCMP_OGE, lhs, rhs);
    case P::OLT: return b.CreateFCmp(L::FCMP_OLT, lhs, rhs);
    case P::OLE: return b.CreateFCmp(L::FCMP_OLE, lhs, rhs);
    case P::ONE: return b.CreateFCmp(L::FCMP_ONE, lhs, rhs);
    case P::ORD: return b.CreateFCmp(L::FCMP_ORD, lhs, rhs);
    case P::UEQ: return b.CreateFCmp(L::FCMP_UEQ, lhs, rhs);
    case P::UGT: return b.CreateFCmp(L::FCMP_UGT, lhs, rhs);
    case P::UGE: return b.CreateFCmp(L::FCMP_UGE, lhs, rhs);
    case P::ULT: return b.CreateFCmp(L::FCMP_ULT, lhs, rhs);
    case P::ULE: return b.CreateFCmp(L::FCMP_ULE, lhs, rhs);
    case P::UNE: return b.CreateFCmp(L::FCMP_UNE, lhs, rhs);
    case P::UNO: return b.CreateFCmp(L::FCMP_UNO, lhs, rhs);
    case P::AlwaysTrue: return b.CreateFCmp(L::FCMP_TRUE, lhs, rhs);
  }
  return nullptr;
}

llvm::Value* Compare(llvm::IRBuilder<>& b, arith::CmpIPredicate predicate, llvm::Value* lhs, llvm::Value* rhs) {
  using P = arith::CmpIPredicate;
  switch (predicate) {
    case P::eq: return b.CreateICmpEQ(lhs, rhs);
    case P::ne: return b.CreateICmpNE(lhs, rhs);
    case P::slt: return b.CreateICmpSLT(lhs, rhs);
    case P::sle: return b.CreateICmpSLE(lhs, rhs);
    case P::sgt: return b.CreateICmpSGT(lhs, rhs);
    case P::sge: return b.CreateICmpSGE(lhs, rhs);
    case P::ult: return b.CreateICmpULT(lhs, rhs);
    case P::ule: return b.CreateICmpULE(lhs, rhs);
    case P::ugt: return b.CreateICmpUGT(lhs, rhs);
    case P::uge: return b.CreateICmpUGE(lhs, rhs);
  }
  return nullptr;
}

// The larger (smaller), NaN if either is.
llvm::Value* Extremum(llvm::IRBuilder<>& b, bool largest, llvm::Value* lhs, llvm::Value* rhs) {
  llvm::Value* extremum = b.CreateSelect(largest ? b.CreateFCmpOGT(lhs, rhs) : b.CreateFCmpOLT(lhs, rhs), lhs, rhs);
  return b.CreateSelect(b.CreateFCmpUNO(lhs, lhs), lhs, extremum);
}

}  // namespace

llvm::Constant* EmitTable(mlir::Value source, llvm::LLVMContext& context) {
  auto dense = llvm::cast<mlir::DenseElementsAttr>(source.getDefiningOp<arith::ConstantOp>().getValue());
  mlir::Type element = dense.getElementType();
  llvm::SmallVector<llvm::Constant*> elements;
  for (mlir::Attribute value : dense.getValues<mlir::Attribute>()) elements.push_back(EmitConstant(value, element, context));
  return llvm::ConstantArray::get(llvm::ArrayType::get(ScalarType(element, context), elements.size()), elements);
}

llvm::Value* EmitBodyOp(llvm::IRBuilder<>& b, mlir::Operation& op, llvm::ArrayRef<llvm::Value*> x, MathEmitter math_function) {
  if (op.getNumResults() != 1) return nullptr;
  mlir::Type mlir_type = op.getResult(0).getType();
  if (auto constant = llvm::dyn_cast<arith::ConstantOp>(op)) {
    mlir::Attribute value = constant.getValue();
    if (auto dense = llvm::dyn_cast<mlir::DenseElementsAttr>(value)) {
      value = dense.getSplatValue<mlir::Attribute>();
      mlir_type = dense.getElementType();
    }
    return EmitConstant(value, mlir_type, b.getContext());
  }
  llvm::Type* type = ScalarType(mlir_type, b.getContext());
  if (x[0]->getType()->isVectorTy()) type = llvm::VectorType::get(type, llvm::cast<llvm::VectorType>(x[0]->getType())->getElementCount());
  mlir::Type from = op.getOperand(0).getType();
  return llvm::TypeSwitch<mlir::Operation*, llvm::Value*>(&op)
      .Case([&](arith::AddFOp) { return b.CreateFAdd(x[0], x[1]); })
      .Case([&](arith::SubFOp) { return b.CreateFSub(x[0], x[1]); })
      .Case([&](arith::MulFOp) { return b.CreateFMul(x[0], x[1]); })
      .Case([&](arith::DivFOp) { return b.CreateFDiv(x[0], x[1]); })
      .Case([&](arith::RemFOp) { return math_function(b, "fmod", x); })
      .Case([&](arith::NegFOp) { return b.CreateFNeg(x[0]); })
      .Case([&](arith::MaximumFOp) { return Extremum(b, true, x[0], x[1]); })
      .Case([&](arith::MinimumFOp) { return Extremum(b, false, x[0], x[1]); })
      .Case([&](arith::MaxNumFOp) { return b.CreateSelect(b.CreateFCmpOGT(x[0], x[1]), x[0], x[1]); })
      .Case([&](arith::MinNumFOp) { return b.CreateSelect(b.CreateFCmpOLT(x[0], x[1]), x[0], x[1]); })
      .Case([&](arith::AddIOp) { return b.CreateAdd(x[0], x[1]); })
      .Case([&](arith::SubIOp) { return b.CreateSub(x[0], x[1]); })
      .Case([&](arith::MulIOp) { return b.CreateMul(x[0], x[1]); })
      .Case([&](arith::DivSIOp) { return SafeDivide(b, x[0], x[1], true, false); })
      .Case([&](arith::DivUIOp) { return SafeDivide(b, x[0], x[1], false, false); })
      .Case([&](arith::RemSIOp) { return SafeDivide(b, x[0], x[1], true, true); })
      .Case([&](arith::RemUIOp) { return SafeDivide(b, x[0], x[1], false, true); })
      .Case([&](arith::AndIOp) { return b.CreateAnd(x[0], x[1]); })
      .Case([&](arith::OrIOp) { return b.CreateOr(x[0], x[1]); })
      .Case([&](arith::XOrIOp) { return b.CreateXor(x[0], x[1]); })
      .Case([&](arith::ShLIOp) { return SafeShift(b, llvm::Instruction::Shl, x[0], x[1]); })
      .Case([&](arith::ShRSIOp) { return SafeShift(b, llvm::Instruction::AShr, x[0], x[1]); })
      .Case([&](arith::ShRUIOp) { return SafeShift(b, llvm::Instruction::LShr, x[0], x[1]); })
      .Case([&](arith::MaxSIOp) { return b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, x[0], x[1]); })
      .Case([&](arith::MinSIOp) { return b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, x[0], x[1]); })
      .Case([&](arith::MaxUIOp) { return b.CreateBinaryIntrinsic(llvm::Intrinsic::umax, x[0], x[1]); })
      .Case([&](arith::MinUIOp) { return b.CreateBinaryIntrinsic(llvm::Intrinsic::umin, x[0], x[1]); })
      .Case([&](arith::CmpFOp cmp) { return Compare(b, cmp.getPredicate(), x[0], x[1]); })
      .Case([&](arith::CmpIOp cmp) { return Compare(b, cmp.getPredicate(), x[0], x[1]); })
      .Case([&](arith::SelectOp) { return b.CreateSelect(x[0], x[1], x[2]); })
      .Case([&](arith::ExtFOp) { return ExtendFloat(b, from, mlir_type, x[0]); })
      .Case([&](arith::TruncFOp) { return TruncateFloat(b, from, mlir_type, x[0]); })
      .Case<arith::ExtSIOp>([&](auto) { return b.CreateSExt(x[0], type); })
      .Case<arith::ExtUIOp>([&](auto) { return b.CreateZExt(x[0], type); })
      .Case<arith::TruncIOp>([&](auto) { return b.CreateTrunc(x[0], type); })
      .Case<arith::IndexCastOp>([&](auto) { return b.CreateSExtOrTrunc(x[0], type); })
      .Case<arith::IndexCastUIOp>([&](auto) { return b.CreateZExtOrTrunc(x[0], type); })
      .Case([&](arith::SIToFPOp) { return b.CreateSIToFP(x[0], type); })
      .Case([&](arith::UIToFPOp) { return b.CreateUIToFP(x[0], type); })
      .Case([&](arith::FPToSIOp) { return FloatToInteger(b, x[0], type, true); })
      .Case([&](arith::FPToUIOp) { return FloatToInteger(b, x[0], type, false); })
      .Case([&](arith::BitcastOp) { return b.CreateBitCast(x[0], type); })
      .Case([&](math::AbsFOp) { return b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x[0]); })
      .Case([&](math::AbsIOp) { return b.CreateBinaryIntrinsic(llvm::Intrinsic::abs, x[0], b.getFalse()); })
      .Case([&](math::SqrtOp) { return b.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, x[0]); })
      .Case([&](math::RsqrtOp) -> llvm::Value* {
        if (llvm::Value* known = math_function(b, "rsqrt", x)) return known;
        return b.CreateFDiv(llvm::ConstantFP::get(type, 1), b.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, x[0]));
      })
      .Case([&](math::FloorOp) { return b.CreateUnaryIntrinsic(llvm::Intrinsic::floor, x[0]); })
      .Case([&](math::CeilOp) { return b.CreateUnaryIntrinsic(llvm::Intrinsic::ceil, x[0]); })
      .Case([&](math::TruncOp) { return b.CreateUnaryIntrinsic(llvm::Intrinsic::trunc, x[0]); })
      .Case([&](math::RoundEvenOp) { return b.CreateUnaryIntrinsic(llvm::Intrinsic::roundeven, x[0]); })
      .Case([&](math::FmaOp) { return b.CreateIntrinsic(llvm::Intrinsic::fma, {type}, {x[0], x[1], x[2]}); })
      .Case([&](math::CopySignOp) { return b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, x[0], x[1]); })
      .Default([&](mlir::Operation* other) -> llvm::Value* {
        if (!llvm::isa<math::MathDialect>(other->getDialect())) return nullptr;
        return math_function(b, other->getName().stripDialect(), x);
      });
}

}  // namespace plimsoll::codegen
