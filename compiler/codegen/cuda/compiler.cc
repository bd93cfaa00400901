#include <map>

#include "absl/strings/str_cat.h"
#include "compiler/codegen/codegen.h"
#include "compiler/codegen/cuda/emitter.h"
#include "compiler/codegen/cuda/library_kernel.h"
#include "compiler/codegen/cuda/module.h"
#include "compiler/codegen/in_parallel.h"

namespace plimsoll::codegen {
namespace {
// As on the CPU: kernels go into this many modules in turn, so that the text is the same on any machine.
constexpr size_t kModules = 8;
}  // namespace

struct CudaKernelCompiler::State {
  struct Unit {
    llvm::LLVMContext context;
    std::unique_ptr<llvm::Module> module;
  };
  CudaTarget target;
  CudaToolkit toolkit;
  std::vector<std::unique_ptr<Unit>> units, library_units;
  std::map<std::string, CudaKernel> kernels;  // by key
  size_t emitted = 0, library_emitted = 0;

  static llvm::Module& ModuleFor(std::vector<std::unique_ptr<Unit>>& units, size_t kernel) {
    const size_t number = kernel % kModules;
    if (units.size() <= number) {
      auto unit = std::make_unique<Unit>();
      unit->module = std::make_unique<llvm::Module>("kernels", unit->context);
      units.push_back(std::move(unit));
    }
    return *units[number]->module;
  }
};

CudaKernelCompiler::CudaKernelCompiler(CudaTarget target, CudaToolkit toolkit) : state_(std::make_unique<State>()) {
  state_->target = std::move(target);
  state_->toolkit = std::move(toolkit);
}
CudaKernelCompiler::~CudaKernelCompiler() = default;

mlir::FailureOr<CudaKernel> CudaKernelCompiler::Add(mlir::Operation* op, llvm::ArrayRef<int> alignments,
                                                    llvm::StringRef symbol) {
  std::string key = KernelKey(op);
  for (int alignment : alignments) absl::StrAppend(&key, " ", alignment);
  if (auto it = state_->kernels.find(key); it != state_->kernels.end()) return it->second;
  LoadKernelDialects(op->getContext());
  auto region = LowerToRegion(op, /*diagnose=*/true);
  if (mlir::failed(region)) return mlir::failure();
  auto plan = PlanCudaKernel(*region, state_->target, alignments);
  if (mlir::failed(plan)) {
    op->emitError() << "is not one kernel: its reductions run over different dims, or an index cannot be followed";
    return mlir::failure();
  }
  CudaKernel kernel;
  kernel.symbol = symbol.empty() ? absl::StrCat("k", state_->emitted, "_", KernelStem(op)) : symbol.str();
  kernel.blocks = plan->blocks;
  kernel.threads = plan->threads;
  for (const CudaNest& nest : plan->nests) kernel.skeletons.push_back(NameOf(nest.skeleton));
  if (kernel.blocks > 0) {
    llvm::Module& module = State::ModuleFor(state_->units, state_->emitted);
    llvm::DenseSet<unsigned> shared;
    for (const InPlacePair& pair : InPlacePairs(op)) {
      shared.insert(pair.operand);
      shared.insert(op->getNumOperands() + pair.result);
    }
    if (mlir::failed(EmitCudaKernel(module, kernel.symbol, *region, *plan, shared))) {
      op->emitError() << "has an operation in its body that the kernel emitter does not know";
      return mlir::failure();
    }
    ++state_->emitted;
  }
  state_->kernels.emplace(std::move(key), kernel);
  return kernel;
}

absl::StatusOr<CudaKernel> CudaKernelCompiler::AddLibrary(const plan::LibraryOp& op, llvm::StringRef symbol) {
  auto plan = PlanLibraryKernel(op, state_->target);
  if (!plan.ok()) return plan.status();
  // What the kernel depends on, and nothing else.
  const std::string key = absl::StrCat("library ", plan->function, " ", plan->blocks, " ", plan->description);
  if (auto it = state_->kernels.find(key); it != state_->kernels.end()) return it->second;
  CudaKernel kernel;
  kernel.symbol = symbol.empty() ? absl::StrCat("l", state_->library_emitted, "_", plan->skeleton) : symbol.str();
  kernel.blocks = plan->blocks;
  kernel.threads = plan->threads;
  kernel.skeletons = {plan->skeleton};
  kernel.tensor_type = plan->tensor_type;
  kernel.blocks_of_multiprocessor = plan->blocks_of_multiprocessor;
  kernel.repetition = plan->repetition;
  if (kernel.blocks > 0)
    EmitLibraryKernel(State::ModuleFor(state_->library_units, state_->library_emitted++), kernel.symbol, *plan);
  state_->kernels.emplace(key, kernel);
  return kernel;
}

absl::StatusOr<CudaCode> CudaKernelCompiler::Finish(bool keep_bitcode) {
  CudaCode code;
  for (auto& unit : state_->library_units) state_->units.push_back(std::move(unit));
  state_->library_units.clear();
  if (state_->units.empty()) return code;
  std::vector<absl::StatusOr<std::string>> results(state_->units.size(), absl::StatusOr<std::string>(std::string()));
  if (keep_bitcode) code.bitcode.resize(state_->units.size());
  InParallel(results.size(), [&](size_t i) {
    llvm::Module& module = *state_->units[i]->module;
    results[i] = CompilePtx(module, state_->target, state_->toolkit, absl::StrCat("unit", i),
                            keep_bitcode ? &code.bitcode[i] : nullptr);
    state_->units[i]->module.reset();
  });
  std::vector<std::string> texts;
  for (auto& result : results) {
    if (!result.ok()) return result.status();
    texts.push_back(std::move(*result));
  }
  code.ptx = JoinPtx(texts);
  return code;
}

}  // namespace plimsoll::codegen
