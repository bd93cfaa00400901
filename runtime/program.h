// A plan with its weights, ready for sessions: immutable, shared by any number of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ir/plan/artefact.h"
#include "runtime/device/cpu/arena.h"
#include "runtime/device/cpu/kernel_library.h"
#include "runtime/executor.h"

namespace plimsoll::runtime {

struct LoadOptions {
  // Where external weights' files are; empty: beside the artefact.
  std::string weights_directory;
  // Compare the weights' bytes with the checksums in the plan: reads them all once.
  bool verify_weights = true;
  // Refuse a plan whose peak is more than this. Negative: the memory at hand; 0: no check.
  int64_t memory_limit_bytes = -1;
};

class Program {
 public:
  // Validates the plan, opens weights and kernels, and runs the load program. kDataLoss where the artefact is damaged or
  // the plan breaks a constraint, kNotFound where weights are missing, kResourceExhausted where the plan's peak is more
  // than the memory at hand, kFailedPrecondition where this CPU cannot run it, kUnimplemented for other devices.
  static absl::StatusOr<std::shared_ptr<const Program>> Load(const std::string& path, const LoadOptions& options = {});
  static absl::StatusOr<std::shared_ptr<const Program>> Load(plan::Artefact artefact, const LoadOptions& options = {});

  const plan::Plan& plan() const { return artefact_.plan(); }

  // Counters. Weights that `run` reads where the model's author put them, and those that `load` made.
  int64_t mapped_weight_bytes() const { return mapped_weight_bytes_; }
  int64_t parameters_bytes() const { return parameters_bytes_; }
  int64_t resident_weight_bytes() const { return mapped_weight_bytes_ + parameters_bytes_; }

 private:
  friend class Session;

  explicit Program(plan::Artefact artefact) : artefact_(std::move(artefact)) {}

  absl::Status CheckTarget() const;
  absl::Status CheckMemory(const LoadOptions& options) const;
  absl::Status OpenCode();
  absl::Status LocateWeights(const LoadOptions& options);
  absl::Status RunLoadProgram();

  plan::Artefact artefact_;
  std::unique_ptr<weights::WeightStore> store_;
  std::vector<std::unique_ptr<cpu::KernelLibrary>> code_;
  // PARAMETERS arenas by arena index, empty at other indices.
  std::vector<cpu::Arena> parameters_;
  // Copies of weights that lie where the plan's alignment does not hold.
  std::vector<cpu::Arena> realigned_;
  Memory memory_;
  int64_t mapped_weight_bytes_ = 0;
  int64_t parameters_bytes_ = 0;
};

// The arenas of `scope`, made; others are empty.
absl::StatusOr<std::vector<cpu::Arena>> CreateArenas(const plan::Plan& plan, plan::Arena::Scope scope);

}  // namespace plimsoll::runtime
