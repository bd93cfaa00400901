#include "runtime/device/cuda/testing/fake_memory.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::cuda::testing {
namespace {

// Bit 62: no address that a process has on x86-64.
constexpr CUdeviceptr kOffset = CUdeviceptr{1} << 62;
constexpr size_t kGuardBytes = 256;
constexpr size_t kAlignment = 256;
constexpr auto kGuard = std::byte{0xA5};

CUdeviceptr DeviceAddress(const std::byte* host) { return reinterpret_cast<CUdeviceptr>(host) + kOffset; }

}  // namespace

FakeMemory::Block FakeMemory::Make(size_t bytes) {
  Block block;
  block.bytes = bytes;
  block.storage = std::make_unique_for_overwrite<std::byte[]>(bytes + 2 * kGuardBytes + kAlignment);
  const auto first = reinterpret_cast<uintptr_t>(block.storage.get()) + kGuardBytes;
  block.data = reinterpret_cast<std::byte*>((first + kAlignment - 1) / kAlignment * kAlignment);
  std::memset(block.data - kGuardBytes, static_cast<int>(kGuard), kGuardBytes);
  std::memset(block.data + bytes, static_cast<int>(kGuard), kGuardBytes);
  // Not a number in f32, f16 and bf16, and out of any range as an index.
  const auto garbage = static_cast<int>(random_() % 2 == 0 ? 0xFF : 0x7F);
  std::memset(block.data, garbage, bytes);
  return block;
}

bool FakeMemory::Overwritten(const Block& block) {
  const auto intact = [](const std::byte* guard) {
    return std::all_of(guard, guard + kGuardBytes, [](std::byte b) { return b == kGuard; });
  };
  return !intact(block.data - kGuardBytes) || !intact(block.data + block.bytes);
}

CUdeviceptr FakeMemory::Allocate(size_t bytes) {
  if (static_cast<int64_t>(bytes) > free_bytes()) return 0;
  Block block = Make(bytes);
  const CUdeviceptr address = DeviceAddress(block.data);
  blocks_.emplace(address, std::move(block));
  used_bytes_ += static_cast<int64_t>(bytes);
  peak_bytes_ = std::max(peak_bytes_, used_bytes_);
  return address;
}

bool FakeMemory::Free(CUdeviceptr address, bool* overwritten) {
  const auto found = blocks_.find(address);
  if (found == blocks_.end()) return false;
  *overwritten = Overwritten(found->second);
  used_bytes_ -= static_cast<int64_t>(found->second.bytes);
  blocks_.erase(found);
  return true;
}

void* FakeMemory::AllocateHost(size_t bytes) {
  Block block = Make(bytes);
  std::byte* address = block.data;
  pinned_.emplace(address, std::move(block));
  return address;
}

bool FakeMemory::FreeHost(void* address) { return pinned_.erase(static_cast<std::byte*>(address)) == 1; }

std::byte* FakeMemory::HostAddress(CUdeviceptr address, size_t bytes) const {
  auto next = blocks_.upper_bound(address);
  if (next == blocks_.begin()) return nullptr;
  const auto& [begin, block] = *std::prev(next);
  const size_t offset = address - begin;
  if (offset > block.bytes || bytes > block.bytes - offset) return nullptr;
  return block.data + offset;
}

bool FakeMemory::IsPinned(const void* address) const {
  auto* wanted = static_cast<std::byte*>(const_cast<void*>(address));
  auto next = pinned_.upper_bound(wanted);
  if (next == pinned_.begin()) return false;
  const auto& [begin, block] = *std::prev(next);
  return wanted < begin + block.bytes;
}

std::string FakeMemory::CheckGuards() const {
  for (const auto& [address, block] : blocks_) {
    if (Overwritten(block)) return absl::StrCat("bytes beside an allocation of ", block.bytes, " bytes were written");
  }
  for (const auto& [address, block] : pinned_) {
    if (Overwritten(block)) return absl::StrCat("bytes beside ", block.bytes, " pinned bytes were written");
  }
  return "";
}

}  // namespace plimsoll::runtime::cuda::testing
