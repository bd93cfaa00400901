// plan::PostOp to oneDNN's post-ops.
#pragma once

#include <vector>

#include "runtime/library/onednn/primitive_op.h"

namespace plimsoll::runtime::onednn {

using PostOpList = google::protobuf::RepeatedPtrField<plan::PostOp>;

// How many operands of the call belong to `list`.
int PostOpOperands(const PostOpList& list);

// Appends `list` to `ops`. BINARY operands are the call's operands from `operand` on, brought to `rank` dimensions; what
// the primitive then takes is appended to `arguments`.
absl::Status AppendPostOps(const PostOpList& list, int operand, int rank, dnnl::post_ops& ops,
                           std::vector<Step::Argument>& arguments);

}  // namespace plimsoll::runtime::onednn
