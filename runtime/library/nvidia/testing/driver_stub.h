// For tests without a GPU: what NVIDIA's libraries find of a driver.
#pragma once

#include <dlfcn.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::nvidia {

// Opens the driver, or the toolkit's stand-in for linkers ($PLIMSOLL_CUDA, or /usr/local/cuda), so that libraries which
// ask for it before they answer do so. Nothing can be run with the latter. False where there is neither.
inline bool OpenDriverOrStub() {
  if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL) != nullptr) return true;
  const char* root = std::getenv("PLIMSOLL_CUDA");
  for (const char* folder : {"lib64", "lib"}) {
    const std::string stub = absl::StrCat(root != nullptr ? root : "/usr/local/cuda", "/", folder, "/stubs/libcuda.so");
    if (dlopen(stub.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr) return true;
  }
  return false;
}

}  // namespace plimsoll::runtime::nvidia
