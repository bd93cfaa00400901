// Kernels of a plan on a GPU: assembled code where it fits, else text that the driver compiles.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "runtime/device/cuda/context.h"

namespace plimsoll::runtime::cuda {

// The compute capability that "sm_80" names: 80. -1 where it is no such name.
int CapabilityOf(const std::string& architecture);

// Code assembled for a capability runs on that one and on later ones of the same generation (8.0 on 8.6, not on 9.0);
// text runs on it and on all later ones.
bool BinaryFits(int architecture, int capability);
bool TextFits(int architecture, int capability);

// `binary` where it fits and the driver takes it, else `text`, whose errors hold what the driver's compiler says.
// kFailedPrecondition where neither fits. The context is current.
absl::StatusOr<std::unique_ptr<Code>> OpenModule(ContextPointer context, const plan::Code& code,
                                                 const plan::Target& target, std::span<const std::byte> text,
                                                 std::span<const std::byte> binary);

}  // namespace plimsoll::runtime::cuda
