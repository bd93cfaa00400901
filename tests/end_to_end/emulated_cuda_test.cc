// Whole models with their generated kernels replaced by CUDA kernels, run on the host by the emulator: each launch is
// compared with the CPU kernel's result on the same operands, and the model's outputs with the stored ones. Library
// calls stay the CPU's.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/codegen/cpu/object.h"
#include "compiler/codegen/cuda/emulator/emulator.h"
#include "ir/plan/artefact.h"
#include "llvm/IR/IRBuilder.h"
#include "tests/end_to_end/collections.h"
#include "tools/plimsoll/data_set.h"
#include "tools/plimsoll/execution.h"

namespace plimsoll::cli {
namespace {

namespace fs = std::filesystem;
using CpuKernel = void (*)(const void* const*, int64_t, int64_t);

// Memory of a tensor between bytes that must stay as they are, at a multiple of 16.
class Guarded {
 public:
  explicit Guarded(int64_t bytes) : bytes_(bytes), memory_((bytes + 15) / 16 + 2 * kGuard) {
    std::memset(memory_.data(), 0xa5, memory_.size() * 16);
  }
  char* data() { return reinterpret_cast<char*>(memory_.data() + kGuard); }
  bool Intact() {
    const char* begin = reinterpret_cast<char*>(memory_.data());
    const char* end = begin + memory_.size() * 16;
    auto kept = [](const char* from, const char* to) {
      return std::all_of(from, to, [](char c) { return c == '\xa5'; });
    };
    return kept(begin, data()) && kept(data() + bytes_, end);
  }

 private:
  static constexpr int64_t kGuard = 8;  // of 16 bytes
  struct alignas(16) Unit {
    char bytes[16];
  };
  int64_t bytes_;
  std::vector<Unit> memory_;
};

double Value(const char* at, plan::DataType type) {
  auto read = [&]<typename T>(T value) {
    std::memcpy(&value, at, sizeof(T));
    return static_cast<double>(value);
  };
  switch (type) {
    case plan::F32:
      return read(float{});
    case plan::F64:
      return read(double{});
    case plan::F16:
      return read(_Float16{});
    case plan::BF16: {
      uint16_t half;
      std::memcpy(&half, at, 2);
      const uint32_t bits = uint32_t{half} << 16;
      float value;
      std::memcpy(&value, &bits, 4);
      return value;
    }
    default:
      return 0;
  }
}

// Largest difference over the largest magnitude; for what is not a float, the share of bytes that differ.
double Difference(const std::string& got, const std::string& want, plan::DataType type) {
  const size_t size = type == plan::F64 ? 8 : type == plan::F32 ? 4 : type == plan::F16 || type == plan::BF16 ? 2 : 0;
  if (size == 0) {
    size_t differ = 0;
    for (size_t i = 0; i < got.size(); ++i) differ += got[i] != want[i];
    return got.empty() ? 0 : static_cast<double>(differ) / static_cast<double>(got.size());
  }
  double largest = 0, most = 1e-30;
  for (size_t i = 0; i < got.size(); i += size) {
    const double x = Value(got.data() + i, type), y = Value(want.data() + i, type);
    if (std::isnan(x) != std::isnan(y)) return HUGE_VAL;
    if (std::isnan(x) || x == y) continue;
    if (std::isinf(x) || std::isinf(y)) return HUGE_VAL;
    largest = std::max(largest, std::abs(x - y));
    most = std::max({most, std::abs(x), std::abs(y)});
  }
  return largest / most;
}

// The CUDA kernels of one compiled model, called in place of the CPU's.
struct Emulation {
  compiler::CudaKernels cuda;
  std::unique_ptr<codegen::EmulatedCuda> device;
  std::vector<CpuKernel> cpu;
  std::vector<int64_t> tiles;  // of the CPU's kernels
  int64_t launches = 0, unaligned = 0;
  std::map<std::string, double> worst;  // difference, by kernel
  std::vector<std::string> errors;

  void Launch(size_t number, const void* const* buffers);
};

void Emulation::Launch(size_t number, const void* const* buffers) {
  const compiler::CudaKernels::Kernel& kernel = cuda.kernels[number];
  const size_t operands = kernel.operand_bytes.size(), count = operands + kernel.result_bytes.size();
  auto bytes = [&](size_t i) { return i < operands ? kernel.operand_bytes[i] : kernel.result_bytes[i - operands]; };
  // Memory of its own for each; a result in the place of an operand stays there.
  std::vector<std::unique_ptr<Guarded>> own;
  std::vector<void*> emulated, reference;
  for (int side = 0; side < 2; ++side) {
    std::vector<void*>& pointers = side == 0 ? emulated : reference;
    for (size_t i = 0; i < count; ++i) {
      size_t same = i;
      for (size_t k = 0; k < i && i >= operands && bytes(i) > 0; ++k)
        if (buffers[k] == buffers[i] && bytes(k) == bytes(i)) same = k;
      if (same < i) {
        pointers.push_back(pointers[same]);
        continue;
      }
      own.push_back(std::make_unique<Guarded>(bytes(i)));
      if (i < operands) std::memcpy(own.back()->data(), buffers[i], static_cast<size_t>(bytes(i)));
      pointers.push_back(own.back()->data());
      if (side == 0 && reinterpret_cast<uintptr_t>(buffers[i]) % 16 != 0) ++unaligned;
    }
  }
  cpu[number](reference.data(), 0, tiles[number]);
  const absl::Status status =
      device->Launch(kernel.symbol, kernel.blocks, kernel.threads, emulated, static_cast<uint64_t>(++launches));
  if (!status.ok()) errors.push_back(status.ToString());
  for (auto& memory : own)
    if (!memory->Intact()) errors.push_back(kernel.symbol + " wrote outside of a buffer");
  for (size_t i = operands; i < count; ++i) {
    const auto size = static_cast<size_t>(bytes(i));
    const std::string got(static_cast<char*>(emulated[i]), size), want(static_cast<char*>(reference[i]), size);
    double& difference = worst[kernel.symbol];
    difference = std::max(difference, Difference(got, want, kernel.result_types[i - operands]));
    std::memcpy(const_cast<void*>(buffers[i]), got.data(), size);
  }
}

void LaunchOf(Emulation* emulation, int64_t number, const void* const* buffers) {
  emulation->Launch(static_cast<size_t>(number), buffers);
}

// A shared object of the same symbols, each calling LaunchOf.
absl::StatusOr<std::string> Trampolines(Emulation& emulation) {
  llvm::LLVMContext context;
  llvm::Module module("trampolines", context);
  llvm::IRBuilder<> b(context);
  llvm::Type *pointer = b.getPtrTy(), *i64 = b.getInt64Ty();
  auto* type = llvm::FunctionType::get(b.getVoidTy(), {pointer, i64, i64}, false);
  auto* target = llvm::FunctionType::get(b.getVoidTy(), {i64, i64, pointer}, false);
  for (size_t i = 0; i < emulation.cuda.kernels.size(); ++i) {
    auto* function =
        llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, emulation.cuda.kernels[i].symbol, module);
    b.SetInsertPoint(llvm::BasicBlock::Create(context, "", function));
    llvm::Value* address = b.CreateIntToPtr(b.getInt64(reinterpret_cast<uint64_t>(&LaunchOf)), pointer);
    b.CreateCall(target, address,
                 {b.getInt64(reinterpret_cast<uint64_t>(&emulation)), b.getInt64(i), function->getArg(0)});
    b.CreateRetVoid();
  }
  auto cpu = codegen::ResolveCpu("x86-64-v3");
  if (!cpu.ok()) return cpu.status();
  auto object = codegen::CompileObject(module, *cpu);
  if (!object.ok()) return object.status();
  return codegen::LinkSharedObject({*object});
}

// The CPU's kernels, opened.
class Library {
 public:
  explicit Library(const std::string& bytes) : file_(memfd_create("kernels", MFD_CLOEXEC)) {
    if (write(file_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()))
      handle_ = dlopen(absl::StrCat("/proc/self/fd/", file_).c_str(), RTLD_NOW | RTLD_LOCAL);
  }
  ~Library() {
    if (handle_) dlclose(handle_);
    close(file_);
  }
  CpuKernel Find(const std::string& symbol) const {
    return handle_ ? reinterpret_cast<CpuKernel>(dlsym(handle_, symbol.c_str())) : nullptr;
  }

 private:
  int file_;
  void* handle_ = nullptr;
};

class EmulatedModel : public testing::TestWithParam<std::string> {};

TEST_P(EmulatedModel, GivesTheStoredOutputs) {
  const std::string folder = GetParam(), model = folder + "/model.onnx";
  auto check = Compiler().check(model, {});
  ASSERT_TRUE(check.ok()) << check.status();
  const std::vector<std::string> names = InputNamesOf(*check);
  auto sets = FindDataSets(folder);
  ASSERT_TRUE(sets.ok()) << sets.status();
  for (const DataSet& set : *sets) {
    SCOPED_TRACE(set.name);
    auto inputs = ReadTensors(set.folder, "input", names);
    ASSERT_TRUE(inputs.ok()) << inputs.status();
    compiler::Options options;
    options.cuda_kernels = "sm_80";
    options.cuda_bitcode = true;
    for (const auto& [name, tensor] : *inputs) {
      options.shapes.try_emplace(name, std::vector<int64_t>(tensor.type.dims().begin(), tensor.type.dims().end()));
      options.available_values.try_emplace(name, tensor.bytes);
    }
    auto compiled = Compiler().compile(model, options);
    if (absl::IsUnavailable(compiled.status())) GTEST_SKIP() << compiled.status();
    ASSERT_TRUE(compiled.ok()) << compiled.status();

    Emulation emulation;
    emulation.cuda = std::move(compiled->cuda);
    auto device = codegen::EmulatedCuda::Load(emulation.cuda.bitcode);
    ASSERT_TRUE(device.ok()) << device.status();
    emulation.device = *std::move(device);
    ASSERT_EQ(compiled->artefact.code.size(), 1u);
    const Library library(compiled->artefact.code[0].data);
    std::map<std::string, int64_t> tiles;
    plan::Plan& plan = compiled->artefact.plan;
    for (plan::Program* program : {plan.mutable_load(), plan.mutable_run()}) {
      for (plan::Command& command : *program->mutable_commands()) {
        if (!command.has_launch()) continue;
        tiles[command.launch().symbol()] = command.launch().tiles();
        command.mutable_launch()->set_tiles(1);
        command.mutable_launch()->set_tiles_per_task(1);
      }
    }
    for (const auto& kernel : emulation.cuda.kernels) {
      emulation.cpu.push_back(library.Find(kernel.symbol));
      ASSERT_NE(emulation.cpu.back(), nullptr) << kernel.symbol;
      emulation.tiles.push_back(tiles[kernel.symbol]);
    }
    auto trampolines = Trampolines(emulation);
    ASSERT_TRUE(trampolines.ok()) << trampolines.status();
    compiled->artefact.code[0].data = *trampolines;
    auto bytes = plan::WriteArtefactToMemory(compiled->artefact);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    auto artefact = plan::ReadArtefactFromMemory(*std::move(bytes));
    ASSERT_TRUE(artefact.ok()) << artefact.status();
    runtime::LoadOptions load;
    load.weights_directory = fs::absolute(model).parent_path().string();
    auto program = runtime::Program::Load(*std::move(artefact), load);
    ASSERT_TRUE(program.ok()) << program.status();
    auto session = runtime::Session::Create(*program);
    ASSERT_TRUE(session.ok()) << session.status();
    auto outputs = RunOnce(**session, *inputs);
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    EXPECT_EQ(absl::StrJoin(emulation.errors, "\n"), "");
    double largest = 0;
    for (const auto& [symbol, difference] : emulation.worst) {
      EXPECT_LE(difference, 5e-5) << symbol << " against the CPU's";
      largest = std::max(largest, difference);
    }
    auto expected = ReadTensors(set.folder, "output", OutputNames((*program)->plan()));
    ASSERT_TRUE(expected.ok()) << expected.status();
    ASSERT_FALSE(expected->empty());
    for (const auto& [name, tensor] : *expected) {
      ASSERT_TRUE(outputs->count(name)) << name;
      const cli::Difference difference = Compare(outputs->at(name), tensor, ToleranceOf(*check));
      EXPECT_TRUE(difference.equal) << name << ": " << difference.reason;
    }
    int general = 0;
    for (const auto& kernel : emulation.cuda.kernels)
      general += std::count(kernel.skeletons.begin(), kernel.skeletons.end(), "serial");
    printf(
        "%s: %zu kernels, %d of them serial, %ld launches, %ld of their buffers not at a multiple of 16 bytes; largest "
        "difference to the CPU's kernels %.1e\n",
        set.name.c_str(), emulation.cuda.kernels.size(), general, static_cast<long>(emulation.launches),
        static_cast<long>(emulation.unaligned), largest);
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EmulatedModel);
INSTANTIATE_TEST_SUITE_P(Collections, EmulatedModel, testing::ValuesIn(ModelFolders()), TestName);

}  // namespace
}  // namespace plimsoll::cli
