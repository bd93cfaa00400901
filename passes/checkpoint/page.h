#ifndef PLIMSOLL_PASSES_CHECKPOINT_PAGE_H_
#define PLIMSOLL_PASSES_CHECKPOINT_PAGE_H_

#include <string>

#include "absl/types/span.h"
#include "passes/checkpoint/json.h"
#include "passes/checkpoint/solver.h"

namespace plimsoll::checkpoint {

// A self-contained HTML page: for each budget that was met, memory over the steps of the sequence with the budget as a
// line and the steps that compute something again marked, and the costliest of these.
std::string Page(const NamedProblem& named, absl::Span<const Answer> answers);

}  // namespace plimsoll::checkpoint

#endif  // PLIMSOLL_PASSES_CHECKPOINT_PAGE_H_
