#include "compiler/codegen/cuda/emulator/traffic.h"

#include <algorithm>
#include <array>
#include <set>

#include "compiler/codegen/cuda/emulator/fibers.h"

namespace plimsoll::codegen {
namespace {
constexpr int kWarp = 32, kBanks = 32, kWord = 4, kSector = 32;
}  // namespace

TrafficCounter* traffic_counter = nullptr;

void EmulatedAccess(int32_t site, int32_t shared, const void* address, int32_t bytes) {
  if (traffic_counter != nullptr)
    traffic_counter->Access(site, shared != 0, reinterpret_cast<uintptr_t>(address), bytes);
}

void TrafficCounter::Access(int site, bool shared, uintptr_t address, int bytes) {
  const int thread = emulated_thread.thread;
  const int visit = visits_[{thread, site}]++;
  Touched& access = accesses_[{thread / kWarp, site, visit}];
  access.shared = shared;
  access.bytes = bytes;
  access.lanes.emplace_back(thread % kWarp, address);
}

void TrafficCounter::EndBlock() {
  for (const auto& [key, access] : accesses_) Count(access);
  accesses_.clear();
  visits_.clear();
}

void TrafficCounter::Count(const Touched& access) {
  if (!access.shared) {
    std::set<uintptr_t> sectors;
    for (auto [lane, address] : access.lanes)
      for (uintptr_t sector = address / kSector; sector <= (address + access.bytes - 1) / kSector; ++sector)
        sectors.insert(sector);
    ++traffic_.accesses;
    traffic_.global_bytes += static_cast<int64_t>(access.lanes.size()) * access.bytes;
    traffic_.sector_bytes += static_cast<int64_t>(sectors.size()) * kSector;
    return;
  }
  const int parts = std::max(1, access.bytes / kWord);
  for (int part = 0; part < parts; ++part) {
    std::array<std::set<uintptr_t>, kBanks> words;
    for (auto [lane, address] : access.lanes) {
      if (lane / (kWarp / parts) != part) continue;
      for (uintptr_t word = address / kWord; word <= (address + access.bytes - 1) / kWord; ++word)
        words[word % kBanks].insert(word);
    }
    size_t busiest = 0;
    for (const auto& bank : words) busiest = std::max(busiest, bank.size());
    if (busiest == 0) continue;
    traffic_.shared_cycles += static_cast<int64_t>(busiest);
    ++traffic_.shared_least;
  }
}

}  // namespace plimsoll::codegen
