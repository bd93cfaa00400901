// compiler/codegen/test_kernel.h for the CUDA target: the tests of the CPU's kernels, run on emulated CUDA kernels.
#include "compiler/codegen/test_kernel.h"

#include <cstdio>
#include <map>

#include "compiler/codegen/cuda/cuda.h"
#include "compiler/codegen/cuda/emulator/emulator.h"
#include "compiler/codegen/cuda/emulator/guarded_buffer.h"
#include "compiler/codegen/pch.h"
#include "compiler/codegen/test_operation.h"

namespace plimsoll::codegen {
namespace {

// How often each skeleton was taken, printed when the tests end.
struct Tally {
  std::map<std::string, int> counts;
  ~Tally() {
    for (const auto& [name, count] : counts) fprintf(stderr, "%s: %d kernels\n", name.c_str(), count);
  }
} tally;

}  // namespace

struct TestKernel::Code {
  std::unique_ptr<EmulatedCuda> device;
  int threads = 0;
};

TestKernel::TestKernel(const std::string& text, const std::string& cpu) {
  TestOperation operation(text);
  mlir::Operation* op = operation.get();
  operand_bytes_ = operation.OperandBytes();
  result_bytes_ = operation.ResultBytes();
  auto target = ResolveCuda(cpu == "native" ? "sm_80" : "sm_90");
  if (!target.ok()) Die(target.status().ToString());
  CudaKernelCompiler compiler(*target, FindCudaToolkit());
  const double start = Seconds();
  auto kernel = compiler.Add(op);
  if (mlir::failed(kernel)) Die("not compiled:\n" + text);
  const double added = Seconds();
  auto again = compiler.Add(op);
  if (mlir::failed(again) || again->symbol != kernel->symbol) Die("the same operation made a second kernel");
  auto code = compiler.Finish(/*keep_bitcode=*/true);
  if (!code.ok()) Die(code.status().ToString() + "\n" + text);
  finish_seconds_ = Seconds() - added;
  add_seconds_ = added - start;
  one_kernel_ = CanBeOneKernel(op);
  in_place_ = InPlacePairs(op);
  object_ = code->ptx;
  kernel_.symbol = kernel->symbol;
  kernel_.tiles = kernel->blocks;
  for (const std::string& skeleton : kernel->skeletons) ++tally.counts[skeleton];
  if (kernel->blocks == 0) return;
  auto device = EmulatedCuda::Load(code->bitcode);
  if (!device.ok()) Die(device.status().ToString() + "\n" + text);
  code_ = std::make_unique<Code>(Code{*std::move(device), kernel->threads});
}

TestKernel::~TestKernel() = default;

void TestKernel::Call(const std::vector<const void*>& buffers, int64_t begin, int64_t end) const {
  std::vector<void*> arguments;
  for (const void* buffer : buffers) arguments.push_back(const_cast<void*>(buffer));
  const absl::Status status =
      code_->device->Launch(kernel_.symbol, kernel_.tiles, code_->threads, arguments, static_cast<uint64_t>(begin + 1));
  if (!status.ok()) Die(status.ToString());
}

// `parts` makes another order of the threads.
std::vector<std::string> TestKernel::Run(const std::vector<std::string>& operands, int parts) const {
  std::vector<GuardedBuffer> memory;
  std::vector<const void*> buffers;
  if (operands.size() != operand_bytes_.size()) Die("another number of operands");
  for (size_t i = 0; i < operands.size(); ++i) {
    if (operands[i].size() != operand_bytes_[i]) Die("operand " + std::to_string(i) + " has another size");
    memory.emplace_back(operands[i]);
  }
  for (size_t bytes : result_bytes_) memory.emplace_back(bytes);
  for (const GuardedBuffer& buffer : memory) buffers.push_back(buffer.data());
  if (kernel_.tiles > 0) Call(buffers, parts, parts);
  std::vector<std::string> results;
  for (size_t i = 0; i < memory.size(); ++i) {
    if (i < operands.size() && memory[i].contents() != operands[i]) Die("an operand was written");
    if (const std::string damage = memory[i].Damage(); !damage.empty()) Die(damage);
    if (i >= operands.size()) results.push_back(memory[i].contents());
  }
  CheckInPlace(operands, results);
  return results;
}

// PTX that calls what it does not hold says so.
std::vector<std::string> UndefinedSymbols(const std::string& ptx) {
  std::vector<std::string> names;
  for (size_t at = 0; (at = ptx.find(".extern", at)) != std::string::npos; ++at)
    names.push_back(ptx.substr(at, ptx.find('\n', at) - at));
  return names;
}

}  // namespace plimsoll::codegen
