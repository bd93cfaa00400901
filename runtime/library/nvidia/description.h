// What the rules for NVIDIA's libraries share: descriptions of plans, which are read from disk, checked and completed.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ir/plan/library.pb.h"
#include "ir/plan/plan.pb.h"

namespace plimsoll::runtime::nvidia {

using Dims = std::vector<int64_t>;

// A tensor's dims with one stride each, in elements.
struct View {
  Dims dims, strides;
};

// The view of `desc` with leading dims of size 1 (stride 0) up to `rank`. kInvalidArgument where the strides do not
// match the dims, a size or stride is negative, or the elements span 2^62 or more.
absl::StatusOr<View> ViewOf(const plan::MemoryDesc& desc, int rank);

bool HasZeroElements(const plan::MemoryDesc& desc);

// 80 for sm_80. kInvalidArgument where it is none.
absl::StatusOr<int> ArchitectureOf(const plan::Target& target);

int64_t ElementBytes(plan::DataType type);

enum class Activation { kNone, kRelu, kGeluTanh };

// Post-operations of the form: one addend of the destination's shape, then one activation, either of which may be
// absent. Both libraries compute these in one call (after the bias), and no others.
struct Epilogue {
  enum class Addend { kNone, kDestination, kOperand };
  Addend addend = Addend::kNone;
  plan::MemoryDesc operand;  // kOperand: its description; it is the only operand of the post-operations
  Activation activation = Activation::kNone;
};

// kUnimplemented where the list has another form; the message names the first post-operation that does not fit.
absl::StatusOr<Epilogue> EpilogueOf(const google::protobuf::RepeatedPtrField<plan::PostOp>& list,
                                    const plan::MemoryDesc& dst);

}  // namespace plimsoll::runtime::nvidia
