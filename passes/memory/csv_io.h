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
  std::vector<std::string> ids;         // By buffer.
  std::vector<std::string> region_ids;  // By forbidden region. All ids differ.
  std::vector<std::string> names;       // By buffer, for people; empty where there is no such column. Not read.
  bool has_alignment = false;
  bool has_fixed_offset = false;
  bool has_arena = false;
  bool has_may_share = false;
  bool has_forbidden = false;
};

// Reads "id,lower,upper,size" and, where they are, these columns, in any order, others ignored; [lower, upper) is
// half-open, sizes are in bytes:
//   alignment     the offset is a multiple of it
//   fixed_offset  empty: free
//   arena         a number from 0 on
//   may_share     the ids, separated by spaces, of the buffers with which it may be at one offset although both are
//                 alive; either of the two may name the other
//   forbidden     1: the line is no buffer but a region, [fixed_offset, fixed_offset + size), that no buffer may touch
//                 while the region is there; it does not count towards the arena's size. 0 or empty: a buffer
// Blank lines, a byte order mark and carriage returns are accepted. kInvalidArgument names the line (counted from 1)
// and the reason.
absl::StatusOr<CsvProblem> ParseCsv(absl::string_view text);

// ParseCsv on a file, plain or gzip. kNotFound or kUnavailable if it cannot be read, kDataLoss if its gzip stream is
// broken; every message names the file.
absl::StatusOr<CsvProblem> ReadCsv(const std::string& path);

// The columns of the problem, then "offset": a line for each buffer in the order read, then one for each region.
std::string FormatCsv(const CsvProblem& problem, const Solution& solution);
// Without "offset".
std::string FormatCsv(const CsvProblem& problem);

// FormatCsv to a file, gzip if the name ends in ".gz". kUnavailable if it cannot be written.
absl::Status WriteCsv(const std::string& path, const CsvProblem& problem, const Solution& solution);

}  // namespace plimsoll::memory

#endif  // PLIMSOLL_PASSES_MEMORY_CSV_IO_H_
