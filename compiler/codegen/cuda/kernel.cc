#include "compiler/codegen/cuda/emitter.h"
#include "compiler/codegen/cuda/module.h"
#include "llvm/IR/IntrinsicsNVPTX.h"

namespace plimsoll::codegen {

void AnnotateKernel(llvm::Function& function, int threads, int blocks_of_multiprocessor) {
  llvm::LLVMContext& context = function.getContext();
  llvm::NamedMDNode* annotations = function.getParent()->getOrInsertNamedMetadata("nvvm.annotations");
  auto add = [&](const char* name, int value) {
    annotations->addOperand(llvm::MDNode::get(
        context, {llvm::ValueAsMetadata::get(&function), llvm::MDString::get(context, name),
                  llvm::ConstantAsMetadata::get(llvm::ConstantInt::get(llvm::Type::getInt32Ty(context), value))}));
  };
  add("kernel", 1);
  add("reqntidx", threads);
  add("reqntidy", 1);
  add("reqntidz", 1);
  add("minctasm", blocks_of_multiprocessor);
}

mlir::LogicalResult EmitCudaKernel(llvm::Module& module, llvm::StringRef symbol, const Region& region,
                                   const CudaKernelPlan& plan, const llvm::DenseSet<unsigned>& shared_arguments) {
  llvm::LLVMContext& context = module.getContext();
  llvm::IRBuilder<> b(context);
  const unsigned inputs = region.body->getNumArguments(), count = inputs + static_cast<unsigned>(region.results.size());
  llvm::SmallVector<llvm::Type*> types(count, llvm::PointerType::get(context, kGlobalSpace));
  auto* function = llvm::Function::Create(llvm::FunctionType::get(b.getVoidTy(), types, false),
                                          llvm::GlobalValue::ExternalLinkage, symbol, module);
  function->addFnAttr(llvm::Attribute::NoUnwind);
  llvm::SmallVector<llvm::Value*> buffers;
  for (llvm::Argument& argument : function->args()) {
    const unsigned number = argument.getArgNo();
    argument.addAttr(llvm::Attribute::getWithAlignment(context, llvm::Align(plan.alignments[number])));
    // Where nobody writes, loads go through the read-only path. What may be computed in place is written.
    if (!shared_arguments.contains(number)) {
      argument.addAttr(llvm::Attribute::NoAlias);
      if (number < inputs) argument.addAttr(llvm::Attribute::ReadOnly);
    }
    buffers.push_back(&argument);
  }
  b.SetInsertPoint(llvm::BasicBlock::Create(context, "entry", function));
  llvm::Value* block = b.CreateIntrinsic(llvm::Intrinsic::nvvm_read_ptx_sreg_ctaid_x, {}, {});
  bool ok = true;
  int64_t first = 0;
  for (size_t i = 0; i < plan.nests.size() && ok; ++i) {
    const CudaNest& nest = plan.nests[i];
    llvm::Value* mine = first == 0 ? block : b.CreateSub(block, b.getInt32(static_cast<uint32_t>(first)));
    first += nest.blocks;
    if (i + 1 == plan.nests.size()) {
      ok = mlir::succeeded(SimtEmitter(b, region, plan, nest, buffers, mine).Run());
      break;
    }
    // Blocks of this nest, or those of the rest.
    auto* here = llvm::BasicBlock::Create(context, "nest", function);
    auto* rest = llvm::BasicBlock::Create(context, "rest", function);
    b.CreateCondBr(b.CreateICmpULT(block, b.getInt32(static_cast<uint32_t>(first))), here, rest);
    b.SetInsertPoint(here);
    ok = mlir::succeeded(SimtEmitter(b, region, plan, nest, buffers, mine).Run());
    b.CreateRetVoid();
    b.SetInsertPoint(rest);
  }
  b.CreateRetVoid();
  if (!ok) {
    function->eraseFromParent();
    return mlir::failure();
  }
  // 512 threads of a multiprocessor at the least: left alone, ptxas spills to have more.
  AnnotateKernel(*function, plan.threads, std::max(1, 512 / plan.threads));
  return mlir::success();
}

}  // namespace plimsoll::codegen
