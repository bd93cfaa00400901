#ifndef PLIMSOLL_PASSES_MEMORY_PAGE_H_
#define PLIMSOLL_PASSES_MEMORY_PAGE_H_

#include <string>

#include "passes/memory/csv_io.h"
#include "passes/memory/problem.h"

namespace plimsoll::memory {

// A self-contained HTML page (no scripts, no outside resources): for each arena its buffers as boxes over time and
// addresses, the load (sum of the sizes alive) as a line, the capacity if there is one. The solution is valid.
std::string Page(const CsvProblem& named, const Solution& solution);

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_PAGE_H_
