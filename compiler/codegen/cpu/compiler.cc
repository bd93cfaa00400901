#include <map>

#include "absl/strings/str_cat.h"
#include "compiler/codegen/codegen.h"
#include "compiler/codegen/cpu/emitter.h"
#include "compiler/codegen/cpu/object.h"
#include "compiler/codegen/in_parallel.h"
#include "ir/graph/graph.h"

namespace plimsoll::codegen {
namespace {
// Kernels go into this many modules in turn, each compiled by one thread: a fixed number, so that the bytes are the same on any machine.
constexpr size_t kModules = 8;
constexpr double kTaskNanoseconds = 30e3;

}  // namespace

struct KernelCompiler::State {
  struct Unit {
    llvm::LLVMContext context;
    std::unique_ptr<llvm::Module> module;
  };
  CpuTarget target;
  std::vector<std::unique_ptr<Unit>> units;
  std::map<std::string, Kernel> kernels;  // by key
  size_t emitted = 0;
};

KernelCompiler::KernelCompiler(CpuTarget target) : state_(std::make_unique<State>()) { state_->target = std::move(target); }
KernelCompiler::~KernelCompiler() = default;

mlir::FailureOr<Kernel> KernelCompiler::Add(mlir::Operation* op) {
  std::string key = KernelKey(op);
  if (auto it = state_->kernels.find(key); it != state_->kernels.end()) return it->second;
  LoadKernelDialects(op->getContext());
  auto region = LowerToRegion(op, /*diagnose=*/true);
  if (mlir::failed(region)) return mlir::failure();
  auto plan = PlanKernel(*region, state_->target.vector_bits);
  if (mlir::failed(plan)) {
    op->emitError() << "is not one kernel: its reductions run over different dims, or an index cannot be followed";
    return mlir::failure();
  }
  const size_t number = state_->emitted % kModules;
  if (state_->units.size() <= number) {
    auto unit = std::make_unique<State::Unit>();
    unit->module = std::make_unique<llvm::Module>("kernels", unit->context);
    state_->units.push_back(std::move(unit));
  }
  Kernel kernel;
  kernel.symbol = absl::StrCat("k", state_->emitted, "_", KernelStem(op));
  kernel.tiles = plan->tiles;
  double nanoseconds = 0;
  for (const CpuNest& nest : plan->nests) nanoseconds += nest.tile_nanoseconds * static_cast<double>(nest.tiles);
  if (plan->tiles > 0) {
    const double tile = nanoseconds / static_cast<double>(plan->tiles);
    kernel.tiles_per_task = std::max<int64_t>(1, static_cast<int64_t>(kTaskNanoseconds / tile));
    kernel.tiles_per_task = std::min(kernel.tiles_per_task, kernel.tiles);
    if (mlir::failed(EmitKernel(*state_->units[number]->module, kernel.symbol, *region, *plan))) {
      op->emitError() << "has an operation in its body that the kernel emitter does not know";
      return mlir::failure();
    }
    ++state_->emitted;
  }
  state_->kernels.emplace(std::move(key), kernel);
  return kernel;
}

absl::StatusOr<std::string> KernelCompiler::Finish() {
  if (state_->emitted == 0) return std::string();
  std::vector<absl::StatusOr<std::string>> results(state_->units.size(), absl::StatusOr<std::string>(std::string()));
  InParallel(results.size(), [&](size_t i) {
    results[i] = CompileObject(*state_->units[i]->module, state_->target);
    state_->units[i]->module.reset();
  });
  std::vector<std::string> objects;
  for (auto& result : results) {
    if (!result.ok()) return result.status();
    objects.push_back(std::move(*result));
  }
  return LinkSharedObject(objects);
}

bool CanBeOneKernel(mlir::Operation* op) {
  LoadKernelDialects(op->getContext());
  auto region = LowerToRegion(op, /*diagnose=*/false);
  if (mlir::failed(region)) return false;
  auto plan = PlanKernel(*region, 512);
  return mlir::succeeded(plan) && (!llvm::isa<graph::FusionOp>(op) || IsProfitable(*plan));
}

bool CanBeOneKernel(llvm::ArrayRef<mlir::Operation*> ops, llvm::ArrayRef<mlir::Value> results) {
  mlir::OwningOpRef<graph::FusionOp> fusion = MakeFusion(ops, results);
  return fusion && CanBeOneKernel(fusion.get());
}

}  // namespace plimsoll::codegen
