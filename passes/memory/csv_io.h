// Problems and solutions as comma-separated files, in the format of the public suites.
#ifndef PLIMSOLL_PASSES_MEMORY_CSV_IO_H_
#define PLIMSOLL_PASSES_MEMORY_CSV_IO_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "passes/memory/problem.h"

namespace plimsoll::memory {

// A problem with what its file said beyond it.
struct CsvProblem {
  Problem problem;
  std::vector<std::string> ids;  // By buffer, unique.
  bool has_alignment = false;
  bool has_fixed_offset = false;
  bool has_arena = false;
};

// Reads "id,lower,upper,size" and, where they are, "alignment", "fixed_offset" (empty: free) and "arena" (a number),
// the columns in any order, others ignored; [lower, upper) is half-open, sizes are in bytes. Blank lines, a byte order
// mark and carriage returns are accepted. kInvalidArgument names the line (counted from 1) and the reason.
absl::StatusOr<CsvProblem> ParseCsv(absl::string_view text);

// ParseCsv on a file, plain or gzip. kNotFound or kUnavailable if it cannot be read, kDataLoss if its gzip stream is
// broken; every message names the file.
absl::StatusOr<CsvProblem> ReadCsv(const std::string& path);

// The columns of the problem, then "offset", a line for each buffer in the order read.
std::string FormatCsv(const CsvProblem& problem, const Solution& solution);

// FormatCsv to a file, gzip if the name ends in ".gz". kUnavailable if it cannot be written.
absl::Status WriteCsv(const std::string& path, const CsvProblem& problem, const Solution& solution);

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_CSV_IO_H_
