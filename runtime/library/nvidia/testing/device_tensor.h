// For tests of NVIDIA's libraries: tensors between guard bytes, and a run through Query, Prepare and Run on a CUDA
// target.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/library.h"
#include "runtime/library/nvidia/testing/emulation.h"
#include "runtime/library/testing/operation.h"

namespace plimsoll::runtime::nvidia {

inline plan::Target CudaTarget(const char* architecture = "sm_80") {
  plan::Target target;
  target.set_kind(plan::Target::CUDA);
  target.set_architecture(architecture);
  return target;
}

inline int64_t BytesOf(plan::DataType type) { return type == plan::F64 ? 8 : type == plan::F32 ? 4 : 2; }

// Bytes at a multiple of 16 and of nothing larger (where `offset` is 0), with guards on both sides.
class GuardedBytes {
 public:
  explicit GuardedBytes(int64_t bytes, int64_t offset = 0) : bytes_(bytes), offset_(kGuard + 16 + offset) {
    const int64_t all = (offset_ + bytes_ + kGuard + 255) / 256 * 256;
    memory_.reset(static_cast<unsigned char*>(std::aligned_alloc(256, all)));
    std::memset(memory_.get(), kPattern, all);
    end_ = all;
  }
  void* data() const { return memory_.get() + offset_; }
  bool IsIntact() const {
    for (int64_t i = 0; i < end_; ++i) {
      if ((i < offset_ || i >= offset_ + bytes_) && memory_[i] != kPattern) return false;
    }
    return true;
  }

 private:
  struct Free {
    void operator()(unsigned char* memory) const { std::free(memory); }
  };
  static constexpr int64_t kGuard = 512;
  static constexpr unsigned char kPattern = 0xc5;
  int64_t bytes_, offset_, end_ = 0;
  std::unique_ptr<unsigned char[], Free> memory_;
};

// A tensor of random elements, small multiples of 1/64 that every type holds, with the elements between its strides.
class DeviceTensor {
 public:
  DeviceTensor(plan::DataType type, Dims dims, Dims strides, int seed, int64_t byte_offset = 0)
      : type_(type), dims_(std::move(dims)), strides_(std::move(strides)), bytes_(Span() * BytesOf(type), byte_offset) {
    std::mt19937 generator(seed);
    std::uniform_int_distribution<int> distribution(-64, 64);
    for (int64_t i = 0; i < Span(); ++i) StoreElement(type_, bytes_.data(), i, distribution(generator) / 64.0);
  }
  DeviceTensor(plan::DataType type, const Dims& dims, int seed) : DeviceTensor(type, dims, Dense(dims), seed) {}

  double At(const Dims& index) const { return LoadElement(type_, bytes_.data(), runtime::At(strides_, index)); }
  void* data() const { return bytes_.data(); }
  const Dims& dims() const { return dims_; }
  const Dims& strides() const { return strides_; }
  bool IsIntact() const { return bytes_.IsIntact(); }
  void Describe(MemoryDesc* desc) const { SetDesc(desc, type_, dims_, strides_); }
  // All elements, those between the strides too.
  std::vector<double> Everything() const {
    std::vector<double> values(Span());
    for (int64_t i = 0; i < Span(); ++i) values[i] = LoadElement(type_, bytes_.data(), i);
    return values;
  }
  plan::DataType type() const { return type_; }

 private:
  int64_t Span() const {
    int64_t last = 0;
    for (size_t i = 0; i < dims_.size(); ++i) {
      if (dims_[i] == 0) return 0;
      last += (dims_[i] - 1) * strides_[i];
    }
    return last + 1;
  }

  plan::DataType type_;
  Dims dims_, strides_;
  GuardedBytes bytes_;
};

// Asks, prepares and runs with the library that the rules name, and a workspace of the size that was asked for.
inline absl::Status ExecuteOnCuda(plan::LibraryOp op, std::vector<void*> operands, const plan::Target& target,
                                  PrepareOptions options = {}) {
  op.set_library(LibraryFor(op, target));
  auto needs = Query(op, target);
  if (!needs.ok()) return needs.status();
  op.set_workspace_bytes(needs->workspace_bytes);
  auto prepared = Prepare(op, target, options);
  if (!prepared.ok()) return prepared.status();
  GuardedBytes workspace(needs->workspace_bytes);
  if (needs->workspace_bytes > 0) operands.push_back(workspace.data());
  EXPECT_EQ(static_cast<int>(operands.size()), (*prepared)->operand_count());
  absl::Status status = (*prepared)->Run(operands, nullptr);
  EXPECT_TRUE(workspace.IsIntact());
  return status;
}

}  // namespace plimsoll::runtime::nvidia
