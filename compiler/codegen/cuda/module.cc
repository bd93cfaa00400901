#include "compiler/codegen/cuda/module.h"

#include <mutex>

#include "absl/strings/str_cat.h"
#include "compiler/codegen/analyses.h"
#include "compiler/codegen/cuda/library_kernel.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/IPO/Internalize.h"

namespace plimsoll::codegen {
namespace {
constexpr char kTriple[] = "nvptx64-nvidia-cuda";
constexpr char kFeatures[] = "+ptx78";  // of CUDA 11.8: the least that knows sm_90
constexpr char kLibdevicePrefix[] = "__nv_";

// Not LLVM's own sequence: VectorCombine takes vector loads apart.
constexpr char kPipeline[] =
    "always-inline,globaldce,"
    "function(sroa<modify-cfg>,early-cse<memssa>,simplifycfg,instcombine<no-verify-fixpoint>,"
    "loop-mssa(loop-rotate,licm),loop-mssa(licm),gvn,instcombine<no-verify-fixpoint>,loop-unroll<O2>,"
    "early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg,adce),globaldce";

absl::Status LinkLibdevice(llvm::Module& module, const CudaToolkit& toolkit, const llvm::DataLayout& layout) {
  bool needed = false;
  for (llvm::Function& function : module)
    needed |= function.isDeclaration() && function.getName().starts_with(kLibdevicePrefix);
  if (!needed) return absl::OkStatus();
  if (toolkit.libdevice.empty()) {
    return absl::UnavailableError(
        "kernels call elementary functions, and libdevice.10.bc of the CUDA toolkit was not found: run "
        "tools/setup.sh --cuda, or name the toolkit's folder in PLIMSOLL_CUDA");
  }
  auto file = llvm::MemoryBuffer::getFile(toolkit.libdevice);
  if (!file)
    return absl::UnavailableError(absl::StrCat("cannot read ", toolkit.libdevice, ": ", file.getError().message()));
  auto library = llvm::getLazyBitcodeModule((*file)->getMemBufferRef(), module.getContext());
  if (!library)
    return absl::UnavailableError(
        absl::StrCat(toolkit.libdevice, " is no bitcode that LLVM reads: ", llvm::toString(library.takeError())));
  (*library)->setTargetTriple(kTriple);
  (*library)->setDataLayout(layout);
  // Bodies are read here, while the file is open.
  if (llvm::Linker::linkModules(module, std::move(*library), llvm::Linker::LinkOnlyNeeded,
                                [](llvm::Module& m, const llvm::StringSet<>& names) {
                                  llvm::internalizeModule(m, [&](const llvm::GlobalValue& v) {
                                    return !v.hasName() || !names.contains(v.getName());
                                  });
                                }))
    return absl::InternalError("libdevice cannot be linked");
  if (llvm::Error error = module.materializeAll()) return absl::InternalError(llvm::toString(std::move(error)));
  for (llvm::Function& function : module)
    if (function.isDeclaration() && !function.use_empty() && function.getName().starts_with(kLibdevicePrefix))
      return absl::InternalError(absl::StrCat("libdevice has no function ", function.getName().str()));
  return absl::OkStatus();
}

// libdevice asks by name how precise square roots are to be; LLVM answers 0 to what it does not know.
void AnswerPreciseRoots(llvm::Module& module) {
  llvm::Function* reflect = module.getFunction("__nvvm_reflect");
  if (!reflect) return;
  for (llvm::User* user : llvm::make_early_inc_range(reflect->users())) {
    auto* call = llvm::dyn_cast<llvm::CallInst>(user);
    auto* name = call ? llvm::dyn_cast<llvm::GlobalVariable>(call->getArgOperand(0)->stripPointerCasts()) : nullptr;
    auto* text =
        name && name->hasInitializer() ? llvm::dyn_cast<llvm::ConstantDataSequential>(name->getInitializer()) : nullptr;
    if (!text || !text->isCString() || text->getAsCString() != "__CUDA_PREC_SQRT") continue;
    call->replaceAllUsesWith(llvm::ConstantInt::get(call->getType(), 1));
    call->eraseFromParent();
  }
}

void Optimize(llvm::Module& module, llvm::TargetMachine& machine) {
  Analyses analyses(machine);
  llvm::ModulePassManager start, passes;
  analyses.builder.invokePipelineStartEPCallbacks(start,
                                         llvm::OptimizationLevel::O3);  // the target's own: what libdevice asks of it
  start.run(module, analyses.modules);
  llvm::cantFail(analyses.builder.parsePassPipeline(passes, kPipeline));
  passes.run(module, analyses.modules);
}

}  // namespace

absl::StatusOr<std::string> CompilePtx(llvm::Module& module, const CudaTarget& cuda, const CudaToolkit& toolkit,
                                       const std::string& prefix, std::string* bitcode) {
  static std::once_flag initialized;
  std::call_once(initialized, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  std::string error;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(kTriple, error);
  if (!target) return absl::InternalError(absl::StrCat("LLVM has no NVPTX target: ", error));
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Fast;
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(kTriple, cuda.text_arch, kFeatures, options,
                                                                           llvm::Reloc::Static, std::nullopt,
                                                                           llvm::CodeGenOptLevel::Aggressive));
  // An unknown architecture is a warning on stderr to LLVM, and its text useless.
  if (!machine || !machine->getMCSubtargetInfo()->isCPUStringValid(cuda.text_arch))
    return absl::InternalError("LLVM makes no machine for " + cuda.text_arch);
  module.setTargetTriple(kTriple);
  module.setDataLayout(machine->createDataLayout());
  std::string problem;
  llvm::raw_string_ostream problems(problem);
  if (llvm::verifyModule(module, &problems))
    return absl::InternalError(absl::StrCat("generated code is malformed: ", problems.str()));
  if (absl::Status linked = LinkDeviceLibrary(module, *machine); !linked.ok()) return linked;
  if (absl::Status linked = LinkLibdevice(module, toolkit, machine->createDataLayout()); !linked.ok()) return linked;
  module.setModuleFlag(
      llvm::Module::Override, "nvvm-reflect-ftz",
      llvm::ConstantAsMetadata::get(llvm::ConstantInt::get(llvm::Type::getInt32Ty(module.getContext()), 0)));
  AnswerPreciseRoots(module);
  if (getenv("PLIMSOLL_DUMP_LLVM")) module.print(llvm::errs(), nullptr);
  Optimize(module, *machine);
  if (getenv("PLIMSOLL_DUMP_LLVM_OPTIMIZED")) module.print(llvm::errs(), nullptr);
  int number = 0;
  for (llvm::GlobalVariable& global : module.globals())
    if (global.hasLocalLinkage()) global.setName(absl::StrCat(prefix, "_data_", number++));
  for (llvm::Function& function : module)
    if (function.hasLocalLinkage()) function.setName(absl::StrCat(prefix, "_", function.getName().str()));
  if (bitcode != nullptr) {
    llvm::raw_string_ostream optimized(*bitcode);
    llvm::WriteBitcodeToFile(module, optimized);
  }
  // Not from a copy: LLVM remembers annotations (block sizes among them) by the module's address, and forgets them only
  // when that module has been printed. The next one there would inherit them.
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager emit;
  if (machine->addPassesToEmitFile(emit, stream, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return absl::InternalError("LLVM prints no PTX");
  emit.run(module);
  return std::string(text);
}

std::string JoinPtx(const std::vector<std::string>& texts) {
  constexpr char kLastOfHeader[] = ".address_size 64";
  std::string joined;
  for (const std::string& text : texts) {
    const size_t end = text.find(kLastOfHeader);
    if (joined.empty() || end == std::string::npos)
      joined += text;
    else
      joined.append(text, end + sizeof(kLastOfHeader) - 1);
  }
  return joined;
}

}  // namespace plimsoll::codegen
