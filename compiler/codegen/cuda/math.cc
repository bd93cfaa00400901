#include "compiler/codegen/cuda/emitter.h"

namespace plimsoll::codegen {

llvm::Value* EmitLibdevice(llvm::IRBuilder<>& b, llvm::StringRef function, llvm::ArrayRef<llvm::Value*> x) {
  llvm::Type* type = x[0]->getType();
  if (!type->isFloatTy() && !type->isDoubleTy()) return nullptr;
  static constexpr const char* kKnown[] = {"exp",   "expm1", "log",   "log1p", "tanh", "erf",  "sin",
                                           "cos",   "tan",   "atan",  "asin",  "acos", "sinh", "cosh",
                                           "asinh", "acosh", "atanh", "pow",   "fmod", "rsqrt"};
  if (function == "powf") function = "pow";
  if (!llvm::is_contained(kKnown, function)) return nullptr;
  llvm::SmallVector<llvm::Type*> types(x.size(), type);
  llvm::Module& module = *b.GetInsertBlock()->getModule();
  auto callee = module.getOrInsertFunction(("__nv_" + function + (type->isFloatTy() ? "f" : "")).str(),
                                           llvm::FunctionType::get(type, types, false));
  return b.CreateCall(callee, llvm::SmallVector<llvm::Value*>(x.begin(), x.end()));
}

}  // namespace plimsoll::codegen
