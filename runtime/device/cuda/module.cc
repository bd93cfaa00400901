#include "runtime/device/cuda/module.h"

#include <array>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace plimsoll::runtime::cuda {
namespace {

// What a block may use without being told of more.
constexpr int64_t kPlainSharedBytes = 48 * 1024;
constexpr int64_t kMostGridYZ = 65535;

class Module : public Code {
 public:
  Module(ContextPointer context, std::string name, Resource module)
      : context_(std::move(context)), name_(std::move(name)), module_(std::move(module)) {}

  absl::StatusOr<Kernel> Find(const plan::Launch& launch, int operands) const override {
    const Driver& cuda = context_->driver();
    const std::string& symbol = launch.symbol();
    CUfunction function = nullptr;
    const CUresult result = cuda.cuModuleGetFunction(&function, static_cast<CUmodule>(module_.get()), symbol.c_str());
    if (result == kErrorNotFound) return absl::DataLossError(absl::StrCat(name_, " does not define '", symbol, "'"));
    if (auto status = cuda.Check(result, "cuModuleGetFunction"); !status.ok()) return status;
    // The driver may leave code in the file until the first launch, which a graph's making would not bear.
    if (cuda.cuFuncLoad) {
      if (auto status = cuda.Check(cuda.cuFuncLoad(function), "cuFuncLoad"); !status.ok()) return status;
    }
    if (auto status = CheckParameters(function, symbol, operands); !status.ok()) return status;
    if (auto status = CheckSizes(function, launch); !status.ok()) return status;
    return reinterpret_cast<Kernel>(function);
  }

 private:
  // A kernel that takes more than it is given would read beyond the operands.
  absl::Status CheckParameters(CUfunction function, const std::string& symbol, int operands) const {
    const Driver& cuda = context_->driver();
    if (!cuda.cuFuncGetParamInfo) return absl::OkStatus();
    for (int i = 0; i <= operands; ++i) {
      size_t offset = 0, size = 0;
      const bool has = cuda.cuFuncGetParamInfo(function, static_cast<size_t>(i), &offset, &size) == kSuccess;
      if (has && i < operands && size == 8 && offset == 8 * static_cast<size_t>(i)) continue;
      if (!has && i == operands) continue;
      return absl::DataLossError(absl::StrCat("'", symbol, "' in ", name_, " does not take ", operands,
                                              " addresses, as the plan launches it"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckSizes(CUfunction function, const plan::Launch& launch) const {
    const Driver& cuda = context_->driver();
    if (launch.grid_size() != 3 || launch.block_size() != 3) {
      return absl::DataLossError("a kernel for CUDA needs a grid and a block of three dimensions");
    }
    if (launch.grid(1) > kMostGridYZ || launch.grid(2) > kMostGridYZ) {
      return absl::FailedPreconditionError(absl::StrCat("a grid of ", launch.grid(0), " x ", launch.grid(1), " x ",
                                                        launch.grid(2), " blocks; at most ", kMostGridYZ,
                                                        " are possible in y and z"));
    }
    int most = 0;
    absl::Status status =
        cuda.Check(cuda.cuFuncGetAttribute(&most, kFunctionMaxThreadsPerBlock, function), "cuFuncGetAttribute");
    if (!status.ok()) return status;
    const int64_t threads = launch.block(0) * launch.block(1) * launch.block(2);
    if (threads > most) {
      return absl::FailedPreconditionError(absl::StrCat("'", launch.symbol(), "' is launched with ", threads,
                                                        " threads a block; ", context_->name(), " runs it with up to ",
                                                        most));
    }
    if (launch.shared_bytes() <= kPlainSharedBytes) return absl::OkStatus();
    if (launch.shared_bytes() > INT32_MAX)
      return absl::FailedPreconditionError("more than 2^31 bytes of shared memory");
    const CUresult result =
        cuda.cuFuncSetAttribute(function, kFunctionMaxDynamicSharedSizeBytes, static_cast<int>(launch.shared_bytes()));
    if (result == kSuccess) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("'", launch.symbol(), "' wants ", launch.shared_bytes(), " bytes of shared memory a block, which ",
                     context_->name(), " refuses: ", std::string(cuda.Check(result, "cuFuncSetAttribute").message())));
  }

  ContextPointer context_;
  std::string name_;
  Resource module_;
};

absl::StatusOr<CUmodule> Load(const Driver& cuda, std::span<const std::byte> image) {
  // The driver looks for a text's end itself.
  const std::string bytes(reinterpret_cast<const char*>(image.data()), image.size());
  std::array<char, 8192> log = {};
  std::array<int, 2> options = {kJitErrorLogBuffer, kJitErrorLogBufferSizeBytes};
  std::array<void*, 2> values = {log.data(), reinterpret_cast<void*>(log.size() - 1)};
  CUmodule module = nullptr;
  const CUresult result =
      cuda.cuModuleLoadDataEx(&module, bytes.c_str(), options.size(), options.data(), values.data());
  if (result == kSuccess) return module;
  const absl::Status status = cuda.Check(result, "cuModuleLoadDataEx");
  if (log[0] == '\0') return status;
  return absl::Status(status.code(), absl::StrCat(std::string(status.message()), ":\n", log.data()));
}

}  // namespace

int CapabilityOf(const std::string& architecture) {
  absl::string_view digits = architecture;
  int number = 0;
  return absl::ConsumePrefix(&digits, "sm_") && absl::SimpleAtoi(digits, &number) && number > 0 ? number : -1;
}

bool BinaryFits(int architecture, int capability) {
  return architecture / 10 == capability / 10 && architecture <= capability;
}

bool TextFits(int architecture, int capability) { return architecture <= capability; }

absl::StatusOr<std::unique_ptr<Code>> OpenModule(ContextPointer context, const plan::Code& code,
                                                 const plan::Target& target, std::span<const std::byte> text,
                                                 std::span<const std::byte> binary) {
  const Driver& cuda = context->driver();
  const int architecture = CapabilityOf(target.architecture());
  const auto made = [&](CUmodule module, const std::string& name) {
    return std::make_unique<Module>(
        context, name,
        MakeResource(context, module, [](const Driver& driver, CUmodule handle) { driver.cuModuleUnload(handle); }));
  };
  absl::Status first = absl::OkStatus();
  if (!binary.empty() && BinaryFits(architecture, context->capability())) {
    auto module = Load(cuda, binary);
    if (module.ok()) return made(*module, code.binary());
    // An older driver does not know every assembler's output: the text may do. Other errors have other causes.
    if (module.status().code() != absl::StatusCode::kFailedPrecondition) return module.status();
    first = module.status();
  }
  if (!TextFits(architecture, context->capability())) {
    return absl::FailedPreconditionError(absl::StrCat(code.member(), " is for ", target.architecture(), " and later, ",
                                                      context->name(), " is sm_", context->capability()));
  }
  auto module = Load(cuda, text);
  if (module.ok()) return made(*module, code.member());
  std::string message =
      absl::StrCat("the driver refuses ", code.member(), ", which is for ", target.architecture(), ", on ",
                   context->name(), " (sm_", context->capability(), "): ", std::string(module.status().message()));
  if (!first.ok()) absl::StrAppend(&message, "; and ", code.binary(), ": ", std::string(first.message()));
  return absl::Status(module.status().code(), message);
}

}  // namespace plimsoll::runtime::cuda
