// NVVM's intrinsics as functions of the host.
#pragma once

#include <map>
#include <string>

namespace plimsoll::codegen {

// By the name behind "llvm.nvvm."; flushing of subnormals is left out.
const std::map<std::string, void*>& HostIntrinsics();

}  // namespace plimsoll::codegen
