#include "runtime/device/cpu/arena.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::cpu {
namespace {

// The first number in a file of one, -1 where there is none ("max").
int64_t ReadNumber(const char* path) {
  std::ifstream file(path);
  int64_t value = -1;
  return file >> value ? value : -1;
}

int64_t MemAvailable() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  while (file >> key) {
    int64_t kib = 0;
    if (key == "MemAvailable:" && file >> kib) return kib * 1024;
    std::getline(file, key);
  }
  return -1;
}

}  // namespace

absl::StatusOr<Arena> Arena::Create(int64_t size_bytes, int64_t alignment) {
  if (size_bytes < 0 || alignment < 1 || (alignment & (alignment - 1)) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("an arena of ", size_bytes, " bytes aligned to ", alignment));
  }
  Arena arena;
  if (size_bytes == 0) return arena;
  const int64_t page = sysconf(_SC_PAGESIZE);
  const int64_t spare = std::max<int64_t>(0, alignment - page);
  void* mapping = mmap(nullptr, static_cast<size_t>(size_bytes + spare), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot map an arena of ", size_bytes, " bytes: ", std::strerror(errno)));
  }
  arena.mapping_ = mapping;
  arena.mapping_bytes_ = static_cast<size_t>(size_bytes + spare);
  const auto address = reinterpret_cast<uintptr_t>(mapping);
  arena.data_ = reinterpret_cast<std::byte*>((address + alignment - 1) & ~static_cast<uintptr_t>(alignment - 1));
  arena.size_bytes_ = size_bytes;
  return arena;
}

Arena::Arena(Arena&& other) noexcept { *this = std::move(other); }

Arena& Arena::operator=(Arena&& other) noexcept {
  if (this == &other) return *this;
  Release();
  data_ = std::exchange(other.data_, nullptr);
  size_bytes_ = std::exchange(other.size_bytes_, 0);
  mapping_ = std::exchange(other.mapping_, nullptr);
  mapping_bytes_ = std::exchange(other.mapping_bytes_, 0);
  return *this;
}

Arena::~Arena() { Release(); }

void Arena::Release() {
  if (mapping_ != nullptr) munmap(mapping_, mapping_bytes_);
  mapping_ = nullptr;
}

int64_t AvailableMemoryBytes() {
  int64_t available = MemAvailable();
  int64_t limit = ReadNumber("/sys/fs/cgroup/memory.max");
  int64_t used = ReadNumber("/sys/fs/cgroup/memory.current");
  if (limit < 0) {
    limit = ReadNumber("/sys/fs/cgroup/memory/memory.limit_in_bytes");
    used = ReadNumber("/sys/fs/cgroup/memory/memory.usage_in_bytes");
  }
  // Usage counts cached file pages, which the system gives up when asked: only the limit itself is a sure bound.
  if (limit >= 0 && used >= 0) available = available < 0 ? limit : std::min(available, limit);
  return available;
}

}  // namespace plimsoll::runtime::cpu
