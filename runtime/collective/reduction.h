// Reductions of elements in the host's memory.
#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "ir/plan/plan.pb.h"

namespace plimsoll::runtime::collective {

// Element i of every destination becomes the reduction of elements i of the sources, 0 <= i < count, in the order of
// the sources: the same bytes whoever computes it. Destinations may be sources. f16 and bf16 are added in f32 and
// rounded once; integers modulo their range. MAX and MIN take a number before a NaN. The type has the reduction
// (plan::HasReduction).
void Reduce(plan::DataType dtype, plan::Collective::Reduction reduction, absl::Span<const void* const> sources,
            absl::Span<void* const> destinations, int64_t count);

}  // namespace plimsoll::runtime::collective
