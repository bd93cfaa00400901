#include "compiler/codegen/cuda/library_kernel.h"

#include <set>

#include "compiler/codegen/analyses.h"
#include "compiler/codegen/cuda/module.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Transforms/IPO/Internalize.h"

// The device library's bitcode, compiled with this project.
asm(R"(
.section .rodata
.p2align 4
.hidden plimsoll_device_library_begin
.globl plimsoll_device_library_begin
plimsoll_device_library_begin:
.incbin ")" PLIMSOLL_DEVICE_LIBRARY R"("
.hidden plimsoll_device_library_end
.globl plimsoll_device_library_end
plimsoll_device_library_end:
.byte 0
.text
)");
extern "C" const char plimsoll_device_library_begin[], plimsoll_device_library_end[];

namespace plimsoll::codegen {
namespace {

constexpr char kPrefix[] = "plimsoll_device_";
constexpr unsigned kGlobal = 1, kShared = 3;

// What the description's constants make of the library's templates: loops over dims and tiles are unrolled, arrays
// become registers.
void Specialize(llvm::Module& module, llvm::TargetMachine& machine) {
  Analyses analyses(machine);
  llvm::ModulePassManager passes;
  llvm::cantFail(analyses.builder.parsePassPipeline(passes,
                                                    "always-inline,globaldce,function(sroa<modify-cfg>,early-cse<"
                                                    "memssa>,simplifycfg,instcombine<no-verify-fixpoint>)"));
  for (int round = 0; round < 2; ++round) {
    passes.addPass(llvm::createModuleToFunctionPassAdaptor(analyses.builder.buildFunctionSimplificationPipeline(
        llvm::OptimizationLevel::O3, llvm::ThinOrFullLTOPhase::None)));
  }
  passes.run(module, analyses.modules);
}

}  // namespace

void EmitLibraryKernel(llvm::Module& module, const std::string& symbol, const LibraryKernel& kernel) {
  llvm::LLVMContext& context = module.getContext();
  llvm::IRBuilder<> b(context);
  llvm::Type* global = llvm::PointerType::get(context, kGlobal);
  auto* entry = llvm::Function::Create(
      llvm::FunctionType::get(b.getVoidTy(), llvm::SmallVector<llvm::Type*>(kernel.operands, global), false),
      llvm::GlobalValue::ExternalLinkage, symbol, module);
  entry->addFnAttr(llvm::Attribute::NoUnwind);
  b.SetInsertPoint(llvm::BasicBlock::Create(context, "entry", entry));
  auto* operands_type = llvm::ArrayType::get(global, kernel.operands);
  llvm::Value* operands = b.CreateAlloca(operands_type);
  for (llvm::Argument& argument : entry->args()) {
    argument.addAttr(llvm::Attribute::getWithAlignment(context, llvm::Align(16)));
    if (kernel.read_only >> argument.getArgNo() & 1) {
      argument.addAttr(llvm::Attribute::NoAlias);
      argument.addAttr(llvm::Attribute::ReadOnly);
    }
    b.CreateStore(&argument, b.CreateConstGEP2_32(operands_type, operands, 0, argument.getArgNo()));
  }
  auto* bytes = llvm::ConstantDataArray::getString(context, kernel.description, /*AddNull=*/false);
  auto* description = new llvm::GlobalVariable(module, bytes->getType(), /*isConstant=*/true,
                                               llvm::GlobalValue::PrivateLinkage, bytes, symbol + "_description");
  description->setAlignment(llvm::Align(8));
  auto callee = module.getOrInsertFunction(kPrefix + kernel.function,
                                           llvm::FunctionType::get(b.getVoidTy(), {b.getPtrTy(), b.getPtrTy()}, false));
  b.CreateCall(callee, {description, operands});
  b.CreateRetVoid();
  AnnotateKernel(*entry, kernel.threads, kernel.blocks_of_multiprocessor);
}

absl::Status LinkDeviceLibrary(llvm::Module& module, llvm::TargetMachine& machine) {
  std::set<std::string> needed;
  for (llvm::Function& function : module)
    if (function.isDeclaration() && function.getName().starts_with(kPrefix)) needed.insert(function.getName().str());
  if (needed.empty()) return absl::OkStatus();
  const llvm::StringRef bitcode(plimsoll_device_library_begin,
                                static_cast<size_t>(plimsoll_device_library_end - plimsoll_device_library_begin));
  auto library = llvm::getLazyBitcodeModule(llvm::MemoryBufferRef(bitcode, "device library"), module.getContext());
  if (!library) return absl::InternalError("the device library: " + llvm::toString(library.takeError()));
  (*library)->setTargetTriple(module.getTargetTriple());
  (*library)->setDataLayout(module.getDataLayout());
  if (llvm::Linker::linkModules(module, std::move(*library), llvm::Linker::LinkOnlyNeeded))
    return absl::InternalError("the device library cannot be linked");
  if (llvm::Error error = module.materializeAll()) return absl::InternalError(llvm::toString(std::move(error)));
  for (const std::string& name : needed)
    if (module.getFunction(name)->isDeclaration()) return absl::InternalError("the device library has no " + name);
  for (llvm::Function& function : module) {
    if (function.isDeclaration()) continue;
    for (const char* attribute : {"target-cpu", "target-features", "no-builtins"}) function.removeFnAttr(attribute);
    function.setComdat(nullptr);
    for (llvm::Instruction& instruction :
         llvm::instructions(function))  // a warp's instructions stay where all lanes are
      if (auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction); call && call->isInlineAsm()) call->setConvergent();
    if (!function.hasFnAttribute(llvm::Attribute::AlwaysInline)) continue;
    function.setLinkage(llvm::GlobalValue::InternalLinkage);
    function.setDSOLocal(true);
  }
  for (llvm::GlobalVariable& global : module.globals()) {
    if (global.getAddressSpace() != kShared) continue;
    global.setComdat(nullptr);
    global.setLinkage(llvm::GlobalValue::InternalLinkage);
    global.setInitializer(llvm::UndefValue::get(global.getValueType()));  // shared memory begins with anything
  }
  Specialize(module, machine);
  return absl::OkStatus();
}

}  // namespace plimsoll::codegen
