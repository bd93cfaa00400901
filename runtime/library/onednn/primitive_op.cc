#include "runtime/library/onednn/primitive_op.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/library/onednn/engine.h"

namespace plimsoll::runtime::onednn {
namespace {

class PrimitiveOp : public PreparedOp {
 public:
  PrimitiveOp(const Recipe& recipe, int threads)
      : threads_(threads), operands_(recipe.operands), workspace_bytes_(recipe.workspace_bytes), stream_(Engine()) {
    steps_.resize(recipe.steps.size());
    for (size_t i = 0; i < recipe.steps.size(); ++i) {
      const Step& step = recipe.steps[i];
      ReadyStep& ready = steps_[i];
      ready.primitive = dnnl::primitive(step.pd->get());
      for (const Step::Argument& argument : step.arguments) {
        ready.memories.emplace_back(argument.desc, Engine(), nullptr);
        ready.places.push_back(argument.place);
        ready.arguments.push_back({argument.id, ready.memories.back().get()});
        const bool is_post_op = argument.id >= DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE || argument.id == DNNL_ARG_SRC_1;
        if (is_post_op && argument.place.operand >= 0) {
          post_op_pairs_.emplace_back(argument.place.operand, recipe.operands - 1);
        }
      }
    }
  }

  absl::Status Run(absl::Span<void* const> operands, StreamHandle) override {
    if (static_cast<int>(operands.size()) < operand_count()) {
      return absl::InvalidArgumentError(
          absl::StrCat("a library call got ", operands.size(), " operands and takes ", operand_count()));
    }
    // Products may be summed up in the destination before the post-ops read their operands.
    for (const auto& [post_op, destination] : post_op_pairs_) {
      if (operands[post_op] == operands[destination]) {
        return absl::InternalError(absl::StrCat("operand ", post_op, " of a library call, of a post-op, lies where its "
                                                "result is written; the plan must keep them apart"));
      }
    }
    ThreadCount threads(threads_);
    char* workspace = workspace_bytes_ > 0 ? static_cast<char*>(operands.back()) : nullptr;
    for (ReadyStep& step : steps_) {
      for (size_t i = 0; i < step.memories.size(); ++i) {
        const Place& place = step.places[i];
        void* data = place.operand >= 0 ? operands[place.operand] : workspace + place.workspace_offset;
        if (dnnl_status_t status = dnnl_memory_set_data_handle(step.memories[i].get(), data); status != dnnl_success) {
          return FromDnnl("setting an address", status);
        }
      }
      const dnnl_status_t status =
          dnnl_primitive_execute(step.primitive.get(), stream_.get(), static_cast<int>(step.arguments.size()),
                                 step.arguments.data());
      if (status != dnnl_success) return FromDnnl("running a primitive", status);
    }
    return absl::OkStatus();
  }

  int64_t workspace_bytes() const override { return workspace_bytes_; }
  int operand_count() const override { return operands_ + (workspace_bytes_ > 0 ? 1 : 0); }

 private:
  struct ReadyStep {
    dnnl::primitive primitive;
    std::vector<dnnl::memory> memories;
    std::vector<Place> places;
    std::vector<dnnl_exec_arg_t> arguments;
  };
  int threads_;
  int operands_;
  int64_t workspace_bytes_;
  dnnl::stream stream_;
  std::vector<ReadyStep> steps_;
  std::vector<std::pair<int, int>> post_op_pairs_;  // operand of a post-op, destination
};

}  // namespace

int64_t Recipe::Reserve(int64_t bytes) {
  const int64_t offset = (workspace_bytes + kWorkspaceAlignment - 1) / kWorkspaceAlignment * kWorkspaceAlignment;
  workspace_bytes = offset + bytes;
  return offset;
}

void Recipe::AddReorder(const dnnl::memory::desc& from, Place source, const dnnl::memory::desc& to,
                        Place destination) {
  auto pd = std::make_shared<dnnl::reorder::primitive_desc>(Engine(), from, Engine(), to, Attributes());
  AddPrimitive(std::move(pd), {{DNNL_ARG_FROM, from, source}, {DNNL_ARG_TO, to, destination}});
}

void Recipe::AddPrimitive(std::shared_ptr<dnnl::primitive_desc_base> pd, std::vector<Step::Argument> arguments) {
  const dnnl::memory::desc scratchpad = pd->scratchpad_desc();
  const int64_t bytes = static_cast<int64_t>(scratchpad.get_size());
  if (bytes > 0) arguments.push_back({DNNL_ARG_SCRATCHPAD, scratchpad, {-1, Reserve(bytes)}});
  steps.push_back({std::move(pd), std::move(arguments)});
}

Layout LayoutOf(const plan::MemoryDesc& desc, bool constant_weights) {
  if (desc.packed_bytes() > 0) return Layout::kPacked;
  return constant_weights ? Layout::kWish : Layout::kGiven;
}

absl::StatusOr<Place> PlaceWeights(Recipe& recipe, int index, const plan::MemoryDesc& desc, Layout layout,
                                   const dnnl::memory::desc& plain, const dnnl::memory::desc& chosen) {
  if (layout == Layout::kPacked) {
    if (static_cast<int64_t>(chosen.get_size()) != desc.packed_bytes()) {
      return absl::FailedPreconditionError(
          absl::StrCat("oneDNN packs operand ", index, " to ", chosen.get_size(), " bytes here, the plan has ",
                       desc.packed_bytes(), ": it was made for another instruction set, thread count or library"));
    }
    recipe.packed[index] = chosen;
    return Place{index};
  }
  if (chosen == plain) return Place{index};
  if (layout == Layout::kWish) {
    recipe.packed[index] = chosen;
    return Place{index};
  }
  Place copy{-1, recipe.Reserve(static_cast<int64_t>(chosen.get_size()))};
  recipe.AddReorder(plain, Place{index}, chosen, copy);
  return copy;
}

std::vector<Step::Argument> WithoutPostOps(const std::vector<Step::Argument>& arguments) {
  std::vector<Step::Argument> rest;
  for (const Step::Argument& argument : arguments) {
    if (argument.id < DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE) rest.push_back(argument);
  }
  return rest;
}

dnnl::primitive_attr Attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

absl::StatusOr<std::unique_ptr<PreparedOp>> MakePreparedOp(const Recipe& recipe, int threads) {
  std::unique_ptr<PreparedOp> op;
  absl::Status status = Guard("a library operation", [&] {
    ThreadCount scope(threads);
    op = std::make_unique<PrimitiveOp>(recipe, threads);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return op;
}

}  // namespace plimsoll::runtime::onednn
