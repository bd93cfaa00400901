#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/codegen/cuda/cuda.h"
#include "passes/cost/hardware.h"

#ifndef PLIMSOLL_CUDA_FOLDER
#define PLIMSOLL_CUDA_FOLDER ""
#endif

namespace plimsoll::codegen {
namespace {

struct Architecture {
  int capability;
  int text;             // the latest that LLVM 19 writes text for
  int multiprocessors;  // NVIDIA's data sheets, of the GPU named; 0: the hardware catalogue has one
  const char* last_toolkit;
};
// CUDA 13 assembles from sm_75 on.
constexpr Architecture kArchitectures[] = {
    {60, 60, 56, "12.9"},  // P100
    {61, 61, 28, "12.9"},  // GTX 1080 Ti
    {70, 70, 80, "12.9"},  // V100
    {75, 75, 0, ""},       // T4
    {80, 80, 0, ""},       // A100
    {86, 86, 0, ""},       // RTX 3060
    {87, 87, 16, ""},      // Orin
    {89, 89, 0, ""},       // RTX 4090
    {90, 90, 0, ""},       // H100, H200
    {100, 90, 0, ""},      // B200
    {120, 90, 170, ""},    // RTX 5090
};

// The most that a GPU of the catalogue has, of the architecture.
int MultiprocessorsOf(const Architecture& known) {
  int most = known.multiprocessors;
  for (const hardware::Gpu& gpu : hardware::Catalogue())
    if (10 * gpu.capability_major() + gpu.capability_minor() == known.capability)
      most = std::max(most, static_cast<int>(gpu.multiprocessors().value()));
  return most;
}

}  // namespace

absl::StatusOr<CudaTarget> ResolveCuda(const std::string& arch) {
  std::vector<std::string> names;
  for (const Architecture& known : kArchitectures) {
    names.push_back(absl::StrCat("sm_", known.capability));
    if (names.back() == arch)
      return CudaTarget{arch, absl::StrCat("sm_", known.text), known.capability, MultiprocessorsOf(known),
                        /*tf32=*/false, known.last_toolkit};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no CUDA architecture '", arch, "': there are ", absl::StrJoin(names, ", ")));
}

CudaToolkit FindCudaToolkit() {
  namespace fs = std::filesystem;
  std::vector<std::string> folders;
  if (const char* named = std::getenv("PLIMSOLL_CUDA"))
    folders.push_back(named);
  else
    folders = {PLIMSOLL_CUDA_FOLDER, "/usr/local/cuda"};
  CudaToolkit toolkit;
  std::error_code ignored;
  for (const std::string& folder : folders) {
    const std::string libdevice = folder + "/nvvm/libdevice/libdevice.10.bc", ptxas = folder + "/bin/ptxas";
    if (toolkit.libdevice.empty() && fs::exists(libdevice, ignored)) toolkit.libdevice = libdevice;
    if (toolkit.ptxas.empty() && fs::exists(ptxas, ignored)) toolkit.ptxas = ptxas;
  }
  return toolkit;
}

}  // namespace plimsoll::codegen
