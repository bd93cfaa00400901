#ifndef PLIMSOLL_PASSES_CHECKPOINT_JSON_H_
#define PLIMSOLL_PASSES_CHECKPOINT_JSON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "passes/checkpoint/problem.h"
#include "passes/checkpoint/solver.h"

namespace plimsoll::checkpoint {

// A problem, the names that its file gives to nodes, by index, and the budgets.
struct NamedProblem {
  Problem problem;
  std::vector<std::string> nodes;  // as JSON text: 7 or "conv"
  std::vector<int64_t> budgets;    // bytes; empty where the file names none
};

// Reads {"nodes":[{"id","cost","size"}],"edges":[[from,to]],"order":[id],"outputs":[id],"budget":bytes or [bytes]}. Ids
// are unique integers or strings. Without `order` it is free; without `outputs` it is the last node of the order, or,
// where that is free, every node that nobody reads. A node may have "workspace" (bytes) and "once" (true: it must not
// be computed again). Other keys are ignored. kInvalidArgument says what is wrong where in the document, with the line.
// The problem has passed Check.
absl::StatusOr<NamedProblem> ReadProblem(absl::string_view json);
std::string WriteProblem(const NamedProblem& named);

// {"sequence":[id,...],"peak":..,"cost":..,"lower_bound":..,"proven_optimal":..}, with the ids of the problem; for
// several budgets {"solutions":[{"budget":..,"sequence":..},...]}, where a budget without one has "error".
std::string WriteAnswers(const NamedProblem& named, absl::Span<const Answer> answers);
// The solution of one budget; `lower_bound` and `proven_optimal` may be absent.
absl::StatusOr<Solution> ReadSolution(const NamedProblem& named, absl::string_view json);

}  // namespace plimsoll::checkpoint

#endif  // PLIMSOLL_PASSES_CHECKPOINT_JSON_H_
