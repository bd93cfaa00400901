#include "runtime/device/cuda/driver.h"

#include <dlfcn.h>
#include <unistd.h>

#include <vector>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::cuda {
namespace {

constexpr char kLibrary[] = "libcuda.so.1";

template <typename T>
bool Find(void* library, const char* name, std::function<T>& member) {
  auto* function = reinterpret_cast<T*>(dlsym(library, name));
  if (function == nullptr) return false;
  member = function;
  return true;
}

// NVIDIA's management library (nvml.h): what a process holds on a device, context and modules included.
class Management {
 public:
  Management() {
    void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return;
    auto* init = reinterpret_cast<int (*)()>(dlsym(library, "nvmlInit_v2"));
    find_ = reinterpret_cast<Find>(dlsym(library, "nvmlDeviceGetHandleByPciBusId_v2"));
    list_ = reinterpret_cast<List>(dlsym(library, "nvmlDeviceGetComputeRunningProcesses_v3"));
    usable_ = init != nullptr && find_ != nullptr && list_ != nullptr && init() == 0;
  }

  int64_t Bytes(const char* pci_bus_id) const {
    void* device = nullptr;
    if (!usable_ || find_(pci_bus_id, &device) != 0) return -1;
    unsigned count = 1024;
    std::vector<Process> processes(count);
    if (list_(device, &count, processes.data()) != 0) return -1;
    for (unsigned i = 0; i < count; ++i) {
      if (processes[i].pid != static_cast<unsigned>(getpid())) continue;
      if (processes[i].bytes == ~0ull) return -1;  // NVML_VALUE_NOT_AVAILABLE
      return static_cast<int64_t>(processes[i].bytes);
    }
    return -1;  // another name space of processes
  }

 private:
  struct Process {  // nvmlProcessInfo_v2_t, which ..._v3 fills
    unsigned pid;
    unsigned long long bytes;
    unsigned gpu_instance;
    unsigned compute_instance;
  };
  using Find = int (*)(const char*, void**);
  using List = int (*)(void*, unsigned*, Process*);

  Find find_ = nullptr;
  List list_ = nullptr;
  bool usable_ = false;
};

absl::StatusCode CodeOf(CUresult result) {
  switch (result) {
    case kErrorOutOfMemory:
      return absl::StatusCode::kResourceExhausted;
    case kErrorStubLibrary:
    case kErrorNoDevice:
    case kErrorSystemDriverMismatch:
      return absl::StatusCode::kUnavailable;
    case kErrorInvalidImage:
    case kErrorNoBinaryForGpu:
    case kErrorInvalidPtx:
    case kErrorJitCompilerNotFound:
    case kErrorUnsupportedPtxVersion:
    case kErrorJitCompilationDisabled:
    case kErrorLaunchOutOfResources:
      return absl::StatusCode::kFailedPrecondition;
    case kErrorNotFound:
      return absl::StatusCode::kDataLoss;
    case kErrorNotSupported:
      return absl::StatusCode::kUnimplemented;
    default:
      break;
  }
  const bool capture = result >= kErrorStreamCaptureUnsupported && result <= kErrorStreamCaptureWrongThread;
  return capture ? absl::StatusCode::kUnimplemented : absl::StatusCode::kInternal;
}

}  // namespace

absl::Status Driver::Check(CUresult result, const char* call) const {
  if (result == kSuccess) return absl::OkStatus();
  const char* name = nullptr;
  const char* text = nullptr;
  if (!cuGetErrorName || cuGetErrorName(result, &name) != kSuccess) name = nullptr;
  if (!cuGetErrorString || cuGetErrorString(result, &text) != kSuccess) text = nullptr;
  std::string message = absl::StrCat(call, ": ", name == nullptr ? "unknown error" : name, " (", result, ")");
  if (text != nullptr) absl::StrAppend(&message, ", ", text);
  if (IsSticky(result)) {
    absl::StrAppend(&message, "; the device's context is lost: end the process, nothing more can run on it");
  }
  return absl::Status(CodeOf(result), message);
}

bool IsSticky(CUresult result) {
  switch (result) {
    case kErrorEccUncorrectable:
    case kErrorNvlinkUncorrectable:
    case kErrorContained:
    case kErrorIllegalAddress:
    case kErrorLaunchTimeout:
    case kErrorAssert:
    case kErrorHardwareStackError:
    case kErrorIllegalInstruction:
    case kErrorMisalignedAddress:
    case kErrorInvalidAddressSpace:
    case kErrorInvalidPc:
    case kErrorLaunchFailed:
      return true;
    default:
      return false;
  }
}

absl::StatusOr<std::shared_ptr<const Driver>> OpenDriverLibrary(const std::string& file) {
  // Never closed: the driver does not bear it.
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    return absl::UnavailableError(absl::StrCat("no NVIDIA driver: cannot open ", file, " (",
                                               reason == nullptr ? "unknown" : reason,
                                               "); plans for CUDA need a GPU and its driver, 525 or later"));
  }
  auto driver = std::make_shared<Driver>();
  std::string missing;
#define PLIMSOLL_FIND(member, name, ...) \
  if (!Find(library, name, driver->member)) absl::StrAppend(&missing, missing.empty() ? "" : ", ", name);
  PLIMSOLL_CUDA_FUNCTIONS(PLIMSOLL_FIND)
#undef PLIMSOLL_FIND
  if (!missing.empty()) {
    return absl::UnavailableError(
        absl::StrCat("the NVIDIA driver in ", file, " is too old: it has no ", missing, "; 525 or later is needed"));
  }
#define PLIMSOLL_FIND(member, name, ...) Find(library, name, driver->member);
  PLIMSOLL_CUDA_OPTIONAL_FUNCTIONS(PLIMSOLL_FIND)
#undef PLIMSOLL_FIND
  driver->process_bytes = [](const char* pci_bus_id) {
    static const Management management;
    return management.Bytes(pci_bus_id);
  };
  return std::shared_ptr<const Driver>(std::move(driver));
}

absl::StatusOr<std::shared_ptr<const Driver>> OpenDriver() {
  static const auto* driver = new absl::StatusOr<std::shared_ptr<const Driver>>([] {
    auto opened = OpenDriverLibrary(kLibrary);
    if (!opened.ok()) return opened;
    if (absl::Status status = (*opened)->Check((*opened)->cuInit(0), "cuInit"); !status.ok()) {
      return absl::StatusOr<std::shared_ptr<const Driver>>(absl::UnavailableError(
          absl::StrCat("the NVIDIA driver finds no usable GPU: ", std::string(status.message()))));
    }
    return opened;
  }());
  return *driver;
}

}  // namespace plimsoll::runtime::cuda
