#include "compiler/codegen/cpu/emitter.h"

namespace plimsoll::codegen {

mlir::LogicalResult EmitKernel(llvm::Module& module, llvm::StringRef symbol, const Region& region, KernelPlan& plan) {
  llvm::LLVMContext& context = module.getContext();
  llvm::IRBuilder<> b(context);
  llvm::Type *pointer = llvm::PointerType::get(context, 0), *i64 = b.getInt64Ty();
  auto* type = llvm::FunctionType::get(b.getVoidTy(), {pointer, i64, i64}, false);
  auto* function = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, symbol, module);
  b.SetInsertPoint(llvm::BasicBlock::Create(context, "entry", function));
  llvm::SmallVector<llvm::Value*> buffers;
  const unsigned count = region.body->getNumArguments() + region.results.size();
  for (unsigned i = 0; i < count; ++i)
    buffers.push_back(b.CreateAlignedLoad(pointer, b.CreateConstGEP1_64(pointer, function->getArg(0), i), llvm::Align(8)));
  llvm::Value *begin = function->getArg(1), *end = function->getArg(2);
  bool ok = true;
  int64_t first = 0;
  for (CpuNest& nest : plan.nests) {
    llvm::Value *low = begin, *high = end;
    if (plan.nests.size() > 1) {  // its share of [begin, end)
      low = b.CreateSub(b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, begin, b.getInt64(first)), b.getInt64(first));
      high = b.CreateSub(b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, end, b.getInt64(first + nest.tiles)), b.getInt64(first));
    }
    ok = ok && mlir::succeeded(NestEmitter(b, region, nest, buffers).Run(low, high));
    first += nest.tiles;
  }
  b.CreateRetVoid();
  if (!ok) {
    function->eraseFromParent();
    return mlir::failure();
  }
  return mlir::success();
}

}  // namespace plimsoll::codegen
