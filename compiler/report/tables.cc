// The biggest tensors and the commands, as tables.
#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/report/parts.h"
#include "ir/plan/collective.h"
#include "ir/plan/types.h"

namespace plimsoll::report {
namespace {

constexpr size_t kBiggest = 40;
constexpr int kMostCommands = 5000;

std::string Detail(const plan::Plan& plan, const plan::Command& command) {
  if (command.has_launch()) return absl::StrCat(command.launch().symbol(), ", ", command.launch().tiles(), " tiles");
  if (command.has_collective()) return plan::ToString(plan, command.collective());
  if (command.has_host_call()) return command.host_call().function();
  if (!command.has_library_call()) return "";
  const plan::LibraryOp& op = command.library_call().op();
  switch (op.op_case()) {
    case plan::LibraryOp::kMatmul: return op.library() + " matmul";
    case plan::LibraryOp::kConvolution: return op.library() + " convolution";
    case plan::LibraryOp::kPool: return op.library() + " pool";
    case plan::LibraryOp::kRecurrent: return op.library() + " recurrent";
    case plan::LibraryOp::kPack: return op.library() + " pack";
    default: return op.library();
  }
}

}  // namespace

std::string BiggestTensors(const plan::Plan& plan) {
  std::vector<const plan::Buffer*> buffers;
  for (const plan::Buffer& buffer : plan.run().buffers()) buffers.push_back(&buffer);
  std::stable_sort(buffers.begin(), buffers.end(), [](const auto* a, const auto* b) { return a->size_bytes() > b->size_bytes(); });
  buffers.resize(std::min(buffers.size(), kBiggest));
  std::string html = "<table><tr><th>tensor<th>type<th>class<th class=n>bytes<th class=n>offset<th class=n>alive</tr>";
  for (const plan::Buffer* buffer : buffers) {
    absl::StrAppend(&html, "<tr><td>", Escape(buffer->name()), "<td>", buffer->has_type() ? Escape(plan::ToString(buffer->type())) : "", "<td>",
                    ClassLabel(buffer->memory_class()), "<td class=n>", buffer->size_bytes(), "<td class=n>",
                    buffer->has_weight() ? "mapped" : absl::StrCat(buffer->offset()), "<td class=n>[", buffer->first(), ", ",
                    buffer->last(), ")</tr>");
  }
  return html + "</table>";
}

std::string Ranks(const plan::Plan& plan) {
  std::string html = absl::StrCat("<p>", plan::RankCount(plan), " ranks run this plan together, each on a device of its own.</p>",
                                  "<table><tr><th>group<th class=n>parts<th class=n>ranks each</tr>");
  for (const plan::Group& group : plan.groups()) {
    absl::StrAppend(&html, "<tr><td>", Escape(group.name()), "<td class=n>", group.ranks_size() / group.part_size(), "<td class=n>",
                    group.part_size(), "</tr>");
  }
  absl::StrAppend(&html, "</table><table><tr><th>collective<th>reduction<th>group<th class=n>commands<th class=n>bytes a run</tr>");
  for (const plan::CollectiveUse& use : plan::CollectivesOf(plan.run())) {
    absl::StrAppend(&html, "<tr><td>", plan::Name(use.kind), "<td>", plan::Reduces(use.kind) ? plan::Name(use.reduction) : "", "<td>",
                    Escape(plan.groups(use.group).name()), "<td class=n>", use.commands, "<td class=n>", use.bytes, "</tr>");
  }
  return html + "</table>";
}

std::string Commands(const plan::Plan& plan) {
  std::string html = "<table><tr><th class=n>#<th>kind<th>what<th>node<th class=n>bytes touched<th class=n>FLOP</tr>";
  const int shown = std::min(plan.run().commands_size(), kMostCommands);
  for (int i = 0; i < shown; ++i) {
    const plan::Command& command = plan.run().commands(i);
    int64_t bytes = 0;
    for (const plan::Operand& operand : command.operands()) bytes += operand.length();
    absl::StrAppend(&html, "<tr><td class=n>", i, "<td>", CommandKind(command), "<td>", Escape(Detail(plan, command)), "<td>",
                    Escape(command.node()), "<td class=n>", bytes, "<td class=n>", absl::StrFormat("%.3g", command.flops()), "</tr>");
  }
  absl::StrAppend(&html, "</table>");
  if (shown < plan.run().commands_size()) absl::StrAppend(&html, "<p>", plan.run().commands_size() - shown, " more commands.</p>");
  return html;
}

}  // namespace plimsoll::report
