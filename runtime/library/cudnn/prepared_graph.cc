#include "runtime/library/cudnn/prepared_graph.h"

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::cudnn {

using backend::Attribute;
using backend::DescriptorType;

namespace {

// Plans in use, by the context that they are made in, the graph and the workspace that is left to them.
class PlansInUse {
 public:
  using Key = std::tuple<const void*, std::string, int64_t>;

  std::shared_ptr<const GraphPlan> Find(const Key& key) {
    std::lock_guard lock(mutex_);
    const auto found = plans_.find(key);
    return found == plans_.end() ? nullptr : found->second.lock();
  }
  void Add(const Key& key, const std::shared_ptr<const GraphPlan>& plan) {
    std::lock_guard lock(mutex_);
    std::erase_if(plans_, [](const auto& known) { return known.second.expired(); });
    plans_[key] = plan;
  }

 private:
  std::mutex mutex_;
  std::map<Key, std::weak_ptr<const GraphPlan>> plans_;
};

PlansInUse& Plans() {
  static auto& plans = *new PlansInUse;
  return plans;
}

}  // namespace

PreparedGraph::PreparedGraph(Graph graph, const GraphSettings& settings, nvidia::Alignments alignments,
                             std::shared_ptr<Context> context)
    : settings_(settings),
      alignments_(std::move(alignments)),
      context_(std::move(context)),
      graph_(std::make_shared<Graph>(std::move(graph))) {
  for (const auto& [tensor, value] : graph_->scalars()) scalars_.push_back(value);
  workspace_limit_ =
      static_cast<int64_t>(alignments_.Usable(settings_.operands, settings_.workspace_bytes, kWorkspaceAlignment));
}

absl::StatusOr<std::unique_ptr<PreparedGraph>> PreparedGraph::Make(Graph graph, const GraphSettings& settings,
                                                                   const PrepareOptions& options) {
  absl::StatusOr<nvidia::Alignments> alignments =
      nvidia::Alignments::Make(options.alignments, settings.operands + (settings.workspace_bytes > 0 ? 1 : 0));
  if (!alignments.ok()) return alignments.status();
  if (alignments->Least() < nvidia::kOperandAlignment) {
    return absl::UnimplementedError("cuDNN's kernels want operands at multiples of 16 bytes");
  }
  absl::StatusOr<std::shared_ptr<Context>> context = Context::Of(&graph.api(), options.device, "cudnnCreate");
  if (!context.ok()) return context.status();
  std::unique_ptr<PreparedGraph> prepared(
      new PreparedGraph(std::move(graph), settings, *std::move(alignments), *std::move(context)));
  {
    std::lock_guard lock(prepared->context_->mutex());
    const PlansInUse::Key key{prepared->context_.get(), settings.key, prepared->workspace_limit_};
    if (options.tuner == nullptr && (prepared->plan_ = Plans().Find(key)) != nullptr) return prepared;
    absl::Status status = prepared->FindEngines();
    if (status.ok()) status = prepared->UseFirst();
    if (!status.ok()) {
      // Whatever keeps every engine from running the graph here is the fallback's matter.
      return absl::UnimplementedError(
          absl::StrCat("cuDNN has no engine here for ", settings.description, ": ", status.message()));
    }
    if (options.tuner == nullptr) Plans().Add(key, prepared->plan_);
  }
  if (options.tuner == nullptr) return prepared;
  if (absl::Status status = prepared->Tune(*options.tuner); !status.ok()) return status;
  return prepared;
}

// Those within the limits, in the order in which they are tried.
absl::Status PreparedGraph::FindEngines() {
  if (absl::Status status = graph_->Finalize(device()); !status.ok()) return status;
  absl::StatusOr<std::vector<EngineConfiguration>> engines = EnginesOf(*graph_, device());
  if (!engines.ok()) return engines.status();
  const size_t offered = engines->size();
  engines_ = Wanted(*std::move(engines), {settings_.allows_tensor_cores, workspace_limit_});
  if (!engines_.empty()) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(offered, " engines, none of which is deterministic, precise and within ",
                                               workspace_limit_, " bytes of workspace"));
}

// The first whose plan can be made.
absl::Status PreparedGraph::UseFirst() {
  absl::Status status = absl::UnimplementedError("no engine");
  for (const EngineConfiguration& engine : engines_) {
    absl::StatusOr<Descriptor> plan = MakePlan(engine, device(), workspace_limit_);
    if (plan.ok()) {
      plan_ = std::make_shared<GraphPlan>(graph_, *std::move(plan));
      return absl::OkStatus();
    }
    status = plan.status();
  }
  return status;
}

// Keeps the fastest; those that do not run are passed over.
absl::Status PreparedGraph::Tune(Tuner& tuner) {
  double best = std::numeric_limits<double>::infinity();
  std::shared_ptr<const GraphPlan> fastest;
  for (const EngineConfiguration& engine : engines_) {
    {
      std::lock_guard lock(context_->mutex());
      absl::StatusOr<Descriptor> plan = MakePlan(engine, device(), workspace_limit_);
      if (!plan.ok()) continue;
      plan_ = std::make_shared<GraphPlan>(graph_, *std::move(plan));
    }
    absl::StatusOr<double> seconds =
        tuner.Seconds([&](absl::Span<void* const> operands, StreamHandle stream) { return Run(operands, stream); });
    if (!seconds.ok() || *seconds >= best) continue;
    best = *seconds;
    fastest = std::move(plan_);
  }
  if (fastest) {
    plan_ = std::move(fastest);
    return absl::OkStatus();
  }
  std::lock_guard lock(context_->mutex());
  return UseFirst();
}

absl::Status PreparedGraph::MakePack(absl::Span<void* const> operands) {
  const nvidia::Block workspace = nvidia::Aligned(settings_.workspace_bytes > 0 ? operands.back() : nullptr,
                                                  settings_.workspace_bytes, kWorkspaceAlignment);
  std::vector<int64_t> ids;
  std::vector<void*> addresses;
  for (const auto& [tensor, operand] : graph_->operands()) {
    ids.push_back(tensor.id);
    addresses.push_back(operands[operand]);
  }
  for (size_t i = 0; i < scalars_.size(); ++i) {
    ids.push_back(graph_->scalars()[i].first.id);
    addresses.push_back(&scalars_[i]);
  }
  pack_.reset();
  Descriptor pack(graph_->api(), DescriptorType::kVariantPack);
  absl::Status status = pack.Set(Attribute::kPackUniqueIds, ids)
                            .SetAddresses(Attribute::kPackDataPointers, addresses)
                            .SetAddress(Attribute::kPackWorkspace, workspace.address)
                            .Finalize();
  if (!status.ok()) return status;
  pack_ = std::move(pack);
  packed_.assign(operands.begin(), operands.end());
  return absl::OkStatus();
}

absl::Status PreparedGraph::Run(absl::Span<void* const> operands, StreamHandle stream) {
  if (absl::Status status = alignments_.Check(operands, "cuDNN"); !status.ok()) return status;
  if (!pack_ || !std::equal(operands.begin(), operands.end(), packed_.begin(), packed_.end())) {
    if (absl::Status status = MakePack(operands); !status.ok()) return status;
  }
  const Api& api = graph_->api();
  std::lock_guard lock(context_->mutex());
  if (absl::Status status = ToStatus(api, api.SetStream(context_->handle(), stream), "cudnnSetStream"); !status.ok())
    return status;
  return ToStatus(api, api.BackendExecute(context_->handle(), plan_->descriptor.get(), pack_->get()),
                  "cudnnBackendExecute");
}

}  // namespace plimsoll::runtime::cudnn
