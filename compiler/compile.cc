#include "compiler/compile.h"

#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/codegen/codegen.h"
#include "compiler/command_cost.h"
#include "compiler/emit/emit.h"
#include "compiler/emit/streams.h"
#include "compiler/emit/types.h"
#include "compiler/kernels.h"
#include "compiler/library_model.h"
#include "compiler/pipeline.h"
#include "compiler/recompute.h"
#include "compiler/refusal.h"
#include "compiler/target.h"
#include "frontends/onnx/import.h"
#include "ir/plan/certificate.h"
#include "ir/plan/validator.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "passes/checkpoint/block_problem.h"

namespace plimsoll::compiler {
namespace {

// Steps of the allocation's search, for each arena: a second or two, where it does not end sooner at the lower bound.
constexpr int64_t kAllocationSteps = 10'000'000;

class Stopwatch {
 public:
  double Lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - std::exchange(start_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Shares of the whole, as measured on mid-sized models; for a progress display only.
double FractionAt(const std::string& stage) {
  const std::pair<const char*, double> shares[] = {
      {"import", 0},   {"simplify", 0.15}, {"legalize", 0.2}, {"layout", 0.22}, {"precision", 0.225}, {"attention", 0.23}, {"post-ops", 0.24}, {"split-rows", 0.245}, {"fuse", 0.25},
      {"select", 0.4}, {"schedule", 0.45}, {"codegen", 0.5},  {"emit", 0.9},    {"checkpoint", 0.93}, {"validate", 0.98}};
  for (const auto& [name, share] : shares) {
    if (stage == name) return share;
  }
  return 1;
}

// None: tensors stay f32 in memory.
absl::StatusOr<std::optional<passes::LowPrecision>> PrecisionOf(const std::string& name, const plan::Target& target) {
  if (name == "f32" || (name == "tf32" && target.kind() == plan::Target::CUDA)) return std::nullopt;
  if (name == "bf16") return passes::LowPrecision::kBf16;
  if (name == "f16") return passes::LowPrecision::kF16;
  return absl::InvalidArgumentError(absl::StrCat("precision '", name, "': there are f32, bf16, f16, and tf32 on CUDA"));
}

absl::StatusOr<onnx_frontend::Imported> ImportModel(const std::string& path, mlir::MLIRContext& context,
                                                    const Options& options) {
  onnx_frontend::ImportOptions import;
  import.shapes = options.shapes;
  import.values = options.values;
  // Where values decide shapes: those that the importer asks for and that are at hand, no more.
  for (;;) {
    absl::StatusOr<onnx_frontend::Imported> imported = onnx_frontend::Import(path, context, import);
    if (imported.ok()) return imported;
    bool more = false;
    for (const std::string& name : onnx_frontend::NeededValues(imported.status())) {
      const auto value = options.available_values.find(name);
      if (value != options.available_values.end()) more = import.values.insert(*value).second || more;
    }
    if (!more) return imported;
  }
}

plan::Binding BindingOf(const onnx_frontend::Imported::Port& port) {
  plan::Binding binding;
  binding.set_name(port.name);
  binding.mutable_type()->set_dtype(port.dtype);
  for (int64_t dim : port.dims) binding.mutable_type()->add_dims(dim);
  binding.set_fixed(port.fixed);
  binding.set_onnx_element(port.onnx_element);
  return binding;
}

void FillReport(const plan::Plan& plan, const onnx_frontend::Summary& summary, Report& report) {
  report.parameters = summary.parameters;
  report.nodes = summary.nodes;
  for (const plan::Command& command : plan.run().commands()) {
    report.flops += command.flops();
    report.library_calls += command.has_library_call();
    report.host_calls += command.has_host_call();
  }
}

// The largest sum of what a command of run touches, resident weights included: no order of the commands needs less.
int64_t LowerBound(const plan::Plan& plan) {
  int64_t most = 0;
  for (const plan::Command& command : plan.run().commands()) {
    int64_t bytes = 0;
    std::map<int, int64_t> touched;  // by buffer: operands may share one
    for (const plan::Operand& operand : command.operands()) {
      const plan::Buffer& buffer = plan.run().buffers(operand.buffer());
      if (!plan::InSession(plan, buffer)) continue;
      int64_t& length = touched[buffer.has_in_place_of() ? buffer.in_place_of() : operand.buffer()];
      length = std::max(length, operand.length());
    }
    for (const auto& [buffer, length] : touched) bytes += length;
    most = std::max(most, bytes);
  }
  return plan.certificate().resident_weight_bytes() + plan.target().reserved_bytes() + most;
}

absl::Status Refuse(int64_t budget, const plan::Plan& plan, const Recomputation& least) {
  Refusal refusal;
  refusal.smallest_feasible_budget_bytes = least.smallest_peak_bytes;
  refusal.lower_bound_bytes = LowerBound(plan);
  refusal.proven_infeasible = budget < refusal.lower_bound_bytes;
  refusal.binding_tensor = least.binding_tensor;
  absl::Status status = absl::ResourceExhaustedError(absl::StrCat(
      "the model does not fit into ", budget, " bytes: the least that was planned is ", least.smallest_peak_bytes,
      ", of which ", plan.certificate().resident_weight_bytes(), " are weights",
      plan.target().reserved_bytes() > 0
          ? absl::StrCat(" and ", plan.target().reserved_bytes(), " what driver and libraries take")
          : "",
      "; no plan of this kind takes less than ",
      refusal.lower_bound_bytes, "; the largest tensor at the peak is '", least.binding_tensor, "'"));
  AttachRefusal(status, refusal);
  return status;
}

// Whether `plan` has the least peak by proof: what is computed again can make room only in the arena of run.
bool IsLeast(const plan::Plan& plan) {
  const plan::Certificate& certificate = plan.certificate();
  return certificate.load_peak_bytes() == certificate.peak_bytes() || LowerBound(plan) == certificate.peak_bytes();
}

// Replaces `emitted`, the plan without recomputation, where that exceeds the budget. kResourceExhausted: see Refusal.
absl::Status FitBudget(const EmitRequest& request, const Options& options, std::optional<int64_t> budget,
                       Emitted& emitted) {
  plan::Plan& plan = emitted.contents.plan;
  const plan::Certificate& certificate = plan.certificate();
  const bool least = IsLeast(plan) || llvm::is_contained(options.disabled_passes, kCheckpointPass);
  if (least) plan.set_smallest_feasible_budget_bytes(certificate.peak_bytes());
  if (!budget || certificate.peak_bytes() <= *budget) return absl::OkStatus();
  absl::StatusOr<Recomputation> found = Recomputation{certificate.peak_bytes(), certificate.binding_tensor(), std::nullopt};
  if (!least) found = PlanWithRecomputation(request, emitted, *budget);
  if (!found.ok()) return found.status();
  if (!found->within_budget) return Refuse(*budget, plan, *found);
  emitted = *std::move(found->within_budget);
  emitted.contents.plan.set_smallest_feasible_budget_bytes(found->smallest_peak_bytes);
  return absl::OkStatus();
}

void AddCode(const Kernels& kernels, Compiled& compiled) {
  const bool is_cuda = !compiled.cuda.ptx.empty();
  if (kernels.object.empty() && !is_cuda) return;
  plan::Code& code = *compiled.artefact.plan.add_code();
  code.set_member(is_cuda ? "code/kernels.ptx" : "code/kernels.so");
  for (const std::string& symbol : kernels.symbols) code.add_symbols(symbol);
  compiled.artefact.code.push_back({code.member(), is_cuda ? compiled.cuda.ptx : kernels.object});
  if (compiled.cuda.cubin.empty()) return;
  code.set_binary("code/kernels.cubin");
  compiled.artefact.code.push_back({code.binary(), compiled.cuda.cubin});
}

plan::MemberInfo MembersOf(const plan::ArtefactContents& contents) {
  plan::MemberInfo members;
  for (const auto& code : contents.code) members.sizes[code.member] = static_cast<int64_t>(code.data.size());
  if (!contents.weights.empty()) {
    const auto& last = contents.weights.back();
    members.sizes[plan::kWeightsMember] = last.offset + static_cast<int64_t>(last.bytes.size());
  }
  return members;
}

}  // namespace

absl::StatusOr<Compiled> Compile(const std::string& model_path, const Options& options) {
  Compiled compiled;
  auto stage = [&](const std::string& name) {
    if (options.progress) options.progress({name, FractionAt(name)});
  };
  Stopwatch stopwatch;
  stage("import");
  absl::StatusOr<ResolvedTarget> target = ResolveTarget(options.target, options.gpu, options.threads);
  if (!target.ok()) return target.status();
  absl::StatusOr<std::optional<passes::LowPrecision>> precision = PrecisionOf(options.precision, target->plan);
  if (!precision.ok()) return precision.status();
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<graph::GraphDialect, mlir::func::FuncDialect>();
  absl::StatusOr<onnx_frontend::Imported> imported = ImportModel(model_path, context, options);
  if (!imported.ok()) return imported.status();
  compiled.report.seconds["import"] = stopwatch.Lap();

  RuntimeLibraryModel library(target->plan);
  PipelineOptions pipeline{options.disabled_passes, stage, *precision};
  const bool is_cuda = target->plan.kind() == plan::Target::CUDA;
  pipeline.cuda = is_cuda;
  target->cuda.tf32 = options.precision == "tf32";
  if (is_cuda) {
    pipeline.gpu = {target->cuda.multiprocessors, RepresentativeGpu(target->plan).memory_bandwidth().value()};
    pipeline.fuses = [&](llvm::ArrayRef<mlir::Operation*> ops, llvm::ArrayRef<mlir::Value> results) {
      return codegen::CanBeOneCudaKernel(ops, results, target->cuda);
    };
  }
  std::string ordering;
  if (options.keep_problems) pipeline.ordering_problem = &ordering;
  absl::Status status = RunPipeline(*imported->module, library, pipeline, compiled.report.seconds);
  if (!status.ok()) return status;
  stopwatch.Lap();

  auto function = imported->module->lookupSymbol<mlir::func::FuncOp>("main");
  if (!function) return absl::InternalError("the imported module has no function 'main'");
  stage("codegen");
  absl::StatusOr<Kernels> kernels = is_cuda ? GenerateKernels(function, target->cuda, options.cuda_bitcode)
                                            : GenerateKernels(function, target->cpu);
  if (!kernels.ok()) return kernels.status();
  compiled.report.seconds["codegen"] = stopwatch.Lap();
  compiled.cuda = std::move(kernels->cuda);
  if (options.kernels_only) return compiled;

  stage("emit");
  EmitRequest request;
  request.function = function;
  request.weights = imported->weights.get();
  for (const auto& port : imported->inputs) request.inputs.push_back(BindingOf(port));
  for (const auto& port : imported->outputs) request.outputs.push_back(BindingOf(port));
  request.target = target->plan;
  request.tf32 = target->cuda.tf32;
  request.max_steps = kAllocationSteps;
  request.keep_problem = options.keep_problems;
  request.kernel = [&](mlir::Operation* op) { return kernels->Find(op); };
  request.library_kernel = [&](const plan::LibraryOp& op) { return kernels->FindLibrary(op); };
  request.workspace = [&](const plan::LibraryOp& op) { return library.Workspace(op); };
  if (options.keep_problems) compiled.problems["rematerialization.json"] = passes::BlockProblem(function).Json();
  absl::StatusOr<Emitted> best = EmitBest(request);
  if (!best.ok()) return best.status();
  compiled.report.seconds["emit"] = stopwatch.Lap();
  stage("checkpoint");
  const std::optional<int64_t> budget = options.budget_bytes ? options.budget_bytes : target->capacity_bytes;
  if (absl::Status fits = FitBudget(request, options, budget, *best); !fits.ok()) return fits;
  compiled.report.seconds["checkpoint"] = stopwatch.Lap();
  if (is_cuda && options.streams > 1) {
    const hardware::Gpu& gpu = RepresentativeGpu(target->plan);
    std::map<std::string, const CudaKernels::Kernel*> made;
    for (const CudaKernels::Kernel& kernel : compiled.cuda.kernels) made[kernel.symbol] = &kernel;
    const auto cost = [&](const plan::Command& command) {
      const auto kernel = made.find(command.launch().symbol());
      return CostOf(command, gpu, kernel == made.end() ? nullptr : kernel->second);
    };
    AssignStreams(best->contents.plan, cost,
                  {.most_streams = std::min(options.streams, 16)});
  }
  compiled.artefact = std::move(best->contents);
  if (!ordering.empty()) compiled.problems["ordering.json"] = std::move(ordering);
  if (!best->problem.empty()) compiled.problems["allocation.csv"] = std::move(best->problem);
  plan::Plan& plan = compiled.artefact.plan;
  AddCode(*kernels, compiled);
  plan.set_version(plan::FORMAT_VERSION_CURRENT);
  plan.set_producer("plimsoll 0.1.0");
  plan.set_model_name(model_path.substr(model_path.find_last_of('/') + 1));
  if (options.precision != "f32") plan.set_precision(options.precision);
  if (budget) plan.set_budget_bytes(*budget);
  for (const auto& port : imported->inputs) {
    if (!port.fixed) continue;
    plan::FixedValue& value = *plan.add_fixed_values();
    value.set_input(port.name);
    *value.mutable_type() = BindingOf(port).type();
    const auto given = options.values.find(port.name);
    const auto available = options.available_values.find(port.name);
    if (given == options.values.end() && available == options.available_values.end()) {
      return absl::InternalError(absl::StrCat("input '", port.name, "' is fixed to no value"));
    }
    value.set_data(given != options.values.end() ? given->second : available->second);
  }
  compiled.report.kernels = static_cast<int64_t>(kernels->symbols.size());
  FillReport(plan, imported->summary, compiled.report);
  stage("validate");
  if (absl::Status valid = plan::Validate(plan, MembersOf(compiled.artefact)); !valid.ok()) {
    return absl::InternalError(absl::StrCat("the compiler made an invalid plan: ", valid.message()));
  }
  compiled.report.seconds["validate"] = stopwatch.Lap();
  compiled.keep_alive = std::make_shared<std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>>(
      imported->weights, best->keep_alive);
  stage("done");
  return compiled;
}

}  // namespace plimsoll::compiler
