// The host's processor as a device: its memory is the host's, and work is done when the call returns.
#pragma once

#include <memory>

#include "runtime/device/device.h"

namespace plimsoll::runtime::cpu {

std::shared_ptr<Device> CpuDevice();

}  // namespace plimsoll::runtime::cpu
