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

// Whether oneDNN has nothing but its reference loops for `pd`, a thousand times slower.
bool IsReference(const dnnl::primitive_desc_base& pd);
// kUnimplemented where that is so for an operation on bf16 or f16 without post-ops: in f32, between casts, it is faster.
absl::Status RefuseSlowHalves(const dnnl::memory::desc& src, const dnnl::primitive_desc_base& pd,
                              const dnnl::post_ops& ops);

// Whether `pd` is such and `ops` can be run after the operation instead.
bool RunsBetterApart(const dnnl::primitive_desc_base& pd, const dnnl::post_ops& ops);

// Runs `ops` as primitives of their own, in place on `dst`. `arguments` as AppendPostOps gave them.
void AddPostOpSteps(const dnnl::post_ops& ops, const std::vector<Step::Argument>& arguments,
                    const dnnl::memory::desc& dst, int dst_operand, Recipe& recipe);

}  // namespace plimsoll::runtime::onednn
