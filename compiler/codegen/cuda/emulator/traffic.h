// What a kernel's warps ask of memory, as the emulator sees it: the judge of coalescing where there is no GPU.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

namespace plimsoll::codegen {

// Sums over the accesses of warps: the same load or store of all lanes that come to it for the same time. Sectors are
// the 32 bytes that global memory moves at the least (CUDA C++ Best Practices Guide, "Coalesced Access to Global
// Memory"); what caches keep between accesses is not seen. Shared memory has 32 banks of 4 bytes: an access takes a
// cycle for each distinct word of its busiest bank. 8 bytes a lane are the accesses of two half warps, 16 of four
// quarters.
struct MemoryTraffic {
  int64_t accesses = 0;      // of warps to global memory
  int64_t global_bytes = 0;  // that lanes asked for
  int64_t sector_bytes = 0;  // of the sectors that hold them
  int64_t shared_cycles = 0;
  int64_t shared_least = 0;  // without conflicts
};

class TrafficCounter {
 public:
  // One access of the thread that runs (emulated_thread). `site`: of the code; the same for all threads.
  void Access(int site, bool shared, uintptr_t address, int bytes);
  // The block has ended.
  void EndBlock();
  const MemoryTraffic& traffic() const { return traffic_; }

 private:
  struct Touched {
    bool shared = false;
    int bytes = 0;
    std::vector<std::pair<int, uintptr_t>> lanes;  // lane and address
  };
  void Count(const Touched& access);

  std::map<std::tuple<int, int, int>, Touched> accesses_;  // by warp, site and how often a lane has been there
  std::map<std::pair<int, int>, int> visits_;              // by thread and site
  MemoryTraffic traffic_;
};

// The counter that instrumented code reports to; null: none.
extern TrafficCounter* traffic_counter;
void EmulatedAccess(int32_t site, int32_t shared, const void* address, int32_t bytes);

}  // namespace plimsoll::codegen
