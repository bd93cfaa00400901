// Memory for a kernel under test: it starts at a multiple of 16 and ends, but for up to 15 bytes that must survive,
// where a page ends that nobody may touch; before its own page lies another such.
#pragma once

#include <cstddef>
#include <string>

namespace plimsoll::codegen {

class GuardedBuffer {
 public:
  explicit GuardedBuffer(size_t bytes);  // 0xa5 throughout
  explicit GuardedBuffer(const std::string& contents);
  GuardedBuffer(GuardedBuffer&& other) noexcept;
  GuardedBuffer& operator=(GuardedBuffer&&) = delete;
  ~GuardedBuffer();

  char* data() const { return base_ + mapped_ - kPage - padded_; }
  size_t size() const { return bytes_; }
  std::string contents() const { return std::string(data(), bytes_); }
  // Which bytes beside the buffer were written; empty if none.
  std::string Damage() const;

 private:
  static constexpr size_t kPage = 4096;
  char* base_ = nullptr;
  size_t mapped_ = 0, bytes_ = 0, padded_ = 0;
};

}  // namespace plimsoll::codegen
