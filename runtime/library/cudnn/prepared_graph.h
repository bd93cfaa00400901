// Any graph of cuDNN as a prepared operation: an engine is chosen, its plan made, and run with each run's addresses.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/library/cudnn/api.h"
#include "runtime/library/cudnn/descriptor.h"
#include "runtime/library/cudnn/engines.h"
#include "runtime/library/cudnn/graph.h"
#include "runtime/library/library.h"
#include "runtime/library/nvidia/address.h"
#include "runtime/library/nvidia/context.h"

namespace plimsoll::runtime::cudnn {

inline constexpr int64_t kWorkspaceAlignment = 256;

struct GraphSettings {
  int operands = 0;                 // of the plan's operation, without the workspace
  int64_t workspace_bytes = 0;      // as the plan has them, from 0 on
  bool allows_tensor_cores = true;  // EngineLimits
  std::string description;          // for messages: "a convolution of ..."
  std::string key;                  // the same for equal graphs alone
};

// A finalized execution plan and the graph that it runs.
struct GraphPlan {
  std::shared_ptr<const Graph> graph;
  Descriptor descriptor;
};

class PreparedGraph : public PreparedOp {
 public:
  // `graph` is built, not finalized. On one device, equal graphs that are not tuned share a plan, which may take
  // seconds to make. kUnimplemented where no engine is within the limits, or where options.alignments has less than 16.
  static absl::StatusOr<std::unique_ptr<PreparedGraph>> Make(Graph graph, const GraphSettings& settings,
                                                             const PrepareOptions& options);

  absl::Status Run(absl::Span<void* const> operands, StreamHandle stream) override;
  int64_t workspace_bytes() const override { return settings_.workspace_bytes; }
  int operand_count() const override { return settings_.operands + (settings_.workspace_bytes > 0 ? 1 : 0); }

 private:
  using Context = nvidia::Context<Api, Handle>;

  PreparedGraph(Graph graph, const GraphSettings& settings, nvidia::Alignments alignments,
                std::shared_ptr<Context> context);

  Device device() const { return {context_->handle(), nullptr}; }
  absl::Status FindEngines();
  absl::Status UseFirst();
  absl::Status Tune(Tuner& tuner);
  absl::Status MakePack(absl::Span<void* const> operands);

  const GraphSettings settings_;
  const nvidia::Alignments alignments_;
  const std::shared_ptr<Context> context_;
  const std::shared_ptr<Graph> graph_;
  std::vector<float> scalars_;  // as graph_->scalars, where the library reads them
  std::vector<EngineConfiguration> engines_;
  int64_t workspace_limit_ = 0;  // what is left of the workspace behind its alignment
  std::shared_ptr<const GraphPlan> plan_;
  // The pack of the addresses that were last run with: plans that are not captured run with the same ones.
  std::optional<Descriptor> pack_;
  std::vector<void*> packed_;
};

}  // namespace plimsoll::runtime::cudnn
