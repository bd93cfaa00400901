// Builds small plans by hand, for tests: every buffer has a place of its own and lives through its program.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ir/plan/artefact.h"

namespace plimsoll::runtime::testing {

plan::TensorType Type(plan::DataType dtype, const std::vector<int64_t>& dims, const std::vector<int32_t>& slots = {});

class PlanBuilder {
 public:
  enum Arena { kParameters = 0, kSession = 1, kLoad = 2, kHostParameters = 3, kHostSession = 4, kHostLoad = 5 };

  PlanBuilder();

  plan::Plan& plan() { return contents_.plan; }
  plan::Program& run() { return *contents_.plan.mutable_run(); }
  plan::Program& load() { return *contents_.plan.mutable_load(); }

  // The shared object at `path` becomes code 0.
  void UseKernels(const std::string& path, const std::vector<std::string>& symbols);
  // The plan is for CUDA from now on, with the kernels' text (and, if given, the same assembled) as code 0. Launches
  // then have one block of 4 threads a tile.
  void UseCuda(const std::string& architecture, const std::string& text, const std::vector<std::string>& symbols,
               const std::string& binary = "");
  // Returns the weight's index. `bytes` are copied.
  int AddWeight(const std::string& name, const plan::TensorType& type, const void* bytes);

  // These return the buffer's index in `program`.
  int AddBuffer(plan::Program& program, const std::string& name, const plan::TensorType& type, Arena arena = kSession);
  int AddWorkspace(plan::Program& program, int64_t bytes, Arena arena = kSession);
  int AddWeightBuffer(plan::Program& program, int weight);
  // The same bytes of the PARAMETERS arena, seen by `run`.
  int ShareParameter(int load_buffer);

  // A command that reads and writes whole buffers.
  plan::Command& Add(plan::Program& program, const std::string& node, const std::vector<int>& reads,
                     const std::vector<int>& writes);
  void Launch(plan::Program& program, const std::string& symbol, int64_t tiles, const std::vector<int>& reads,
              const std::vector<int>& writes);
  plan::Launch MakeLaunch(const std::string& symbol, int64_t tiles) const;
  void Copy(plan::Program& program, int from, int to);
  void Fill(plan::Program& program, int to, const std::string& pattern);

  // A partition of the plan's ranks, part after part; returns its index.
  int AddGroup(const std::string& name, int part_size, const std::vector<int>& ranks);
  // Of whole buffers; `collective` says the rest.
  plan::Command& Collective(plan::Program& program, const plan::Collective& collective, int from, int to);
  static plan::Collective MakeCollective(
      plan::Collective::Kind kind, int group, plan::DataType dtype,
      plan::Collective::Reduction reduction = plan::Collective::REDUCTION_UNSPECIFIED);
  // Commands of `stream` that come later wait for those of `from` that came before.
  void Order(plan::Program& program, int from, int stream);

  void Input(const std::string& name, int buffer);
  void Output(const std::string& name, int buffer);

  // x -> twice -> h -> increment -> y, 16 floats each: kernels that the code must have.
  void AddChain();

  // The file's bytes, certificate and lifetimes completed.
  absl::StatusOr<std::string> Serialize();
  absl::StatusOr<plan::Artefact> Finish();

 private:
  void AddArenas(plan::Arena::Space space);

  plan::ArtefactContents contents_;
  std::vector<std::string> weight_bytes_;
};

}  // namespace plimsoll::runtime::testing
