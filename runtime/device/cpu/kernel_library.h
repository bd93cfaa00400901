// Compiled kernels: a shared object, opened from memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ir/plan/plan.pb.h"

namespace plimsoll::runtime::cpu {

// Computes the tiles [begin, end). `buffers`: addresses of the inputs, then of the outputs.
using Kernel = void (*)(const void* const* buffers, int64_t begin, int64_t end);

class KernelLibrary {
 public:
  // Opens the bytes of a shared object. They must have been checked against their checksum: the dynamic linker trusts
  // what it reads. kDataLoss where it refuses; `name` is for messages.
  static absl::StatusOr<std::unique_ptr<KernelLibrary>> Open(std::span<const std::byte> bytes, const std::string& name);
  ~KernelLibrary();
  KernelLibrary(const KernelLibrary&) = delete;
  KernelLibrary& operator=(const KernelLibrary&) = delete;

  // kDataLoss where the object does not define it.
  absl::StatusOr<Kernel> Find(const std::string& symbol) const;

 private:
  KernelLibrary(std::string name, int file, void* handle) : name_(std::move(name)), file_(file), handle_(handle) {}

  std::string name_;
  int file_;  // open as long as the library: the linker knows objects by path, and the path holds this number
  void* handle_;
};

// Whether this CPU runs the kernels of `target`: its isa level and every one of its features. kFailedPrecondition
// lists what is missing.
absl::Status CheckCpu(const plan::Target& target);

}  // namespace plimsoll::runtime::cpu
