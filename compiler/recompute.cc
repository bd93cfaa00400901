#include "compiler/recompute.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "mlir/IR/IRMapping.h"
#include "passes/checkpoint/block_problem.h"
#include "passes/checkpoint/solver.h"

namespace plimsoll::compiler {
namespace {

// Budgets of the problem between its floor and its peak, evenly; then so many halvings of the gap below the least of
// them that was met.
constexpr int kRungs = 12;
constexpr int kHalvings = 4;
// Of the search for one budget, and of the allocation of one plan: some tenths of a second each.
constexpr int64_t kSolverSteps = 20'000'000;
constexpr int64_t kAllocationSteps = 1'000'000;

class Planner {
 public:
  Planner(const EmitRequest& request, const plan::Certificate& plain, int64_t budget)
      : request_(request), budget_(budget), block_(request.function) {
    result_.smallest_peak_bytes = plain.peak_bytes();
    result_.binding_tensor = plain.binding_tensor();
  }

  absl::StatusOr<Recomputation> Run() {
    const checkpoint::Problem& problem = block_.problem();
    const int64_t peak = checkpoint::PeakWithoutRematerialization(problem);
    int64_t failed = checkpoint::Floor(problem) - 1, met = peak;
    std::vector<int64_t> rungs;
    for (int i = 1; i <= kRungs; ++i) rungs.push_back(peak - (peak - failed - 1) / kRungs * i);
    if (absl::Status status = Try(rungs, failed, met); !status.ok()) return status;
    for (int i = 0; i < kHalvings && met - failed > 1; ++i) {
      const int64_t middle = failed + (met - failed) / 2;
      if (absl::Status status = Try({middle}, failed, met); !status.ok()) return status;
    }
    return std::move(result_);
  }

 private:
  // Solves for each of `budgets`, and makes a plan of each new solution. `failed`, `met`: the largest budget that was not
  // met, and the least that was.
  absl::Status Try(const std::vector<int64_t>& budgets, int64_t& failed, int64_t& met) {
    checkpoint::Options options;
    options.max_steps = kSolverSteps;
    absl::StatusOr<std::vector<checkpoint::Answer>> answers = checkpoint::Solve(block_.problem(), budgets, options);
    if (!answers.ok()) return answers.status();
    for (const checkpoint::Answer& answer : *answers) {
      if (!answer.status.ok()) {
        if (answer.budget < met) failed = std::max(failed, answer.budget);
        continue;
      }
      met = std::min(met, answer.budget);
      if (!tried_.insert(answer.solution.sequence).second) continue;
      if (absl::Status status = Plan(answer.solution); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Plan(const checkpoint::Solution& solution) {
    mlir::IRMapping map;
    mlir::OwningOpRef<mlir::func::FuncOp> function =
        llvm::cast<mlir::func::FuncOp>(request_.function->clone(map));
    passes::BlockProblem block(*function);
    const auto made_from = block.Realize(solution.sequence);
    // Kernels are known by the operations of the first function.
    llvm::DenseMap<mlir::Operation*, const KernelUse*> kernels;
    for (auto [from, to] : map.getOperationMap()) {
      if (const KernelUse* kernel = request_.kernel(from)) kernels[to] = kernel;
    }
    for (auto [copy, original] : made_from) {
      if (const KernelUse* kernel = kernels.lookup(original)) kernels[copy] = kernel;
    }
    EmitRequest request = request_;
    request.function = *function;
    request.max_steps = std::min(request_.max_steps, kAllocationSteps);
    request.kernel = [&](mlir::Operation* op) { return kernels.lookup(op); };
    absl::StatusOr<Emitted> emitted = EmitBest(request);
    if (!emitted.ok()) return emitted.status();
    const plan::Certificate& certificate = emitted->contents.plan.certificate();
    const int64_t peak = certificate.peak_bytes();
    if (peak < result_.smallest_peak_bytes) {
      result_.smallest_peak_bytes = peak;
      result_.binding_tensor = certificate.binding_tensor();
    }
    if (peak > budget_ || (result_.within_budget && solution.cost >= cost_)) return absl::OkStatus();
    cost_ = solution.cost;
    result_.within_budget = *std::move(emitted);
    return absl::OkStatus();
  }

  const EmitRequest& request_;
  const int64_t budget_;
  passes::BlockProblem block_;
  std::set<std::vector<int>> tried_;
  Recomputation result_;
  double cost_ = 0;   // of result_.within_budget
};

}  // namespace

absl::StatusOr<Recomputation> PlanWithRecomputation(const EmitRequest& request, const Emitted& plain,
                                                    int64_t budget_bytes) {
  return Planner(request, plain.contents.plan.certificate(), budget_bytes).Run();
}

}  // namespace plimsoll::compiler
