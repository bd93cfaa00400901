#include "compiler/codegen/cuda/emulator/guarded_buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <utility>

namespace plimsoll::codegen {
namespace {
constexpr int kFill = 0xa5;
}

GuardedBuffer::GuardedBuffer(size_t bytes) : bytes_(bytes), padded_((bytes + 15) / 16 * 16) {
  mapped_ = (padded_ + kPage - 1) / kPage * kPage + 2 * kPage;
  void* memory = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) abort();
  base_ = static_cast<char*>(memory);
  std::memset(base_, kFill, mapped_);
  mprotect(base_, kPage, PROT_NONE);
  mprotect(base_ + mapped_ - kPage, kPage, PROT_NONE);
}

GuardedBuffer::GuardedBuffer(const std::string& contents) : GuardedBuffer(contents.size()) {
  std::memcpy(data(), contents.data(), contents.size());
}

GuardedBuffer::GuardedBuffer(GuardedBuffer&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      mapped_(other.mapped_),
      bytes_(other.bytes_),
      padded_(other.padded_) {}

GuardedBuffer::~GuardedBuffer() {
  if (base_ != nullptr) munmap(base_, mapped_);
}

std::string GuardedBuffer::Damage() const {
  auto whole = [](const char* begin, const char* end) {
    for (; begin < end; ++begin)
      if (static_cast<unsigned char>(*begin) != kFill) return false;
    return true;
  };
  if (!whole(base_ + kPage, data())) return "bytes before a buffer were written";
  if (!whole(data() + bytes_, data() + padded_)) return "bytes behind a buffer were written";
  return "";
}

}  // namespace plimsoll::codegen
