#ifndef PLIMSOLL_PASSES_SCHEDULE_PAGE_H_
#define PLIMSOLL_PASSES_SCHEDULE_PAGE_H_

#include <string>

#include "passes/schedule/json.h"
#include "passes/schedule/problem.h"

namespace plimsoll::schedule {

// A self-contained HTML page: memory over the steps of the order found, that of the order given beside it, the bound, and
// what is in memory at the peak.
std::string Page(const NamedProblem& named, const Solution& solution);

}  // namespace plimsoll::schedule

#endif  // PLIMSOLL_PASSES_SCHEDULE_PAGE_H_
