#ifndef PLIMSOLL_PASSES_SCHEDULE_JSON_H_
#define PLIMSOLL_PASSES_SCHEDULE_JSON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "passes/schedule/problem.h"

namespace plimsoll::schedule {

// A problem and the names that its file gives to nodes and tensors, by index.
struct NamedProblem {
  Problem problem;
  std::vector<std::string> nodes;    // as JSON text: 7 or "conv"
  std::vector<std::string> tensors;  // as JSON text
  std::vector<std::string> names;    // of nodes, for people ("name"); may be empty
};

// Reads {"nodes":[{"id","inputs":[tensor],"outputs":[tensor],"workspace"}],"tensors":[{"id","size"}],
// "outputs":[tensor]}. Ids are integers or strings, each unique in its list; workspace and outputs may be absent; other
// keys are ignored. kInvalidArgument says where in the document, with its line, what is wrong. The problem has passed Check.
absl::StatusOr<NamedProblem> ReadProblem(absl::string_view json);
std::string WriteProblem(const NamedProblem& named);

// {"order":[id,...],"peak":..,"lower_bound":..,"proven_optimal":..}, with the ids of the problem.
std::string WriteSolution(const NamedProblem& named, const Solution& solution);
// `lower_bound` and `proven_optimal` may be absent.
absl::StatusOr<Solution> ReadSolution(const NamedProblem& named, absl::string_view json);

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_JSON_H_
