#include "ir/weights/checksum.h"

#include <zlib.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace plimsoll::weights {
namespace {

// Below this many bytes a thread costs more than it saves.
constexpr size_t kBytesPerThread = size_t{16} << 20;
constexpr size_t kMaxThreads = 8;

uint32_t Serial(Bytes bytes, uint32_t before) {
  return static_cast<uint32_t>(
      crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.empty() ? 0 : bytes.size()));
}

}  // namespace

uint32_t Crc32(Bytes bytes, uint32_t before) {
  if (bytes.empty()) return before;
  const size_t cores = std::max<size_t>(1, std::thread::hardware_concurrency());
  const size_t count = std::min({kMaxThreads, cores, bytes.size() / kBytesPerThread});
  if (count < 2) return Serial(bytes, before);
  const size_t part = bytes.size() / count;
  std::vector<uint32_t> sums(count);
  std::vector<std::thread> threads;
  const auto range = [&](size_t i) { return i + 1 < count ? bytes.subspan(i * part, part) : bytes.subspan(i * part); };
  for (size_t i = 1; i < count; ++i) threads.emplace_back([&, i] { sums[i] = Serial(range(i), 0); });
  sums[0] = Serial(range(0), before);
  for (std::thread& thread : threads) thread.join();
  uLong sum = sums[0];
  for (size_t i = 1; i < count; ++i) sum = crc32_combine(sum, sums[i], static_cast<z_off_t>(range(i).size()));
  return static_cast<uint32_t>(sum);
}

}  // namespace plimsoll::weights
