// The hardware catalogue as plain data, for a command line that links no catalogue.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace plimsoll::compiler {

struct GpuInfo {
  struct Figure {
    std::string name;      // "memory_bytes", "tensor bf16", ...
    double value = 0;      // bytes, bytes a second, operations a second, a count
    std::string unit;      // "B", "B/s", "op/s", ""
    std::string source;
  };
  std::string name, full_name, architecture;   // "h200", "NVIDIA H200 SXM 141GB", "sm_90"
  std::vector<std::string> aliases;
  int64_t budget_bytes = 0;                    // memory less reserve: what a plan may take
  std::vector<Figure> figures;
};

// All entries, or the one of this name or alias. kInvalidArgument names what there is.
absl::StatusOr<std::vector<GpuInfo>> Gpus(const std::string& name);

}  // namespace plimsoll::compiler
