#include "compiler/codegen/cuda/emulator/warp_assembly.h"

#include "compiler/codegen/cuda/emulator/fibers.h"
#include "llvm/IR/InlineAsm.h"

namespace plimsoll::codegen {
namespace {

template <typename F>
void* Address(F* function) {
  return reinterpret_cast<void*>(function);
}

// An array for the host's function in the frame of the caller's entry.
llvm::Value* Array(llvm::IRBuilder<>& b, llvm::CallInst& call, llvm::Type* element, unsigned count) {
  llvm::BasicBlock& entry = call.getFunction()->getEntryBlock();
  llvm::IRBuilder<> at_entry(&entry, entry.begin());
  return at_entry.CreateAlloca(llvm::ArrayType::get(element, count));
}
// The call's result, a structure of `count` elements, out of an array.
void Replace(llvm::IRBuilder<>& b, llvm::CallInst& call, llvm::Value* array, llvm::Type* element, unsigned count) {
  llvm::Value* result = llvm::PoisonValue::get(call.getType());
  for (unsigned i = 0; i < count; ++i)
    result = b.CreateInsertValue(result, b.CreateLoad(element, b.CreateConstGEP1_32(element, array, i)), i);
  call.replaceAllUsesWith(result);
}

// The operands of a product: words of a and b to memory, sums there and back.
void TensorProduct(llvm::IRBuilder<>& b, llvm::CallInst& call, FragmentType type, const std::string& name,
                   const DeclareHost& host) {
  constexpr unsigned kSums = 4;
  llvm::Value* words = Array(b, call, b.getInt32Ty(), kFragmentWords);
  llvm::Value* sums = Array(b, call, b.getFloatTy(), kSums);
  for (unsigned i = 0; i < kFragmentWords; ++i)
    b.CreateStore(call.getArgOperand(i), b.CreateConstGEP1_32(b.getInt32Ty(), words, i));
  for (unsigned i = 0; i < kSums; ++i)
    b.CreateStore(call.getArgOperand(kFragmentWords + i), b.CreateConstGEP1_32(b.getFloatTy(), sums, i));
  auto* function = llvm::FunctionType::get(b.getVoidTy(), {b.getPtrTy(), b.getInt32Ty(), b.getPtrTy()}, false);
  b.CreateCall(host(name, Address(EmulatedTensorProduct), function), {words, b.getInt32(type), sums});
  Replace(b, call, sums, b.getFloatTy(), kSums);
}

llvm::Value* HostPointer(llvm::IRBuilder<>& b, llvm::Value* pointer) {
  return b.CreateAddrSpaceCast(pointer, b.getPtrTy());
}

void LoadSquares(llvm::IRBuilder<>& b, llvm::CallInst& call, bool exchanged, const std::string& name,
                 const DeclareHost& host) {
  llvm::Value* words = Array(b, call, b.getInt32Ty(), kSquares);
  auto* type = llvm::FunctionType::get(b.getVoidTy(), {b.getPtrTy(), b.getInt32Ty(), b.getPtrTy()}, false);
  b.CreateCall(host(name, Address(EmulatedLoadSquares), type),
               {HostPointer(b, call.getArgOperand(0)), b.getInt32(exchanged), words});
  Replace(b, call, words, b.getInt32Ty(), kSquares);
}

void BeginCopy(llvm::IRBuilder<>& b, llvm::CallInst& call, const std::string& name, const DeclareHost& host) {
  // "... [$0], [$1], BYTES, $2;"
  llvm::StringRef text = llvm::cast<llvm::InlineAsm>(call.getCalledOperand())->getAsmString();
  int bytes = 0;
  text = text.split("[$1], ").second;
  text.consumeInteger(10, bytes);
  auto* type =
      llvm::FunctionType::get(b.getVoidTy(), {b.getPtrTy(), b.getPtrTy(), b.getInt32Ty(), b.getInt32Ty()}, false);
  b.CreateCall(host(name, Address(EmulatedBeginCopy), type),
               {HostPointer(b, call.getArgOperand(0)), HostPointer(b, call.getArgOperand(1)), b.getInt32(bytes),
                call.getArgOperand(2)});
}

}  // namespace

bool ReplaceWarpAssembly(llvm::IRBuilder<>& b, llvm::CallInst& call, const std::string& name, const DeclareHost& host) {
  if (name == "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32") {
    TensorProduct(b, call, kFragmentsOfF16, name, host);
  } else if (name == "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32") {
    TensorProduct(b, call, kFragmentsOfBf16, name, host);
  } else if (name == "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32") {
    TensorProduct(b, call, kFragmentsOfTf32, name, host);
  } else if (name == "ldmatrix.sync.aligned.m8n8.x4.shared.b16") {
    LoadSquares(b, call, /*exchanged=*/false, name, host);
  } else if (name == "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16") {
    LoadSquares(b, call, /*exchanged=*/true, name, host);
  } else if (name == "cp.async.cg.shared.global" || name == "cp.async.ca.shared.global") {
    BeginCopy(b, call, name, host);
  } else if (name == kWaitForCopies) {
    b.CreateCall(host(name, Address(EmulatedWaitForCopies), llvm::FunctionType::get(b.getVoidTy(), {}, false)), {});
  } else {
    return false;
  }
  return true;
}

}  // namespace plimsoll::codegen
