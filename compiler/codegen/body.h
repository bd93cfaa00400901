// The operations of linalg bodies (arith and math on scalars) as LLVM IR on scalars or vectors.
#pragma once

#include "compiler/codegen/pch.h"

namespace plimsoll::codegen {

// The type of a scalar in a register and in memory: bf16 and the 8-bit floats as integers of their width.
llvm::Type* ScalarType(mlir::Type type, llvm::LLVMContext& context);
// Elementary functions by the math dialect's names ("exp", "powf", ...) and "fmod", on f32 and f64. Null: unknown.
using MathEmitter = llvm::Value* (*)(llvm::IRBuilder<>& b, llvm::StringRef function, llvm::ArrayRef<llvm::Value*> operands);
// `operands` are all scalars or all vectors of the same length. Null: not an operation that is known here. `math`: the target's.
llvm::Value* EmitBodyOp(llvm::IRBuilder<>& b, mlir::Operation& op, llvm::ArrayRef<llvm::Value*> operands, MathEmitter math);
llvm::Constant* EmitConstant(mlir::Attribute value, mlir::Type type, llvm::LLVMContext& context);
// The elements of an arith.constant of a tensor, as an array.
llvm::Constant* EmitTable(mlir::Value source, llvm::LLVMContext& context);

// small_floats.cc: bf16, f16 and 8-bit floats to f32 and back, rounding to nearest even, in integer arithmetic where LLVM
// would call a library.
llvm::Value* ExtendFloat(llvm::IRBuilder<>& b, mlir::Type from, mlir::Type to, llvm::Value* value);
llvm::Value* TruncateFloat(llvm::IRBuilder<>& b, mlir::Type from, mlir::Type to, llvm::Value* value);

// cpu/vector_math.cc: elementary functions on f32 and f64, scalar or vector; a few ulp in f32.
llvm::Value* EmitMath(llvm::IRBuilder<>& b, llvm::StringRef function, llvm::ArrayRef<llvm::Value*> operands);

}  // namespace plimsoll::codegen
