// Inline assembly that a warp's lanes execute together, or that goes on beside them, as calls of fibers.h: products of
// tensor cores (mma), their fragments (ldmatrix), asynchronous copies (cp.async).
#pragma once

#include <functional>
#include <string>

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Instructions.h"

namespace plimsoll::codegen {

// A function of the host under a name that modules may share.
using DeclareHost =
    std::function<llvm::FunctionCallee(const std::string& name, void* address, llvm::FunctionType* type)>;

constexpr char kWaitForCopies[] = "cp.async.wait_all;";

// `name`: the instruction, up to its first space. False: it is none of these, nothing is changed. Else the call has no
// users any more; the caller erases it.
bool ReplaceWarpAssembly(llvm::IRBuilder<>& b, llvm::CallInst& call, const std::string& name, const DeclareHost& host);

}  // namespace plimsoll::codegen
