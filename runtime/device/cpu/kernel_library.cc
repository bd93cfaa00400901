#include "runtime/device/cpu/kernel_library.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::cpu {

absl::StatusOr<std::unique_ptr<KernelLibrary>> KernelLibrary::Open(std::span<const std::byte> bytes,
                                                                   const std::string& name) {
  const int file = memfd_create("plimsoll-kernels", MFD_CLOEXEC);
  if (file < 0) return absl::ResourceExhaustedError(absl::StrCat("memfd_create: ", std::strerror(errno)));
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      const int error = errno;
      close(file);
      return absl::ResourceExhaustedError(absl::StrCat("cannot keep ", name, " in memory: ", std::strerror(error)));
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  void* handle = dlopen(absl::StrCat("/proc/self/fd/", file).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    close(file);
    return absl::DataLossError(absl::StrCat("cannot open ", name, ": ", reason == nullptr ? "unknown" : reason));
  }
  return std::unique_ptr<KernelLibrary>(new KernelLibrary(name, file, handle));
}

KernelLibrary::~KernelLibrary() {
  dlclose(handle_);
  close(file_);
}

absl::StatusOr<Kernel> KernelLibrary::Find(const std::string& symbol) const {
  void* address = dlsym(handle_, symbol.c_str());
  if (address == nullptr) return absl::DataLossError(absl::StrCat(name_, " does not define '", symbol, "'"));
  return reinterpret_cast<Kernel>(address);
}

}  // namespace plimsoll::runtime::cpu
