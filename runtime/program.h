// A plan with its weights, ready for sessions: immutable, shared by any number of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ir/plan/artefact.h"
#include "runtime/device/device.h"
#include "runtime/executor.h"

namespace plimsoll::runtime {

struct LoadOptions {
  // Where external weights' files are; empty: beside the artefact.
  std::string weights_directory;
  // Compare the weights' bytes with the checksums in the plan: reads them all once.
  bool verify_weights = true;
  // Refuse a plan whose peak is more than this. Negative: the memory at hand; 0: no check.
  int64_t memory_limit_bytes = -1;
  // What to run on; null: the device of this machine that the plan is for.
  std::shared_ptr<Device> device;
  // The ranks of a plan for several, each of which loads it, at the same time, with its own end. Loading and creating a
  // session wait for the others; a load, a session's creation or a run that fails or is cancelled ends the communicator
  // for all of them. Null for plans for one rank.
  std::shared_ptr<collective::Communicator> communicator;
  // CUDA: the caller's device memory, for the parameters and the first session, in place of memory of the program's
  // own. As large as Program::RequiredBytes says; outlives program and sessions.
  void* memory = nullptr;
  int64_t memory_bytes = 0;
  // CUDA: launch what needs nothing of the host as graphs; else command by command.
  bool graphs = true;
  // CUDA: wait for each command, so that an error of the GPU names the one that it comes from. Slow.
  bool check_every_command = false;
  // CUDA: time the libraries' algorithms when a session is made, and keep the fastest of each operation. Takes a second or more.
  bool tune = false;
};

// What a program takes of a device, where that is not the host's memory.
struct DeviceUsage {
  int64_t planned_bytes = 0;            // parameters and the larger of load's and a session's arenas
  int64_t planned_reserve_bytes = 0;    // for driver and libraries
  int64_t measured_reserve_bytes = -1;  // what these took; negative: unknown
};

class Program {
 public:
  // Validates the plan, opens weights and kernels, and runs the load program. kDataLoss where the artefact is damaged
  // or the plan breaks a constraint, kNotFound where weights are missing, kResourceExhausted where the plan's peak is
  // more than the memory at hand, or with what driver and libraries took more than the plan's budget;
  // kFailedPrecondition where this CPU or GPU cannot run it, where the communicator's ranks are not as many as the plan's, or
  // have loaded another plan; kUnavailable where there is no GPU.
  static absl::StatusOr<std::shared_ptr<const Program>> Load(const std::string& path, const LoadOptions& options = {});
  static absl::StatusOr<std::shared_ptr<const Program>> Load(plan::Artefact artefact, const LoadOptions& options = {});

  // Bytes and alignment of LoadOptions::memory.
  static int64_t RequiredBytes(const plan::Plan& plan);
  static int64_t RequiredAlignment(const plan::Plan& plan);

  const plan::Plan& plan() const { return artefact_.plan(); }
  Device& device() const { return *device_; }

  // Counters. Weights that `run` reads where the model's author put them, and those that `load` made.
  int64_t mapped_weight_bytes() const { return mapped_weight_bytes_; }
  int64_t parameters_bytes() const { return parameters_bytes_; }
  int64_t resident_weight_bytes() const { return mapped_weight_bytes_ + parameters_bytes_; }
  DeviceUsage device_usage() const;
  // Library calls of `load` that the plan's own kernels computed; those of `run` are Session::fallbacks.
  const std::vector<Fallback>& load_fallbacks() const { return load_fallbacks_; }

 private:
  friend class Session;

  explicit Program(plan::Artefact artefact) : artefact_(std::move(artefact)) {}

  static absl::StatusOr<std::shared_ptr<const Program>> LoadForRank(plan::Artefact artefact,
                                                                    const LoadOptions& options);
  absl::Status CheckRanks(const LoadOptions& options) const;
  absl::Status LoadOnDevice(const LoadOptions& options);
  absl::Status MakeGroups(const LoadOptions& options);
  // kFailedPrecondition where another rank has another plan or other code.
  absl::Status CompareWithOtherRanks(collective::Communicator& world) const;
  absl::Status CheckMemory(const LoadOptions& options) const;
  absl::Status OpenCode();
  absl::Status LocateWeights(const LoadOptions& options);
  absl::Status AllocateMemory(const LoadOptions& options);
  absl::Status RunLoadProgram();
  // Looks at what driver and libraries have taken by now; kResourceExhausted where that breaks the plan's budget.
  absl::Status MeasureReserve() const;
  // Ranks pair what their sessions run by the order alone: one session at a time, where they do. False: there is one.
  bool TakeRanks() const;
  void ReturnRanks() const { ranks_taken_.store(false); }
  // Tells the other ranks, and what waits for them here.
  void EndRanks(const absl::Status& reason) const;
  // The place of the first session's arenas, if no session has it; and back.
  std::byte* TakeSessionPlace() const;
  void ReturnSessionPlace() const { session_place_taken_.store(false); }

  plan::Artefact artefact_;
  std::shared_ptr<Device> device_;
  ExecutorOptions executor_options_;
  std::unique_ptr<weights::WeightStore> store_;
  std::vector<std::unique_ptr<Code>> code_;
  // The PARAMETERS arenas, and, on a device of its own memory, behind them load's scratch, later the first session's.
  Block block_;
  std::byte* base_ = nullptr;
  Block host_block_;  // the PARAMETERS arenas of the host
  // Copies of weights that lie where the plan's alignment does not hold.
  std::vector<Block> realigned_;
  std::unique_ptr<collective::Groups> groups_;
  Memory memory_;
  int64_t mapped_weight_bytes_ = 0;
  int64_t parameters_bytes_ = 0;
  std::vector<Fallback> load_fallbacks_;
  Device::Usage before_;  // anything was loaded
  int64_t callers_bytes_ = 0;
  mutable std::atomic<int64_t> measured_reserve_{-1};
  mutable std::atomic<bool> session_place_taken_{false};
  mutable std::atomic<bool> ranks_taken_{false};
};

}  // namespace plimsoll::runtime
