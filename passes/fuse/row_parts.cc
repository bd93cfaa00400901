// The rule. A row is one block's work (or, where memory runs across the rows, 32 rows are), and a block draws only so
// much from memory: 1,024 threads with an access of 16 bytes in flight, sometimes two, and a latency of 0.6 to 0.8 us
// make 20 to 50 GB/s, whatever the whole GPU's memory gives (0.3 to 5 TB/s). Parts cost launches: each kernel waits for
// the one before, in a graph some 2 us, and 1 us more until its blocks are under way, and when they run out. So a sum
// of one row is worth parts from 0.2 MB on, a normalization from 0.08 MB; 32 rows of a normalization from 0.13 MB each
// on an A100, from 0.09 MB on an H200; 32 sums from 0.5 MB each on an A100, never on an RTX 4090.
#include "passes/fuse/row_parts.h"

#include <algorithm>

namespace plimsoll::passes {
namespace {

constexpr double kLaunchSeconds = 3e-6;
constexpr double kThreads = 1024, kBytesPerSecond = 32e9;  // that so many threads draw
constexpr double kLeastGain = 2e-6;                        // these are estimates
constexpr int64_t kWarp = 32;
constexpr int64_t kRowsInWarps = 1024;   // columns up to which several rows share a block
constexpr int64_t kHeldColumns = 16384;  // of a row that stays in registers between its passes
constexpr int64_t kHeldPart = 8192;      // the same, by blocks of 512 threads
// What a block needs to be worth it: 16 KB of f32 are half a microsecond.
constexpr int64_t kLeastAlong = 4096, kLeastAcross = 64;
constexpr int64_t kMostParts = 1024;  // rows of the reduction over the parts, which a warp takes

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t ThreadsOfBlock(const RowProblem& problem, int64_t columns) {
  if (!problem.along_memory) return 256;
  return columns > kHeldPart ? 1024 : 512;
}

// Bytes per second that rows of so many columns draw.
double Rate(const RowProblem& problem, int64_t rows, int64_t columns, const RowMachine& machine) {
  const int64_t blocks = problem.along_memory ? rows : CeilDiv(rows, kWarp);
  const auto threads = static_cast<double>(blocks * ThreadsOfBlock(problem, columns));
  return std::min(machine.bytes_per_second, threads / kThreads * kBytesPerSecond);
}

bool IsHeld(const RowProblem& problem, int64_t columns) { return problem.along_memory && columns <= kHeldColumns; }

double Bytes(const RowProblem& problem) {
  return static_cast<double>(problem.rows) * static_cast<double>(problem.columns) * problem.bytes;
}

bool KeepsAlignment(const RowProblem& problem, int64_t size) {
  const int64_t elements = size * problem.inner;
  return !problem.along_memory || elements * problem.bytes % 16 == 0;
}

// Of the divisors of the extent in [least, most], the smallest, those first that keep alignment where the row has it;
// 0: none.
int64_t DivisorBetween(const RowProblem& problem, int64_t least, int64_t most) {
  const bool aligned = KeepsAlignment(problem, problem.extent);
  int64_t best = 0, any = 0;
  auto consider = [&](int64_t count) {
    if (count < least || count > most) return;
    int64_t& found = !aligned || KeepsAlignment(problem, problem.extent / count) ? best : any;
    if (found == 0 || count < found) found = count;
  };
  for (int64_t d = 1; d <= problem.extent / d; ++d) {
    if (problem.extent % d != 0) continue;
    consider(d);
    consider(problem.extent / d);
  }
  return best != 0 ? best : any;
}

// The seam that makes the number of parts nearest to what is wanted, not four times more or less; 0: none.
int64_t NearestSeam(const RowProblem& problem, int64_t wanted, int64_t most) {
  int64_t best = 0;
  auto times = [&](int64_t count) {
    return static_cast<double>(std::max(count, wanted)) / static_cast<double>(std::min(count, wanted));
  };
  for (int64_t count : problem.seams) {
    if (count < 2 || count > most || problem.extent % count != 0 || times(count) > 4) continue;
    if (best == 0 || times(count) < times(best)) best = count;
  }
  return best;
}

}  // namespace

double SecondsWhole(const RowProblem& problem, const RowMachine& machine) {
  const int stores = problem.stores_elements ? 1 : 0;
  const int moves = (IsHeld(problem, problem.columns) ? 1 : problem.passes + stores) + stores;
  return kLaunchSeconds + moves * Bytes(problem) / Rate(problem, problem.rows, problem.columns, machine);
}

double SecondsInParts(const RowProblem& problem, const RowParts& parts, const RowMachine& machine) {
  const int64_t columns = parts.size * (problem.columns / problem.extent);
  const int reads = IsHeld(problem, columns) ? 1 : problem.passes;
  double seconds = reads * Bytes(problem) / Rate(problem, problem.rows * parts.count, columns, machine);
  if (problem.stores_elements) seconds += 2 * Bytes(problem) / machine.bytes_per_second;
  return (1 + problem.kernels + (problem.stores_elements ? 1 : 0)) * kLaunchSeconds + seconds;
}

RowParts ChooseRowParts(const RowProblem& problem, const RowMachine& machine) {
  const RowParts whole{1, problem.extent, 0};
  if (problem.rows <= 0 || problem.extent <= 1 || machine.multiprocessors <= 0) return whole;
  if (problem.along_memory && problem.columns <= kRowsInWarps) return whole;
  const int64_t blocks = problem.along_memory ? problem.rows : CeilDiv(problem.rows, kWarp);
  if (blocks >= machine.multiprocessors) return whole;
  // Blocks for two thousand threads a multiprocessor; shorter parts where more fit into registers.
  const int64_t wanted_blocks = machine.multiprocessors * (problem.along_memory ? int64_t{4} : int64_t{8});
  int64_t wanted = CeilDiv(wanted_blocks, blocks);
  if (problem.passes > 1 && problem.along_memory) wanted = std::max(wanted, CeilDiv(problem.columns, kHeldPart));
  const int64_t least = problem.along_memory ? kLeastAlong : kLeastAcross;
  const int64_t most = std::min({kMostParts, problem.columns / least, problem.extent});
  wanted = std::min(wanted, most);
  if (wanted < 2) return whole;
  RowParts parts;
  parts.count = NearestSeam(problem, wanted, most);
  if (parts.count == 0) parts.count = DivisorBetween(problem, wanted, std::min(4 * wanted, most));
  if (parts.count == 0) parts.count = DivisorBetween(problem, std::max<int64_t>(2, CeilDiv(2 * wanted, 3)), wanted);
  if (parts.count != 0) {
    parts.size = problem.extent / parts.count;
  } else {
    parts.size = problem.extent / wanted;
    if (parts.size >= 8 * kWarp) parts.size -= parts.size % kWarp;  // the parts begin aligned
    parts.count = problem.extent / parts.size;
    parts.tail = problem.extent % parts.size;
  }
  return SecondsInParts(problem, parts, machine) + kLeastGain < SecondsWhole(problem, machine) ? parts : whole;
}

}  // namespace plimsoll::passes
